// SPDX-License-Identifier: Apache-2.0
#include "stacks/python_walker.h"

#include <algorithm>
#include <limits>
#include <optional>
#include <vector>

namespace loopstall::stacks {
namespace {

// A shim frame stands for each C call into the interpreter: no more of them than Python frames,
// plus the outermost.
constexpr int kMaxSteps = 2 * kMaxWalkedFrames + 1;

/// 0 when the thread runs no Python code; empty when it cannot be read.
std::optional<uint64_t> top_frame(const MemoryReader& memory, const PythonLayout& layout,
                                  uint64_t tstate) {
  const auto top = memory.value<uint64_t>(tstate + layout.thread.top_frame);
  if (!top || layout.thread.top_frame_indirect == 0) return top;
  return memory.value<uint64_t>(*top + layout.thread.cframe_current_frame);
}

/// Bytes from the first instruction of `code`; empty when the field cannot be read.
std::optional<int32_t> instruction_offset(const MemoryReader& memory, const PythonLayout& layout,
                                          uint64_t frame, uint64_t code) {
  const uint64_t address = frame + layout.frame.instruction;
  if (layout.frame.instruction_kind == InstructionKind::pointer) {
    const auto pointer = memory.value<uint64_t>(address);
    if (!pointer) return std::nullopt;
    const auto offset = static_cast<int64_t>(*pointer - (code + layout.code.adaptive));
    return static_cast<int32_t>(
        std::clamp<int64_t>(offset, -1, std::numeric_limits<int32_t>::max()));
  }
  const auto last = memory.value<int32_t>(address);
  if (!last || layout.frame.instruction_kind == InstructionKind::lasti_bytes || *last < 0) {
    return last;
  }
  return static_cast<int32_t>(
      std::min<int64_t>(int64_t{*last} * 2, std::numeric_limits<int32_t>::max()));
}

std::optional<RawFrame> read_frame(const MemoryReader& memory, const PythonProcess& process,
                                   uint64_t frame) {
  const PythonLayout& layout = *process.layout;
  const auto tagged = memory.value<uint64_t>(frame + layout.frame.code);
  if (!tagged) return std::nullopt;
  const uint64_t code = *tagged & ~layout.frame.code_tag_mask;
  const auto type = memory.value<uint64_t>(code + PythonLayout::kObjectType);
  if (!type || (process.code_type_address != 0 && *type != process.code_type_address)) {
    return std::nullopt;
  }
  const auto firstlineno = memory.value<uint32_t>(code + layout.code.firstlineno);
  const auto flags = memory.value<uint32_t>(code + layout.code.flags);
  const auto name = memory.value<uint64_t>(code + layout.code.name);
  const auto instruction = instruction_offset(memory, layout, frame, code);
  if (!firstlineno || !flags || !name || !instruction) return std::nullopt;
  return RawFrame{code, *instruction, code_check(*firstlineno, *flags, *name)};
}

bool is_shim(const MemoryReader& memory, const PythonLayout& layout, uint64_t frame) {
  if (layout.frame.owner == PythonLayout::kAbsent || layout.frame.skip_owner_from == 255) {
    return false;
  }
  const auto owner = memory.value<uint8_t>(frame + layout.frame.owner);
  return owner && *owner >= layout.frame.skip_owner_from;
}

}  // namespace

RawStack walk_python_stack(const MemoryReader& memory, const PythonProcess& process,
                           uint64_t tstate) {
  const PythonLayout& layout = *process.layout;
  RawStack stack;
  std::vector<uint64_t> seen;
  const auto top = top_frame(memory, layout, tstate);
  stack.truncated = !top;
  uint64_t frame = top.value_or(0);
  for (int step = 0; frame != 0; ++step) {
    const bool cycle = std::find(seen.begin(), seen.end(), frame) != seen.end();
    if (cycle || step == kMaxSteps || stack.frames.size() == kMaxWalkedFrames) {
      stack.truncated = true;
      break;
    }
    seen.push_back(frame);
    if (!is_shim(memory, layout, frame)) {
      const auto read = read_frame(memory, process, frame);
      if (!read) {
        stack.truncated = true;
        break;
      }
      stack.frames.push_back(*read);
    }
    const auto previous = memory.value<uint64_t>(frame + layout.frame.previous);
    if (!previous) stack.truncated = true;
    frame = previous.value_or(0);
  }
  return stack;
}

}  // namespace loopstall::stacks
