// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <iterator>
#include <map>
#include <string_view>
#include <vector>

#include "stacks/memory_reader.h"

namespace loopstall::stacks {

/// A target's memory made of regions; what lies between them cannot be read.
class FakeMemory final : public MemoryReader {
 public:
  void add(uint64_t address, std::size_t bytes) { regions_[address].resize(bytes); }

  void write(uint64_t address, const void* from, std::size_t bytes) {
    auto region = std::prev(regions_.upper_bound(address));
    std::memcpy(region->second.data() + (address - region->first), from, bytes);
  }
  template <typename T>
  void put(uint64_t address, T value) {
    write(address, &value, sizeof value);
  }

  bool read(uint64_t address, void* to, std::size_t bytes) const override {
    ++reads;
    largest_read = std::max(largest_read, bytes);
    auto region = regions_.upper_bound(address);
    if (region == regions_.begin()) return false;
    --region;
    const uint64_t inside = address - region->first;
    if (inside > region->second.size() || bytes > region->second.size() - inside) return false;
    std::memcpy(to, region->second.data() + inside, bytes);
    return true;
  }

  mutable std::size_t reads = 0;
  mutable std::size_t largest_read = 0;

 private:
  std::map<uint64_t, std::vector<uint8_t>> regions_;
};

}  // namespace loopstall::stacks
