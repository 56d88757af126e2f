// SPDX-License-Identifier: Apache-2.0
#include "stacks/python_debug_offsets.h"

#include <array>
#include <cstring>
#include <string_view>
#include <utility>

namespace loopstall::stacks {
namespace {

constexpr std::string_view kCookie = "xdebugpy";
constexpr std::size_t kHeadBytes = 24;  // cookie, version, free_threaded

/// Byte positions of the offsets, each beside that of its structure's size.
struct Position {
  uint16_t size_of_structure;
  uint16_t offset;
};

struct Positions {
  std::size_t bytes;
  Position interpreters_head;
  Position interpreter_next, threads_head, gc, ceval_gil;
  // Of the GIL structure that lies in the interpreter, and of its fields from the same start.
  Position gil_state, gil_locked, gil_holder;
  Position thread_next, thread_interpreter, current_frame, thread_id, native_thread_id;
  Position frame_previous, executable, instruction, owner;
  Position filename, name, qualname, line_table, firstlineno, argcount, adaptive;
  Position object_type, bytes_size, bytes_data;
  uint16_t unicode_size;
  Position unicode_state, unicode_length, ascii_size;
  Position gc_collecting;
};

constexpr Positions kPositions313 = {
    .bytes = kDebugOffsetsBytes313,
    .interpreters_head = {24, 40},
    .interpreter_next = {48, 64},
    .threads_head = {48, 72},
    .gc = {48, 80},
    .ceval_gil = {48, 112},
    .gil_state = {48, 120},
    .gil_locked = {48, 136},
    .gil_holder = {48, 144},
    .thread_next = {152, 168},
    .thread_interpreter = {152, 176},
    .current_frame = {152, 184},
    .thread_id = {152, 192},
    .native_thread_id = {152, 200},
    .frame_previous = {224, 232},
    .executable = {224, 240},
    .instruction = {224, 248},
    .owner = {224, 264},
    .filename = {272, 280},
    .name = {272, 288},
    .qualname = {272, 296},
    .line_table = {272, 304},
    .firstlineno = {272, 312},
    .argcount = {272, 320},
    .adaptive = {272, 344},
    .object_type = {352, 360},
    .bytes_size = {512, 520},
    .bytes_data = {512, 528},
    .unicode_size = 536,
    .unicode_state = {536, 544},
    .unicode_length = {536, 552},
    .ascii_size = {536, 560},
    .gc_collecting = {568, 576},
};

constexpr Positions kPositions314 = {
    .bytes = kDebugOffsetsBytes,
    .interpreters_head = {24, 40},
    .interpreter_next = {48, 64},
    .threads_head = {48, 72},
    .gc = {48, 88},
    .ceval_gil = {48, 120},
    .gil_state = {48, 128},
    .gil_locked = {48, 144},
    .gil_holder = {48, 152},
    .thread_next = {176, 192},
    .thread_interpreter = {176, 200},
    .current_frame = {176, 208},
    .thread_id = {176, 216},
    .native_thread_id = {176, 224},
    .frame_previous = {248, 256},
    .executable = {248, 264},
    .instruction = {248, 272},
    .owner = {248, 288},
    .filename = {312, 320},
    .name = {312, 328},
    .qualname = {312, 336},
    .line_table = {312, 344},
    .firstlineno = {312, 352},
    .argcount = {312, 360},
    .adaptive = {312, 384},
    .object_type = {400, 408},
    .bytes_size = {592, 600},
    .bytes_data = {592, 608},
    .unicode_size = 616,
    .unicode_state = {616, 624},
    .unicode_length = {616, 632},
    .ascii_size = {616, 640},
    .gc_collecting = {648, 656},
};

const Positions* positions_of(PythonVersion version) {
  if (version == PythonVersion{3, 13}) return &kPositions313;
  if (version == PythonVersion{3, 14}) return &kPositions314;
  return nullptr;
}

uint64_t word(std::span<const std::byte> data, std::size_t at) {
  uint64_t value = 0;
  std::memcpy(&value, data.data() + at, sizeof value);
  return value;
}

/// Reads offsets, and remembers whether all of them could be.
class Offsets {
 public:
  explicit Offsets(std::span<const std::byte> data) : data_(data) {}

  /// Of a field of `bytes`, naturally aligned, inside its structure and below `limit`.
  uint32_t field(Position position, uint32_t bytes, uint32_t limit = kMaxStructureBytes) {
    const uint64_t size = word(data_, position.size_of_structure);
    const uint64_t offset = word(data_, position.offset);
    if (size > kMaxStructureBytes || offset >= size || bytes > size - offset ||
        offset % bytes != 0 || offset + bytes > limit) {
      valid_ = false;
      return 0;
    }
    return static_cast<uint32_t>(offset);
  }
  uint64_t plain(uint16_t at) const { return word(data_, at); }
  bool valid() const { return valid_; }

 private:
  // sizeof(PyInterpreterState) is 300,000 bytes in 3.14.
  static constexpr uint32_t kMaxStructureBytes = 4 * 1024 * 1024;

  std::span<const std::byte> data_;
  bool valid_ = true;
};

}  // namespace

std::optional<DebugOffsetsHead> debug_offsets_head(std::span<const std::byte> data) {
  if (data.size() < kHeadBytes || std::memcmp(data.data(), kCookie.data(), kCookie.size()) != 0) {
    return std::nullopt;
  }
  return DebugOffsetsHead{static_cast<uint32_t>(word(data, 8)), word(data, 16) != 0};
}

tl::expected<PythonLayout, DebugOffsetsFault> layout_from_debug_offsets(
    std::span<const std::byte> data, const PythonLayout& table) {
  const auto head = debug_offsets_head(data);
  const Positions* at = positions_of(table.version);
  const uint32_t version = uint32_t{table.version.major} << 8 | table.version.minor;
  if (!head || at == nullptr || head->version_hex >> 16 != version || word(data, 16) > 1 ||
      data.size() < at->bytes) {
    return tl::unexpected(DebugOffsetsFault::invalid);
  }
  // What the walkers read of a frame and of a code object at once (bpf/maps.bpf.h).
  constexpr uint32_t kWalkedBytes = 120;
  constexpr uint32_t kCodeHeadBytes = 192;
  Offsets offsets(data);
  PythonLayout layout = table;
  layout.runtime.interpreters_head = offsets.field(at->interpreters_head, 8);
  layout.runtime.auto_tss_key += layout.runtime.interpreters_head - table.runtime.interpreters_head;
  layout.interpreter.next = offsets.field(at->interpreter_next, 8);
  layout.interpreter.threads_head = offsets.field(at->threads_head, 8);
  layout.interpreter.gil = offsets.field(at->ceval_gil, 8);
  layout.interpreter.gc_collecting = offsets.field(at->gc, 4) + offsets.field(at->gc_collecting, 4);
  layout.thread.next = offsets.field(at->thread_next, 8);
  layout.thread.interpreter = offsets.field(at->thread_interpreter, 8);
  layout.thread.top_frame = offsets.field(at->current_frame, 8);
  layout.thread.thread_id = offsets.field(at->thread_id, 8);
  layout.thread.native_thread_id = offsets.field(at->native_thread_id, 8);
  layout.frame.previous = offsets.field(at->frame_previous, 8, kWalkedBytes);
  layout.frame.code = offsets.field(at->executable, 8, kWalkedBytes);
  layout.frame.instruction = offsets.field(at->instruction, 8, kWalkedBytes);
  layout.frame.owner = offsets.field(at->owner, 1, kWalkedBytes);
  layout.code.filename = offsets.field(at->filename, 8, kCodeHeadBytes);
  layout.code.name = offsets.field(at->name, 8, kCodeHeadBytes);
  layout.code.qualname = offsets.field(at->qualname, 8, kCodeHeadBytes);
  layout.code.line_table = offsets.field(at->line_table, 8, kCodeHeadBytes);
  layout.code.firstlineno = offsets.field(at->firstlineno, 4, kCodeHeadBytes);
  layout.code.argcount = offsets.field(at->argcount, 4, kCodeHeadBytes);
  layout.code.adaptive = offsets.field(at->adaptive, 2);
  layout.code.flags += layout.code.firstlineno - table.code.firstlineno;
  layout.unicode.ascii_header = offsets.field(at->ascii_size, 1);
  // PyUnicodeObject is the compact object and a pointer.
  layout.unicode.compact_header = static_cast<uint32_t>(offsets.plain(at->unicode_size)) - 8;

  const uint32_t gil = offsets.field(at->gil_state, 8);
  const std::array same = {
      std::pair{offsets.field(at->gil_locked, 4) - gil, PythonLayout::kGilLocked},
      std::pair{offsets.field(at->gil_holder, 8) - gil, PythonLayout::kGilLastHolder},
      std::pair{offsets.field(at->object_type, 8), PythonLayout::kObjectType},
      std::pair{offsets.field(at->bytes_size, 8), PythonLayout::kVarObjectSize},
      std::pair{offsets.field(at->bytes_data, 1), PythonLayout::kBytesData},
      std::pair{offsets.field(at->unicode_state, 4), PythonLayout::kUnicodeState},
      std::pair{offsets.field(at->unicode_length, 8), PythonLayout::kUnicodeLength},
  };
  // The kernel side reads from the flags to the name, and both lie in the head of the object.
  const bool walkable = layout.code.flags < layout.code.firstlineno &&
                        layout.code.firstlineno < layout.code.name &&
                        layout.code.name + 8 - (layout.code.flags & ~7u) <= kWalkedBytes;
  if (!offsets.valid() || !walkable) return tl::unexpected(DebugOffsetsFault::invalid);
  for (const auto& [told, ours] : same) {
    if (told != ours) return tl::unexpected(DebugOffsetsFault::not_known);
  }
  return layout;
}

}  // namespace loopstall::stacks
