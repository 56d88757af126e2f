// SPDX-License-Identifier: Apache-2.0
#include "stacks/python_walker.h"

#include <gtest/gtest.h>

#include "memory_fake.h"
#include "python_objects.h"

namespace loopstall::stacks {
namespace {

constexpr uint64_t kTstate = 0x7f00'0000'1000;
constexpr uint64_t kCframe = 0x7f00'0000'2000;
constexpr uint64_t kFrames = 0x7f00'0001'0000;
constexpr uint64_t kCodes = 0x7f00'0010'0000;
constexpr uint64_t kStep = 0x1000;

/// A thread whose frames, innermost first, each run a code object of their own.
class PythonWalker : public testing::TestWithParam<PythonVersion> {
 protected:
  PythonWalker() {
    process_.version = GetParam();
    process_.layout = python_layout(GetParam());
    process_.code_type_address = kCodeType;
    memory_.add(kTstate, 256);
    memory_.add(kCframe, 64);
  }

  const PythonLayout& layout() const { return *process_.layout; }
  static uint64_t frame_at(uint64_t index) { return kFrames + index * kStep; }
  static uint64_t code_at(uint64_t index) { return kCodes + index * kStep; }

  void top(uint64_t frame) {
    memory_.put<uint64_t>(kTstate + layout().thread.top_frame,
                          layout().thread.top_frame_indirect != 0 ? kCframe : frame);
    if (layout().thread.top_frame_indirect != 0) {
      memory_.put<uint64_t>(kCframe + layout().thread.cframe_current_frame, frame);
    }
  }

  void put_frame(uint64_t index, uint64_t previous, uint8_t owner = 0) {
    const uint64_t frame = frame_at(index);
    memory_.add(frame, 128);
    memory_.put<uint64_t>(frame + layout().frame.code, code_at(index) | tag_);
    memory_.put<uint64_t>(frame + layout().frame.previous, previous);
    if (layout().frame.owner != PythonLayout::kAbsent) {
      memory_.put<uint8_t>(frame + layout().frame.owner, owner);
    }
    set_instruction(index, 6);
    put_code(memory_, layout(), code_at(index),
             {.name = 0x1000 * index, .firstlineno = static_cast<uint32_t>(10 + index)});
  }

  void set_instruction(uint64_t index, int32_t bytes) {
    const uint64_t at = frame_at(index) + layout().frame.instruction;
    switch (layout().frame.instruction_kind) {
      case InstructionKind::pointer:
        memory_.put<uint64_t>(at, code_at(index) + layout().code.adaptive + bytes);
        break;
      case InstructionKind::lasti_units:
        memory_.put<int32_t>(at, bytes < 0 ? -1 : bytes / 2);
        break;
      case InstructionKind::lasti_bytes:
        memory_.put<int32_t>(at, bytes);
        break;
    }
  }

  void put_chain(uint64_t count) {
    for (uint64_t i = 0; i < count; ++i) put_frame(i, i + 1 == count ? 0 : frame_at(i + 1));
    top(frame_at(0));
  }

  RawStack walk() const { return walk_python_stack(memory_, process_, kTstate); }
  static RawFrame expected(uint64_t index, int32_t instruction = 6) {
    return {code_at(index), instruction,
            code_check(static_cast<uint32_t>(10 + index), 3, 0x1000 * index)};
  }

  FakeMemory memory_;
  PythonProcess process_;
  uint64_t tag_ = 0;
};

class PythonWalkerWithShims : public PythonWalker {};
class PythonWalkerWithTags : public PythonWalker {};

TEST_P(PythonWalker, FramesComeInnermostFirst) {
  put_chain(3);
  EXPECT_EQ(walk(), (RawStack{{expected(0), expected(1), expected(2)}, false}));
}

TEST_P(PythonWalker, AThreadOutsidePythonHasNoFrames) {
  top(0);
  EXPECT_EQ(walk(), RawStack{});
}

TEST_P(PythonWalker, AFrameThatHasNotStartedIsNegative) {
  put_chain(1);
  set_instruction(0, -2);
  const RawStack stack = walk();
  ASSERT_EQ(stack.frames.size(), 1u);
  EXPECT_LT(stack.frames[0].instruction, 0);
}

TEST_P(PythonWalkerWithShims, TheyAreSkipped) {
  put_chain(4);
  for (const uint64_t shim : {uint64_t{1}, uint64_t{3}}) {
    memory_.put<uint8_t>(frame_at(shim) + layout().frame.owner, 3);
    memory_.put<uint64_t>(frame_at(shim) + layout().frame.code, 0x1234);  // no code object
  }
  EXPECT_EQ(walk(), (RawStack{{expected(0), expected(2)}, false}));
}

TEST_P(PythonWalkerWithTags, TheyAreCleared) {
  tag_ = 1;
  put_chain(2);
  EXPECT_EQ(walk(), (RawStack{{expected(0), expected(1)}, false}));
}

TEST_P(PythonWalker, ACycleEnds) {
  put_chain(3);
  memory_.put<uint64_t>(frame_at(2) + layout().frame.previous, frame_at(1));
  EXPECT_EQ(walk(), (RawStack{{expected(0), expected(1), expected(2)}, true}));
}

TEST_P(PythonWalker, DeepStacksAreCut) {
  put_chain(kMaxWalkedFrames);
  EXPECT_FALSE(walk().truncated);
  put_chain(kMaxWalkedFrames + 1);
  const RawStack stack = walk();
  EXPECT_EQ(stack.frames.size(), static_cast<std::size_t>(kMaxWalkedFrames));
  EXPECT_EQ(stack.frames.back(), expected(kMaxWalkedFrames - 1));
  EXPECT_TRUE(stack.truncated);
}

TEST_P(PythonWalkerWithShims, EndlessOnesEnd) {
  for (uint64_t i = 0; i < 2'000; ++i) put_frame(i, frame_at(i + 1), 3);
  top(frame_at(0));
  EXPECT_EQ(walk(), (RawStack{{}, true}));
  EXPECT_LT(memory_.reads, 1'000u);
}

TEST_P(PythonWalker, WhatIsNoCodeObjectEndsTheWalk) {
  put_chain(3);
  memory_.put<uint64_t>(code_at(1) + 8, kCodeType + 8);
  EXPECT_EQ(walk(), (RawStack{{expected(0)}, true}));
  process_.code_type_address = 0;  // not exported: nothing to compare with
  EXPECT_EQ(walk().frames.size(), 3u);
}

TEST_P(PythonWalker, UnreadableMemoryEndsTheWalk) {
  put_chain(2);
  memory_.put<uint64_t>(frame_at(1) + layout().frame.previous, 0xdead'0000);
  EXPECT_EQ(walk(), (RawStack{{expected(0), expected(1)}, true}));
  EXPECT_EQ(walk_python_stack(memory_, process_, 0x10), (RawStack{{}, true}));
}

std::string release(const testing::TestParamInfo<PythonVersion>& info) {
  return "of3_" + std::to_string(info.param.minor);
}

INSTANTIATE_TEST_SUITE_P(Releases, PythonWalker,
                         testing::Values(PythonVersion{3, 8}, PythonVersion{3, 10},
                                         PythonVersion{3, 11}, PythonVersion{3, 12},
                                         PythonVersion{3, 13}, PythonVersion{3, 14}),
                         release);
INSTANTIATE_TEST_SUITE_P(Releases, PythonWalkerWithShims,
                         testing::Values(PythonVersion{3, 12}, PythonVersion{3, 13},
                                         PythonVersion{3, 14}),
                         release);
INSTANTIATE_TEST_SUITE_P(Releases, PythonWalkerWithTags, testing::Values(PythonVersion{3, 14}),
                         release);

}  // namespace
}  // namespace loopstall::stacks
