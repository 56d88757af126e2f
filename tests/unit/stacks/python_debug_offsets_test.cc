// SPDX-License-Identifier: Apache-2.0
#include "stacks/python_debug_offsets.h"

#include <gtest/gtest.h>

#include <array>
#include <cstring>
#include <vector>

namespace loopstall::stacks {
namespace {

// The words behind version and free_threaded, as Debian's python3.13 (3.13.5) has them.
constexpr std::array<uint64_t, 70> kWords = {
    283376, 608,  632, 194976, 7272, 7264, 7344, 7400, 7656, 7640, 7648, 16,  7752, 0,
    7768,   7760, 304, 0,      8,    16,   72,   152,  160,  232,  32,   80,  8,    0,
    56,     72,   70,  208,    112,  120,  128,  136,  68,   52,   96,   104, 200,  16,
    8,      416,  24,  88,     168,  32,   24,   16,   40,   24,   16,   48,  32,   40,
    24,     16,   32,  16,     24,   40,   16,   32,   64,   32,   16,   40,  240,  200};

class DebugOffsets : public testing::Test {
 protected:
  DebugOffsets() : data_(kDebugOffsetsBytes313) {
    std::memcpy(data_.data(), "xdebugpy", 8);
    put(8, 0x030d05f0);
    for (std::size_t i = 0; i < kWords.size(); ++i) put(24 + 8 * i, kWords[i]);
  }
  void put(std::size_t at, uint64_t value) { std::memcpy(data_.data() + at, &value, 8); }
  tl::expected<PythonLayout, DebugOffsetsFault> layout(PythonVersion version = {3, 13}) const {
    return layout_from_debug_offsets(data_, *python_layout(version));
  }

  std::vector<std::byte> data_;
};

TEST_F(DebugOffsets, SayWhatTheTableSays) {
  const auto told = layout();
  ASSERT_TRUE(told);
  const PythonLayout& table = *python_layout({3, 13});
  EXPECT_EQ(told->runtime.interpreters_head, table.runtime.interpreters_head);
  EXPECT_EQ(told->runtime.auto_tss_key, table.runtime.auto_tss_key);
  EXPECT_EQ(told->interpreter.next, table.interpreter.next);
  EXPECT_EQ(told->interpreter.threads_head, table.interpreter.threads_head);
  EXPECT_EQ(told->interpreter.gil, table.interpreter.gil);
  EXPECT_EQ(told->interpreter.gc_collecting, table.interpreter.gc_collecting);
  EXPECT_EQ(told->thread.top_frame, table.thread.top_frame);
  EXPECT_EQ(told->thread.thread_id, table.thread.thread_id);
  EXPECT_EQ(told->thread.native_thread_id, table.thread.native_thread_id);
  EXPECT_EQ(told->frame.owner, table.frame.owner);
  EXPECT_EQ(told->code.flags, table.code.flags);
  EXPECT_EQ(told->code.argcount, table.code.argcount);
  EXPECT_EQ(told->code.adaptive, table.code.adaptive);
  EXPECT_EQ(told->unicode.ascii_header, table.unicode.ascii_header);
  EXPECT_EQ(told->unicode.compact_header, table.unicode.compact_header);
}

TEST_F(DebugOffsets, ABuildThatMovedFieldsIsFollowed) {
  put(40, 640);   // the list of interpreters, and the pthread key with it
  put(192, 160);  // thread_id
  put(264, 71);   // owner
  const auto told = layout();
  ASSERT_TRUE(told);
  EXPECT_EQ(told->runtime.interpreters_head, 640u);
  EXPECT_EQ(told->runtime.auto_tss_key, python_layout({3, 13})->runtime.auto_tss_key + 8);
  EXPECT_EQ(told->thread.thread_id, 160u);
  EXPECT_EQ(told->frame.owner, 71u);
}

TEST_F(DebugOffsets, WhatCannotBeIsInvalid) {
  EXPECT_EQ(layout({3, 14}).error(), DebugOffsetsFault::invalid);
  EXPECT_EQ(layout({3, 12}).error(), DebugOffsetsFault::invalid);
  const auto good = data_;
  const auto spoiled = [&](std::size_t at, uint64_t value) {
    data_ = good;
    put(at, value);
    const auto told = layout();
    return !told && told.error() == DebugOffsetsFault::invalid;
  };
  EXPECT_TRUE(spoiled(0, 0));      // cookie
  EXPECT_TRUE(spoiled(16, 2));     // free_threaded
  EXPECT_TRUE(spoiled(192, 304));  // thread_id at the end of its structure
  EXPECT_TRUE(spoiled(192, ~uint64_t{0} - 7));
  EXPECT_TRUE(spoiled(192, 153));  // no place for a pointer
  EXPECT_TRUE(spoiled(152, uint64_t{1} << 40));
  EXPECT_TRUE(spoiled(288, 112 + 64));  // a name beyond what the kernel side reads
  data_ = good;
  data_.resize(data_.size() - 8);
  EXPECT_FALSE(layout());
  data_.resize(10);
  EXPECT_FALSE(debug_offsets_head(data_));
}

TEST_F(DebugOffsets, AnotherShapeOfObjectsIsNotKnown) {
  put(544, 48);  // the state of a string, as in free-threaded builds
  put(536, 96);
  EXPECT_EQ(layout().error(), DebugOffsetsFault::not_known);
}

}  // namespace
}  // namespace loopstall::stacks
