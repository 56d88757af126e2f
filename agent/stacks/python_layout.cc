// SPDX-License-Identifier: Apache-2.0
#include "stacks/python_layout.h"

#include <array>

namespace loopstall::stacks {
namespace {

constexpr PythonLayout python38() {
  PythonLayout layout{};
  layout.version = {3, 8};
  layout.runtime = {.interpreters_head = 32,
                    .auto_tss_key = 1392,
                    .gil = 1152,
                    .tstate_current = 1368,
                    .gc_collecting = 544};
  layout.interpreter = {.next = 0, .threads_head = 8};
  layout.thread = {.next = 8, .interpreter = 16, .thread_id = 176, .top_frame = 24};
  layout.frame = {.code = 32,
                  .previous = 24,
                  .instruction = 104,
                  .instruction_kind = InstructionKind::lasti_bytes};
  layout.code = {.flags = 36,
                 .firstlineno = 40,
                 .filename = 104,
                 .name = 112,
                 .line_table = 120,
                 .argcount = 16};
  layout.unicode = {.ascii_header = 48, .compact_header = 72};
  layout.line_table_kind = LineTableKind::lnotab;
  return layout;
}

constexpr PythonLayout python39() {
  PythonLayout layout = python38();
  layout.version = {3, 9};
  layout.runtime = {
      .interpreters_head = 32, .auto_tss_key = 584, .gil = 352, .tstate_current = 568};
  layout.interpreter.gc_collecting = 816;
  return layout;
}

constexpr PythonLayout python310() {
  PythonLayout layout = python39();
  layout.version = {3, 10};
  layout.frame.instruction = 96;
  layout.frame.instruction_kind = InstructionKind::lasti_units;
  layout.line_table_kind = LineTableKind::linetable310;
  return layout;
}

constexpr PythonLayout python311() {
  PythonLayout layout{};
  layout.version = {3, 11};
  layout.runtime = {
      .interpreters_head = 40, .auto_tss_key = 592, .gil = 360, .tstate_current = 576};
  layout.interpreter = {.next = 0, .threads_head = 16, .gc_collecting = 848};
  layout.thread = {.next = 8,
                   .interpreter = 16,
                   .thread_id = 152,
                   .native_thread_id = 160,
                   .top_frame = 56,
                   .top_frame_indirect = 1,
                   .cframe_current_frame = 8};
  layout.frame = {.code = 32, .previous = 48, .instruction = 56, .owner = 69};
  layout.code = {.flags = 48,
                 .firstlineno = 72,
                 .filename = 112,
                 .name = 120,
                 .qualname = 128,
                 .line_table = 136,
                 .adaptive = 184,
                 .argcount = 56};
  layout.unicode = {.ascii_header = 48, .compact_header = 72};
  return layout;
}

constexpr PythonLayout python312() {
  PythonLayout layout = python311();
  layout.version = {3, 12};
  layout.runtime = {.interpreters_head = 40, .auto_tss_key = 1544};
  layout.interpreter = {.next = 0, .threads_head = 72, .gil = 384, .gc_collecting = 312};
  layout.thread.thread_id = 136;
  layout.thread.native_thread_id = 144;
  layout.thread.cframe_current_frame = 0;
  layout.frame = {.code = 0, .previous = 8, .instruction = 56, .owner = 70, .skip_owner_from = 3};
  layout.code.firstlineno = 68;
  layout.code.argcount = 52;
  layout.code.adaptive = 192;
  layout.unicode = {.ascii_header = 40, .compact_header = 56};
  return layout;
}

constexpr PythonLayout python313() {
  PythonLayout layout = python312();
  layout.version = {3, 13};
  layout.runtime = {.interpreters_head = 632, .auto_tss_key = 2160};
  layout.interpreter = {.next = 7264, .threads_head = 7344, .gil = 16, .gc_collecting = 7600};
  layout.thread = {
      .next = 8, .interpreter = 16, .thread_id = 152, .native_thread_id = 160, .top_frame = 72};
  layout.code.adaptive = 200;
  return layout;
}

constexpr PythonLayout python314() {
  PythonLayout layout = python313();
  layout.version = {3, 14};
  layout.runtime = {.interpreters_head = 808, .auto_tss_key = 2336};
  layout.interpreter.next = 7272;
  layout.frame.owner = 74;
  layout.frame.code_tag_mask = 3;  // _PyStackRef: the low bits tell borrowed and immortal ones
  layout.code.adaptive = 208;
  return layout;
}

constexpr std::array kLayouts = {python38(),  python39(),  python310(), python311(),
                                 python312(), python313(), python314()};

}  // namespace

const PythonLayout* python_layout(PythonVersion version) {
  for (const PythonLayout& layout : kLayouts) {
    if (layout.version == version) return &layout;
  }
  return nullptr;
}

std::optional<ThreadSlot> pthread_slot_offset(Libc libc, uint32_t key) {
  if (libc == Libc::glibc) {
    constexpr uint32_t kBlock = 32;       // keys per block; the first lies inside struct pthread
    constexpr uint32_t kKeysMax = 1'024;  // PTHREAD_KEYS_MAX
    constexpr uint32_t kPair = 16;        // {uintptr_t sequence; void* value}
    if (key >= kKeysMax) return std::nullopt;
    const uint32_t in_block = key % kBlock * kPair + 8;
    if (key < kBlock) return ThreadSlot{.slot_offset = 0x310 + in_block};
    return ThreadSlot{
        .dereference = 1, .pointer_offset = 0x510 + key / kBlock * 8, .slot_offset = in_block};
  }
  if (libc == Libc::musl) {
    constexpr uint32_t kKeysMax = 128;
    if (key >= kKeysMax) return std::nullopt;
    return ThreadSlot{.dereference = 1, .pointer_offset = 0x80, .slot_offset = key * 8};
  }
  return std::nullopt;
}

}  // namespace loopstall::stacks
