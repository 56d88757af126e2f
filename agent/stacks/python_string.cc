// SPDX-License-Identifier: Apache-2.0
#include "stacks/python_string.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <vector>

namespace loopstall::stacks {
namespace {

// struct PyASCIIObject: `state`, the same bits from 3.8 to 3.14 in builds with a GIL.
constexpr uint32_t kind_of(uint32_t state) { return (state >> 2) & 7; }
constexpr bool is_compact(uint32_t state) { return (state & (1 << 5)) != 0; }
constexpr bool is_ascii(uint32_t state) { return (state & (1 << 6)) != 0; }

constexpr uint32_t kReplacement = 0xfffd;

uint32_t sanitised(uint32_t character) {
  const bool surrogate = character >= 0xd800 && character < 0xe000;
  return surrogate || character > 0x10ffff ? kReplacement : character;
}

/// Appends unless the text would grow beyond `limit`.
bool append_utf8(std::string& text, uint32_t character, std::size_t limit) {
  std::array<char, 4> bytes;
  std::size_t count = 0;
  const auto tail = [&](int shift) {
    bytes[count++] = static_cast<char>(0x80 | ((character >> shift) & 0x3f));
  };
  if (character < 0x80) {
    bytes[count++] = static_cast<char>(character);
  } else if (character < 0x800) {
    bytes[count++] = static_cast<char>(0xc0 | (character >> 6));
    tail(0);
  } else if (character < 0x10000) {
    bytes[count++] = static_cast<char>(0xe0 | (character >> 12));
    tail(6);
    tail(0);
  } else {
    bytes[count++] = static_cast<char>(0xf0 | (character >> 18));
    tail(12);
    tail(6);
    tail(0);
  }
  if (text.size() + count > limit) return false;
  text.append(bytes.data(), count);
  return true;
}

uint32_t character_at(const std::vector<uint8_t>& data, std::size_t index, uint32_t kind) {
  uint32_t character = 0;
  // Little-endian, as the target is.
  std::memcpy(&character, data.data() + index * kind, kind);
  return character;
}

}  // namespace

tl::expected<std::string, std::string_view> read_python_string(const MemoryReader& memory,
                                                               const PythonLayout& layout,
                                                               uint64_t address,
                                                               std::size_t limit) {
  using namespace std::string_view_literals;
  std::array<uint8_t, PythonLayout::kUnicodeState + 4> header;
  if (address == 0 || !memory.read(address, header.data(), header.size())) {
    return tl::unexpected("unreadable_memory"sv);
  }
  uint64_t length = 0;
  uint32_t state = 0;
  std::memcpy(&length, header.data() + PythonLayout::kUnicodeLength, sizeof length);
  std::memcpy(&state, header.data() + PythonLayout::kUnicodeState, sizeof state);
  const uint32_t kind = kind_of(state);
  const bool ascii = is_ascii(state);
  if (!is_compact(state) || (kind != 1 && kind != 2 && kind != 4) || (ascii && kind != 1)) {
    return tl::unexpected("unreadable_name"sv);
  }

  const std::size_t characters = std::min<uint64_t>(length, limit);
  std::vector<uint8_t> data(characters * kind);
  const uint64_t header_size = ascii ? layout.unicode.ascii_header : layout.unicode.compact_header;
  if (!data.empty() && !memory.read(address + header_size, data.data(), data.size())) {
    return tl::unexpected("unreadable_memory"sv);
  }
  std::string text;
  for (std::size_t i = 0; i < characters; ++i) {
    uint32_t character = sanitised(character_at(data, i, kind));
    if (ascii && character >= 0x80) character = kReplacement;
    if (!append_utf8(text, character, limit)) break;
  }
  return text;
}

}  // namespace loopstall::stacks
