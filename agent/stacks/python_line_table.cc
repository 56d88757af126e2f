// SPDX-License-Identifier: Apache-2.0
#include "stacks/python_line_table.h"

#include <cstddef>

namespace loopstall::stacks {
namespace {

// Line numbers are sums of hostile deltas: they are added as int64 and end as an int or 0.
int bounded_line(int64_t line) {
  constexpr int64_t kMaxLine = 1'000'000'000;
  return line > 0 && line <= kMaxLine ? static_cast<int>(line) : 0;
}

/// Pairs of (bytes of code, signed lines) that lead from one line to the next.
int lnotab_line(std::span<const uint8_t> table, int firstlineno, int32_t instruction) {
  int64_t line = firstlineno;
  int64_t address = 0;
  for (std::size_t at = 0; at + 1 < table.size(); at += 2) {
    address += table[at];
    if (address > instruction) break;
    line += static_cast<int8_t>(table[at + 1]);
  }
  return bounded_line(line);
}

/// Pairs of (bytes of code, signed lines): the lines come before the range that they are for, and
/// -128 marks a range without a line.
int linetable310_line(std::span<const uint8_t> table, int firstlineno, int32_t instruction) {
  constexpr int8_t kNoLine = -128;
  int64_t line = firstlineno;
  int64_t end = 0;
  for (std::size_t at = 0; at + 1 < table.size(); at += 2) {
    end += table[at];
    const auto delta = static_cast<int8_t>(table[at + 1]);
    if (delta != kNoLine) line += delta;
    if (instruction < end) return delta == kNoLine ? 0 : bounded_line(line);
  }
  return 0;
}

/// Variable-length numbers of the location table: six bits a byte, bit 6 says that more follow.
/// None has more than 32 bits: a hostile table whose every byte goes on must not be read once per
/// entry.
class Varints {
 public:
  Varints(std::span<const uint8_t> table, std::size_t at) : table_(table), at_(at) {}

  uint32_t next() {
    uint32_t value = 0;
    for (int shift = 0; shift < 32 && at_ < table_.size(); shift += 6) {
      const uint8_t byte = table_[at_++];
      value |= static_cast<uint32_t>(byte & 63) << shift;
      if ((byte & 64) == 0) break;
    }
    return value;
  }

  int32_t next_signed() {
    const uint32_t value = next();
    const auto magnitude = static_cast<int32_t>(value >> 1);
    return (value & 1) != 0 ? -magnitude : magnitude;
  }

 private:
  std::span<const uint8_t> table_;
  std::size_t at_;
};

int32_t line_delta(std::span<const uint8_t> table, std::size_t entry, int code) {
  constexpr int kOneLineForm = 10;  // to 12: that many lines further
  constexpr int kNoColumns = 13;
  constexpr int kLongForm = 14;
  if (code >= kOneLineForm && code < kNoColumns) return code - kOneLineForm;
  if (code == kNoColumns || code == kLongForm) return Varints(table, entry + 1).next_signed();
  return 0;
}

/// Entries that begin with a byte with bit 7 set: a form, and a length in two-byte code units.
/// The columns behind it are skipped by looking for the next such byte.
int location311_line(std::span<const uint8_t> table, int firstlineno, int32_t instruction) {
  constexpr int kNoLocation = 15;
  int64_t line = firstlineno;
  int64_t end = 0;
  for (std::size_t at = 0; at < table.size();) {
    const int code = (table[at] >> 3) & 15;
    end += ((table[at] & 7) + 1) * 2;
    line += line_delta(table, at, code);
    if (instruction < end) return code == kNoLocation ? 0 : bounded_line(line);
    ++at;
    while (at < table.size() && (table[at] & 128) == 0) ++at;
  }
  return 0;
}

}  // namespace

int python_line(LineTableKind kind, std::span<const uint8_t> table, int firstlineno,
                int32_t instruction) {
  if (instruction < 0) return bounded_line(firstlineno);
  switch (kind) {
    case LineTableKind::lnotab:
      return lnotab_line(table, firstlineno, instruction);
    case LineTableKind::linetable310:
      return linetable310_line(table, firstlineno, instruction);
    case LineTableKind::location311:
      return location311_line(table, firstlineno, instruction);
  }
  return 0;
}

}  // namespace loopstall::stacks
