// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <string>
#include <string_view>
#include <tl/expected.hpp>
#include <unordered_map>
#include <vector>

#include "stacks/frame.h"
#include "stacks/memory_reader.h"
#include "stacks/python_layout.h"
#include "stacks/raw_stack.h"

namespace loopstall::stacks {

/// What a raw frame is in the source. All strings are valid UTF-8, the target's own words.
struct CodeLocation {
  std::string qualname;  ///< at most 256 bytes; the plain name before 3.11
  std::string name;      ///< at most 256 bytes
  std::string filename;  ///< co_filename as it is, at most 1,024 bytes
  int line = 0;          ///< 0 when unknown; `firstlineno` when the frame has not started
  int firstlineno = 0;
  FrameKind kind = FrameKind::function;
  bool wraps =
      false;  ///< a nested function of (*args, **kwargs): the form of a decorator's wrapper

  bool operator==(const CodeLocation&) const = default;
};

/// Turns one process's raw frames into names and lines. Owned and used by one thread.
class PythonSymbolizer {
 public:
  struct Limits {
    std::size_t code_objects = 16'384;
    std::size_t bytes = 8 * 1024 * 1024;  ///< of names and line tables together
  };

  /// `memory` and `layout` must outlive it.
  PythonSymbolizer(const MemoryReader& memory, const PythonLayout& layout)
      : PythonSymbolizer(memory, layout, Limits()) {}
  PythonSymbolizer(const MemoryReader& memory, const PythonLayout& layout, Limits limits);

  /// Fails with a stable token: `unreadable_memory` (also: the process is gone), `code_reused` (the
  /// object at that address is another one by now), `unreadable_name`. Failures are not remembered.
  tl::expected<CodeLocation, std::string_view> resolve(const RawFrame& frame);

  std::size_t cached() const { return cache_.size(); }

 private:
  struct Code {
    std::string qualname;
    std::string name;
    std::string filename;
    std::vector<uint8_t> line_table;
    int firstlineno = 0;
    FrameKind kind = FrameKind::function;
    bool wraps = false;
  };
  struct Key {
    uint64_t address;
    uint32_t check;
    bool operator==(const Key&) const = default;
  };
  struct KeyHash {
    std::size_t operator()(const Key& key) const {
      return static_cast<std::size_t>(key.address ^ (uint64_t{key.check} << 32));
    }
  };

  tl::expected<Code, std::string_view> read_code(uint64_t address, uint32_t check) const;
  const Code& remember(const Key& key, Code code);

  const MemoryReader& memory_;
  const PythonLayout& layout_;
  Limits limits_;
  std::unordered_map<Key, Code, KeyHash> cache_;
  std::deque<Key> oldest_first_;
  std::size_t bytes_ = 0;
};

}  // namespace loopstall::stacks
