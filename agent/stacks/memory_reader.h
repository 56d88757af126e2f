// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <sys/types.h>

#include <cstddef>
#include <cstdint>
#include <optional>
#include <type_traits>

namespace loopstall::stacks {

/// Reads a target's memory. What it returns is the target's choosing, and may change between two
/// reads.
class MemoryReader {
 public:
  virtual ~MemoryReader() = default;
  /// Whether all of it was read; `to` is unspecified otherwise.
  virtual bool read(uint64_t address, void* to, std::size_t bytes) const = 0;

  /// One number or pointer.
  template <typename T>
  std::optional<T> value(uint64_t address) const {
    static_assert(std::is_trivially_copyable_v<T>);
    T result;
    if (!read(address, &result, sizeof result)) return std::nullopt;
    return result;
  }
};

/// A live process, through process_vm_readv: it needs CAP_SYS_PTRACE, pauses nothing, and pages in
/// what is not resident. The pid may be reused: check the start time around a series of reads.
class ProcessMemory final : public MemoryReader {
 public:
  explicit ProcessMemory(pid_t pid) : pid_(pid) {}
  bool read(uint64_t address, void* to, std::size_t bytes) const override;

 private:
  pid_t pid_;
};

}  // namespace loopstall::stacks
