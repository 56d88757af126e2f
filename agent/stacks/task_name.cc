// SPDX-License-Identifier: Apache-2.0
#include "stacks/task_name.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cstring>

#include "stacks/memory_reader.h"
#include "stacks/python_string.h"

namespace loopstall::stacks {
namespace {

constexpr uint64_t kMaxTaskBytes = 4'096;
constexpr uint64_t kMaxThreadBytes = 65'536;
constexpr std::size_t kMaxNameBytes = 64;

/// An object that was copied; behind its end are zeros.
class Copied final : public MemoryReader {
 public:
  explicit Copied(std::span<const std::byte> object) : object_(object) {}

  static constexpr uint64_t kAddress = 0x1000;

  bool read(uint64_t address, void* to, std::size_t bytes) const override {
    if (address < kAddress) return false;
    std::memset(to, 0, bytes);
    const uint64_t from = address - kAddress;
    if (from >= object_.size()) return true;
    std::memcpy(to, object_.data() + from, std::min(bytes, object_.size() - from));
    return true;
  }

 private:
  std::span<const std::byte> object_;
};

bool is_pointer_in(uint64_t offset, uint64_t size) {
  return offset % sizeof(uint64_t) == 0 && offset >= sizeof(uint64_t) && offset < size &&
         size - offset >= sizeof(uint64_t);
}

template <typename T>
T value_at(std::span<const std::byte> object, std::size_t offset) {
  T value;
  std::memcpy(&value, object.data() + offset, sizeof value);
  return value;
}

}  // namespace

std::optional<TaskLayout> task_layout(std::span<const std::byte> section) {
  if (section.size() != kAsyncioOffsetsBytes) return std::nullopt;
  struct {
    uint64_t task_bytes, name, awaited_by, is_task, awaited_by_is_set, coroutine, node;
    uint64_t interpreter_bytes, interpreter_tasks;
    uint64_t thread_bytes, running_loop, running_task, thread_tasks;
  } said;
  static_assert(sizeof said == kAsyncioOffsetsBytes);
  std::memcpy(&said, section.data(), sizeof said);
  const bool is_task =
      said.task_bytes <= kMaxTaskBytes && is_pointer_in(said.name, said.task_bytes) &&
      is_pointer_in(said.coroutine, said.task_bytes) && said.name != said.coroutine;
  const bool is_thread =
      said.thread_bytes <= kMaxThreadBytes && is_pointer_in(said.running_loop, said.thread_bytes) &&
      is_pointer_in(said.running_task, said.thread_bytes) && said.running_task != said.running_loop;
  if (!is_task || !is_thread) return std::nullopt;
  return TaskLayout{static_cast<uint32_t>(said.running_task), static_cast<uint32_t>(said.name),
                    static_cast<uint32_t>(said.coroutine)};
}

std::string task_name_of_text(std::span<const std::byte> object) {
  auto name =
      read_python_string(Copied(object), *python_layout({3, 14}), Copied::kAddress, kMaxNameBytes);
  if (!name) return {};
  name->resize(std::min(name->find('\0'), name->size()));
  return *std::move(name);
}

std::string task_name_of_number(std::span<const std::byte> object) {
  // struct _PyLongValue: lv_tag is the number of digits of 30 bits << 3 | sign (0: positive).
  constexpr std::size_t kTag = 16, kDigits = 24;
  if (object.size() < kDigits + 2 * sizeof(uint32_t)) return {};
  const auto tag = value_at<uint64_t>(object, kTag);
  const uint64_t digits = tag >> 3;
  if ((tag & 3) != 0 || digits == 0 || digits > 2) return {};
  uint64_t number = value_at<uint32_t>(object, kDigits);
  if (digits == 2) {
    number |= uint64_t{value_at<uint32_t>(object, kDigits + sizeof(uint32_t))} << 30;
  }
  return fmt::format("Task-{}", number);
}

}  // namespace loopstall::stacks
