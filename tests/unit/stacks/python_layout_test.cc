// SPDX-License-Identifier: Apache-2.0
#include "stacks/python_layout.h"

#include <gtest/gtest.h>

namespace loopstall::stacks {
namespace {

TEST(PythonLayout, SupportedVersionsAreThoseOfTheTable) {
  for (uint16_t minor = 8; minor <= 14; ++minor) {
    const PythonLayout* layout = python_layout({3, minor});
    ASSERT_NE(layout, nullptr) << minor;
    EXPECT_EQ(layout->version, (PythonVersion{3, minor}));
  }
  EXPECT_EQ(python_layout({3, 7}), nullptr);
  EXPECT_EQ(python_layout({3, 15}), nullptr);
  EXPECT_EQ(python_layout({2, 7}), nullptr);
  EXPECT_EQ(python_layout({4, 11}), nullptr);
}

TEST(PythonLayout, EachVersionHasOneWayToItsGilAndCollector) {
  for (uint16_t minor = 8; minor <= 14; ++minor) {
    const PythonLayout& layout = *python_layout({3, minor});
    EXPECT_NE(layout.runtime.gil == PythonLayout::kAbsent,
              layout.interpreter.gil == PythonLayout::kAbsent)
        << minor;
    EXPECT_NE(layout.runtime.gc_collecting == PythonLayout::kAbsent,
              layout.interpreter.gc_collecting == PythonLayout::kAbsent)
        << minor;
    EXPECT_EQ(layout.thread.top_frame_indirect == 1,
              layout.thread.cframe_current_frame != PythonLayout::kAbsent)
        << minor;
    EXPECT_EQ(layout.frame.instruction_kind == InstructionKind::pointer,
              layout.code.adaptive != PythonLayout::kAbsent)
        << minor;
  }
}

TEST(PythonLayout, GilFutexRangeLiesInTheStructure) {
  EXPECT_LT(PythonLayout::kGilSwitchNumber + 8, PythonLayout::kGilFutexBegin + 1);
  EXPECT_EQ(PythonLayout::kGilFutexEnd, PythonLayout::kGilSize);
}

TEST(PthreadSlot, Glibc) {
  EXPECT_EQ(pthread_slot_offset(Libc::glibc, 0), (ThreadSlot{.slot_offset = 0x318}));
  EXPECT_EQ(pthread_slot_offset(Libc::glibc, 31), (ThreadSlot{.slot_offset = 0x318 + 31 * 16}));
  EXPECT_EQ(pthread_slot_offset(Libc::glibc, 33),
            (ThreadSlot{.dereference = 1, .pointer_offset = 0x518, .slot_offset = 24}));
  EXPECT_EQ(pthread_slot_offset(Libc::glibc, 1'024), std::nullopt);
}

TEST(PthreadSlot, Musl) {
  EXPECT_EQ(pthread_slot_offset(Libc::musl, 3),
            (ThreadSlot{.dereference = 1, .pointer_offset = 0x80, .slot_offset = 24}));
  EXPECT_EQ(pthread_slot_offset(Libc::musl, 128), std::nullopt);
}

TEST(PthreadSlot, OtherLibraries) {
  EXPECT_EQ(pthread_slot_offset(Libc::unknown, 0), std::nullopt);
}

}  // namespace
}  // namespace loopstall::stacks
