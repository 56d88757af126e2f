// SPDX-License-Identifier: Apache-2.0
#include "exposition/utf8.h"

#include <gtest/gtest.h>

namespace loopstall::exposition {
namespace {

constexpr const char* kBad = "\xEF\xBF\xBD";

TEST(Utf8, KeepsWhatIsValid) {
  for (const std::string text :
       {"", "plain", "gr\u00fc\u00dfe", "\u65e5\u672c", "\U0001F40D", "a\nb"}) {
    EXPECT_EQ(to_valid_utf8(text, 100), text);
  }
}

TEST(Utf8, ReplacesEachInvalidByte) {
  EXPECT_EQ(to_valid_utf8("a\xff"
                          "b",
                          100),
            std::string("a") + kBad + "b");
  EXPECT_EQ(to_valid_utf8("\xc0\xaf", 100), std::string(kBad) + kBad);             // overlong
  EXPECT_EQ(to_valid_utf8("\xed\xa0\x80", 100), std::string(kBad) + kBad + kBad);  // surrogate
  EXPECT_EQ(to_valid_utf8("\xf4\x90\x80\x80", 100),
            std::string(kBad) + kBad + kBad + kBad);                    // > U+10FFFF
  EXPECT_EQ(to_valid_utf8("\xe6\x97", 100), std::string(kBad) + kBad);  // cut short
  EXPECT_EQ(to_valid_utf8("\xe6\x97z", 100), std::string(kBad) + kBad + "z");
}

TEST(Utf8, CutsBetweenCharacters) {
  EXPECT_EQ(to_valid_utf8("abc", 2), "ab");
  EXPECT_EQ(to_valid_utf8("a\u65e5", 3), "a");
  EXPECT_EQ(to_valid_utf8("a\u65e5", 4), "a\u65e5");
  EXPECT_EQ(to_valid_utf8("a\xff", 3), "a");
}

}  // namespace
}  // namespace loopstall::exposition
