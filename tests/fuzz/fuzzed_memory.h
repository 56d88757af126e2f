// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>

#include "fuzzed_input.h"
#include "stacks/memory_reader.h"
#include "stacks/python_layout.h"

namespace loopstall::fuzz {

/// A target's memory that is the fuzzer's choosing, in one of three ways:
///  - steady: the input repeats over the whole address space, so that every pointer leads somewhere
///    and rings are easily made;
///  - sparse: the input lies at kBase and nothing else can be read, as in a real process;
///  - fickle: each read gets the next bytes of the input, whatever its address, as from a target
///    that writes while it is read; it ends in unreadable memory.
class FuzzedMemory final : public stacks::MemoryReader {
 public:
  static constexpr uint64_t kBase = 0x7f00'0000'0000;
  enum class Way : uint8_t { steady, sparse, fickle, count };

  FuzzedMemory(Way way, FuzzedInput input) : way_(way), whole_(input), rest_(input) {}

  bool read(uint64_t address, void* to, std::size_t bytes) const override {
    ++reads;
    bytes_read += bytes;
    if (way_ == Way::fickle) return rest_.take_bytes(to, bytes) == bytes;
    if (way_ == Way::sparse) {
      const uint64_t at = address - kBase;
      if (at > whole_.size() || bytes > whole_.size() - at) return false;
      if (bytes > 0) std::memcpy(to, whole_.data() + at, bytes);
      return true;
    }
    if (whole_.size() == 0) return false;
    for (std::size_t i = 0; i < bytes; ++i) {
      static_cast<uint8_t*>(to)[i] = whole_.data()[(address + i) % whole_.size()];
    }
    return true;
  }

  mutable std::size_t reads = 0;
  mutable std::size_t bytes_read = 0;

 private:
  Way way_;
  FuzzedInput whole_;
  mutable FuzzedInput rest_;
};

/// The rest of the input as a memory.
inline FuzzedMemory take_memory(FuzzedInput& input) {
  const auto way = input.take<uint8_t>() % static_cast<uint8_t>(FuzzedMemory::Way::count);
  return {static_cast<FuzzedMemory::Way>(way), input};
}

/// One of the supported versions' layouts.
inline const stacks::PythonLayout& take_layout(FuzzedInput& input) {
  constexpr uint16_t kOldest = 8;
  constexpr uint16_t kVersions = 7;
  const auto minor = static_cast<uint16_t>(kOldest + input.take<uint8_t>() % kVersions);
  return *stacks::python_layout({3, minor});
}

}  // namespace loopstall::fuzz
