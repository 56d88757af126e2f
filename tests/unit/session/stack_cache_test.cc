// SPDX-License-Identifier: Apache-2.0
#include "session/stack_cache.h"

#include <gtest/gtest.h>

#include "stacks/attribution.h"

namespace loopstall::session {
namespace {

constexpr uint64_t kSecond = 1'000'000'000;

stacks::RawStack raw(uint64_t code, int32_t instruction = 0, uint32_t check = 1) {
  return {{{code, instruction, check}}, false};
}

stalls::KnownStackPtr stack_of(std::string function) {
  stalls::KnownStack known;
  known.attribution.function = std::move(function);
  return std::make_shared<const stalls::KnownStack>(std::move(known));
}

/// The answers are the test's. Stacks are numbered from 1 in the order they are asked for.
class StackCacheTest : public ::testing::Test {
 protected:
  struct Requests : StackRequests {
    bool resolve(uint32_t, uint64_t, const stacks::RawStack&) override { return true; }
  };
  Requests requests_;
  StackCache cache_{requests_};
};

TEST_F(StackCacheTest, AStackIsAskedForOnce) {
  const SeenStackPtr first = cache_.intern(1, raw(7), kSecond);
  EXPECT_FALSE(first->is_known());
  EXPECT_EQ(cache_.intern(1, raw(7), kSecond), first);
  cache_.answer(1, stack_of("f"));
  ASSERT_TRUE(first->is_known());
  EXPECT_EQ(first->known->attribution.function, "f");
  EXPECT_EQ(cache_.intern(1, raw(7), kSecond), first);
}

TEST_F(StackCacheTest, StacksThatDifferAnywhereAreDifferent) {
  const SeenStackPtr one = cache_.intern(1, raw(7), kSecond);
  stacks::RawStack cut = raw(7);
  cut.truncated = true;
  stacks::RawStack deeper = raw(7);
  deeper.frames.push_back({8, 0, 1});
  EXPECT_NE(cache_.intern(1, raw(8), kSecond), one);
  EXPECT_NE(cache_.intern(1, raw(7, 2), kSecond), one);
  EXPECT_NE(cache_.intern(1, raw(7, 0, 2), kSecond), one) << "the address was used again";
  EXPECT_NE(cache_.intern(1, std::move(cut), kSecond), one);
  EXPECT_NE(cache_.intern(1, std::move(deeper), kSecond), one);
  EXPECT_NE(cache_.intern(2, raw(7), kSecond), one) << "another process";
}

TEST_F(StackCacheTest, AnEmptyStackIsUnknownAtOnce) {
  const SeenStackPtr seen = cache_.intern(1, {}, kSecond);
  ASSERT_TRUE(seen->is_known());
  EXPECT_EQ(seen->known->attribution.function, stacks::kUnknown);
}

TEST_F(StackCacheTest, AnswersToNobodyAreIgnored) {
  cache_.answer(99, stack_of("f"));
  EXPECT_FALSE(cache_.intern(1, raw(7), kSecond)->is_known());
}

TEST_F(StackCacheTest, OnlyStacksPastTheDeadlineExpire) {
  const SeenStackPtr old = cache_.intern(1, raw(1), 10 * kSecond);
  const SeenStackPtr young = cache_.intern(1, raw(2), 12 * kSecond);
  EXPECT_EQ(cache_.expire(13 * kSecond), 0u);
  EXPECT_EQ(cache_.expire(13 * kSecond + 1), 1u);
  EXPECT_EQ(old->known->attribution.function, stacks::kUnknown);
  EXPECT_FALSE(young->is_known());
  EXPECT_EQ(cache_.expire(14 * kSecond), 0u) << "it has expired once";
}

TEST_F(StackCacheTest, ALateAnswerNamesWhatComesAfter) {
  cache_.intern(1, raw(1), 10 * kSecond);
  cache_.expire(20 * kSecond);
  cache_.answer(1, stack_of("f"));
  const SeenStackPtr again = cache_.intern(1, raw(1), 21 * kSecond);
  ASSERT_TRUE(again->is_known());
  EXPECT_EQ(again->known->attribution.function, "f") << "a hung mount must not blind it for ever";
}

TEST_F(StackCacheTest, AForgottenProcessIsAskedAnewAndItsUsersKeepTheirs) {
  const SeenStackPtr before = cache_.intern(1, raw(7), kSecond);
  cache_.forget(1);
  const SeenStackPtr after = cache_.intern(1, raw(7), kSecond);
  EXPECT_NE(after, before);
  cache_.answer(1, stack_of("old"));
  cache_.answer(2, stack_of("new"));
  EXPECT_EQ(before->known->attribution.function, "old");
  EXPECT_EQ(after->known->attribution.function, "new");
}

TEST_F(StackCacheTest, StacksOfAProcessAreBounded) {
  const SeenStackPtr first = cache_.intern(1, raw(1), kSecond);
  for (uint64_t code = 2; code <= 4'096; ++code) cache_.intern(1, raw(code), kSecond);
  EXPECT_EQ(cache_.intern(1, raw(1), kSecond), first);
  cache_.intern(1, raw(5'000), kSecond);
  EXPECT_NE(cache_.intern(1, raw(1), kSecond), first) << "all were dropped to make room";
}

TEST_F(StackCacheTest, TheNodeHasABoundToo) {
  for (uint32_t pid = 1; pid <= 40; ++pid) {
    for (uint64_t code = 1; code <= 1'000; ++code) cache_.intern(pid, raw(code), kSecond);
  }
  EXPECT_LE(cache_.size(), 16'384u);
  EXPECT_GE(cache_.size(), 15'000u) << "no more is forgotten than one process's";
  const SeenStackPtr last = cache_.intern(40, raw(1'000), kSecond);
  EXPECT_EQ(cache_.intern(40, raw(1'000), kSecond), last);
  for (uint32_t pid = 1; pid <= 40; ++pid) cache_.forget(pid);
  EXPECT_EQ(cache_.size(), 0u);
}

}  // namespace
}  // namespace loopstall::session
