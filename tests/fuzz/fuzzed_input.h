// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <string_view>

// What the fuzz targets share: reading typed values off the input, and properties that must hold.

/// Ends the run as a finding when a property of a result does not hold.
#define FUZZ_CHECK(condition)           \
  do {                                  \
    if (!(condition)) __builtin_trap(); \
  } while (false)

namespace loopstall::fuzz {

/// Cuts values off the front of the input; an input that ends gives zeros.
class FuzzedInput {
 public:
  FuzzedInput(const uint8_t* data, std::size_t size) : data_(data), size_(size) {}

  template <typename T>
  T take() {
    T value{};
    take_bytes(&value, sizeof value);
    return value;
  }
  /// How many bytes it had for `to`.
  std::size_t take_bytes(void* to, std::size_t bytes) {
    const std::size_t taken = bytes < size_ ? bytes : size_;
    if (taken > 0) std::memcpy(to, data_, taken);
    data_ += taken;
    size_ -= taken;
    return taken;
  }

  const uint8_t* data() const { return data_; }
  std::size_t size() const { return size_; }
  std::string_view text() const { return {reinterpret_cast<const char*>(data_), size_}; }

 private:
  const uint8_t* data_;
  std::size_t size_;
};

}  // namespace loopstall::fuzz
