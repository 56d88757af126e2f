// SPDX-License-Identifier: Apache-2.0
#include "base/utf8.h"

#include <gtest/gtest.h>

namespace loopstall::base {
namespace {

TEST(Utf8, KeepsValidText) {
  EXPECT_EQ(valid_utf8("plain"), "plain");
  EXPECT_EQ(valid_utf8("größe ☃ \xF0\x9F\x90\x8D"), "größe ☃ \xF0\x9F\x90\x8D");
}

TEST(Utf8, ReplacesWhatIsNotUtf8) {
  const std::string bad = "\xEF\xBF\xBD";
  EXPECT_EQ(valid_utf8("a\xFFz"), "a" + bad + "z");
  EXPECT_EQ(valid_utf8("\xC3"), bad);                                // cut short
  EXPECT_EQ(valid_utf8("\xC0\x80"), bad + bad);                      // overlong
  EXPECT_EQ(valid_utf8("\xE0\x80\x80"), bad + bad + bad);            // overlong
  EXPECT_EQ(valid_utf8("\xED\xA0\x80"), bad + bad + bad);            // a surrogate
  EXPECT_EQ(valid_utf8("\xF4\x90\x80\x80"), bad + bad + bad + bad);  // above U+10FFFF
}

TEST(Utf8, HidesControlCharacters) {
  EXPECT_EQ(valid_utf8("a\nb\x1B[31m\x7F"), "a?b?[31m?");
  EXPECT_EQ(valid_utf8(std::string_view("\0x", 2)), "?x");
}

TEST(Utf8, CutsBetweenCharacters) {
  EXPECT_EQ(bounded_utf8("abcdef", 6), "abcdef");
  EXPECT_EQ(bounded_utf8("abcdef", 5), "abcde");
  EXPECT_EQ(bounded_utf8("abc☃", 5), "abc");
  EXPECT_EQ(bounded_utf8("abc☃", 6), "abc☃");
  EXPECT_EQ(bounded_utf8("☃☃☃", 7), "☃☃");
  EXPECT_EQ(bounded_utf8("", 0), "");
}

TEST(Utf8, KeepsTheTail) {
  EXPECT_EQ(bounded_utf8_tail("abcdef", 6), "abcdef");
  EXPECT_EQ(bounded_utf8_tail("abcdef", 2), "ef");
  EXPECT_EQ(bounded_utf8_tail("☃abc", 5), "abc");
  EXPECT_EQ(bounded_utf8_tail("☃abc", 6), "☃abc");
  EXPECT_EQ(bounded_utf8_tail("☃☃☃☃☃☃", 7), "☃☃");
}

TEST(Utf8, BoundsTextThatGrowsByReplacement) {
  const std::string hostile(10'000, '\xFF');
  EXPECT_LE(bounded_utf8(hostile, 100).size(), 100u);
  EXPECT_GE(bounded_utf8(hostile, 100).size(), 98u);
  EXPECT_LE(bounded_utf8_tail(hostile, 100).size(), 100u);
  EXPECT_EQ(bounded_utf8(hostile, 100), valid_utf8(bounded_utf8(hostile, 100)));
}

}  // namespace
}  // namespace loopstall::base
