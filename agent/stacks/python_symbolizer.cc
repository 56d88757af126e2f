// SPDX-License-Identifier: Apache-2.0
#include "stacks/python_symbolizer.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <utility>

#include "stacks/python_line_table.h"
#include "stacks/python_string.h"

namespace loopstall::stacks {
namespace {

using namespace std::string_view_literals;

constexpr std::size_t kMaxNameBytes = 256;
constexpr std::size_t kMaxPathBytes = 1'024;
constexpr std::size_t kMaxLineTableBytes = 64 * 1'024;
// The part of a PyCodeObject up to its line table, in every version.
constexpr std::size_t kCodeHeadBytes = 192;

// Include/cpython/code.h, the same in every version: CO_VARARGS, CO_VARKEYWORDS, CO_NESTED.
constexpr uint32_t kWrapperFlags = 0x04 | 0x08 | 0x10;

template <typename T>
T field(const std::array<uint8_t, kCodeHeadBytes>& head, uint32_t offset) {
  T value{};
  if (offset <= head.size() - sizeof value) {
    std::memcpy(&value, head.data() + offset, sizeof value);
  }
  return value;
}

// co_flags: Include/cpython/code.h, the same in every supported version.
constexpr uint32_t kGenerator = 0x20;
constexpr uint32_t kCoroutine = 0x80 | 0x100;  // `async def`, and generators made coroutines
constexpr uint32_t kAsyncGenerator = 0x200;

FrameKind kind_of(uint32_t flags) {
  if ((flags & kCoroutine) != 0) return FrameKind::coroutine;
  if ((flags & kAsyncGenerator) != 0) return FrameKind::async_generator;
  return (flags & kGenerator) != 0 ? FrameKind::generator : FrameKind::function;
}

/// Empty when it cannot be read: a frame without its line is still worth its name.
std::vector<uint8_t> read_line_table(const MemoryReader& memory, uint64_t bytes_object) {
  const auto size = memory.value<uint64_t>(bytes_object + PythonLayout::kVarObjectSize);
  std::vector<uint8_t> table(std::min<uint64_t>(size.value_or(0), kMaxLineTableBytes));
  if (!memory.read(bytes_object + PythonLayout::kBytesData, table.data(), table.size())) return {};
  return table;
}

}  // namespace

PythonSymbolizer::PythonSymbolizer(const MemoryReader& memory, const PythonLayout& layout,
                                   Limits limits)
    : memory_(memory), layout_(layout), limits_(limits) {}

tl::expected<CodeLocation, std::string_view> PythonSymbolizer::resolve(const RawFrame& frame) {
  const Key key{frame.code, frame.check};
  const auto cached = cache_.find(key);
  const Code* code = cached == cache_.end() ? nullptr : &cached->second;
  if (code == nullptr) {
    auto fresh = read_code(frame.code, frame.check);
    if (!fresh) return tl::unexpected(fresh.error());
    code = &remember(key, std::move(*fresh));
  }
  return CodeLocation{
      code->qualname,
      code->name,
      code->filename,
      python_line(layout_.line_table_kind, code->line_table, code->firstlineno, frame.instruction),
      code->firstlineno,
      code->kind,
      code->wraps};
}

tl::expected<PythonSymbolizer::Code, std::string_view> PythonSymbolizer::read_code(
    uint64_t address, uint32_t check) const {
  std::array<uint8_t, kCodeHeadBytes> head;
  if (!memory_.read(address, head.data(), head.size())) {
    return tl::unexpected("unreadable_memory"sv);
  }
  const auto firstlineno = field<uint32_t>(head, layout_.code.firstlineno);
  const auto name = field<uint64_t>(head, layout_.code.name);
  // 0: the kernel side could not read the object; its page was not resident then.
  const auto flags = field<uint32_t>(head, layout_.code.flags);
  if (check != 0 && code_check(firstlineno, flags, name) != check) {
    return tl::unexpected("code_reused"sv);
  }

  Code code;
  code.firstlineno = static_cast<int>(firstlineno);
  code.kind = kind_of(flags);
  code.wraps = (flags & kWrapperFlags) == kWrapperFlags;
  auto text = read_python_string(memory_, layout_, name, kMaxNameBytes);
  if (!text) return tl::unexpected(text.error());
  code.name = std::move(*text);
  text = read_python_string(memory_, layout_, field<uint64_t>(head, layout_.code.filename),
                            kMaxPathBytes);
  if (!text) return tl::unexpected(text.error());
  code.filename = std::move(*text);
  code.qualname = code.name;
  if (layout_.code.qualname != PythonLayout::kAbsent) {
    text = read_python_string(memory_, layout_, field<uint64_t>(head, layout_.code.qualname),
                              kMaxNameBytes);
    if (!text) return tl::unexpected(text.error());
    code.qualname = std::move(*text);
  }
  code.line_table = read_line_table(memory_, field<uint64_t>(head, layout_.code.line_table));

  // The target ran on while its strings were read: were they still this object's?
  std::array<uint8_t, kCodeHeadBytes> again;
  if (!memory_.read(address, again.data(), again.size())) {
    return tl::unexpected("unreadable_memory"sv);
  }
  const std::array identity = {layout_.code.filename, layout_.code.name, layout_.code.line_table};
  for (const uint32_t offset : identity) {
    if (field<uint64_t>(head, offset) != field<uint64_t>(again, offset)) {
      return tl::unexpected("code_reused"sv);
    }
  }
  return code;
}

const PythonSymbolizer::Code& PythonSymbolizer::remember(const Key& key, Code code) {
  const auto size_of = [](const Code& c) {
    return c.qualname.size() + c.name.size() + c.filename.size() + c.line_table.size();
  };
  bytes_ += size_of(code);
  while (!oldest_first_.empty() &&
         (cache_.size() >= limits_.code_objects || bytes_ > limits_.bytes)) {
    const auto oldest = cache_.find(oldest_first_.front());
    bytes_ -= size_of(oldest->second);
    cache_.erase(oldest);
    oldest_first_.pop_front();
  }
  oldest_first_.push_back(key);
  return cache_.emplace(key, std::move(code)).first->second;
}

}  // namespace loopstall::stacks
