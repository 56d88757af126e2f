// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "memory_fake.h"
#include "stacks/python_layout.h"

// CPython's objects, laid out in a FakeMemory.

namespace loopstall::stacks {

enum class StringKind { ascii, latin1, ucs2, ucs4 };

inline uint32_t character_bytes(StringKind kind) {
  return kind == StringKind::ucs4 ? 4 : kind == StringKind::ucs2 ? 2 : 1;
}

template <typename Character>
std::string bytes_of(const std::basic_string<Character>& text) {
  return {reinterpret_cast<const char*>(text.data()), text.size() * sizeof(Character)};
}

/// `data` is the characters' bytes.
inline void put_string(FakeMemory& memory, const PythonLayout& layout, uint64_t address,
                       StringKind kind, std::string_view data) {
  const bool ascii = kind == StringKind::ascii;
  const uint32_t header = ascii ? layout.unicode.ascii_header : layout.unicode.compact_header;
  memory.add(address, header + data.size());
  memory.put<uint64_t>(address + 16, data.size() / character_bytes(kind));
  // interned 0, kind in bits 2 to 4, compact, ascii.
  memory.put<uint32_t>(address + 32, character_bytes(kind) << 2 | 1 << 5 | (ascii ? 1 << 6 : 0));
  memory.write(address + header, data.data(), data.size());
}

inline void put_bytes(FakeMemory& memory, uint64_t address, std::string_view data) {
  memory.add(address, 32 + data.size());
  memory.put<uint64_t>(address + 16, data.size());
  memory.write(address + 32, data.data(), data.size());
}

inline constexpr uint64_t kCodeType = 0x5600'0000'0100;

struct FakeCode {
  uint64_t name = 0;
  uint64_t qualname = 0;
  uint64_t filename = 0;
  uint64_t line_table = 0;
  uint32_t firstlineno = 1;
  uint32_t flags = 3;
};

/// Only the head: what is read of it.
inline void put_code(FakeMemory& memory, const PythonLayout& layout, uint64_t address,
                     const FakeCode& code) {
  memory.add(address, 256);
  memory.put<uint64_t>(address + 8, kCodeType);
  memory.put<uint64_t>(address + layout.code.name, code.name);
  if (layout.code.qualname != PythonLayout::kAbsent) {
    memory.put<uint64_t>(address + layout.code.qualname, code.qualname);
  }
  memory.put<uint64_t>(address + layout.code.filename, code.filename);
  memory.put<uint64_t>(address + layout.code.line_table, code.line_table);
  memory.put<uint32_t>(address + layout.code.firstlineno, code.firstlineno);
  memory.put<uint32_t>(address + layout.code.flags, code.flags);
}

}  // namespace loopstall::stacks
