// SPDX-License-Identifier: Apache-2.0
#include "terminal/cells.h"

#include <gtest/gtest.h>

#include <string>

namespace loopstall::terminal {
namespace {

TEST(Cells, NothingOfATargetMovesTheCursor) {
  EXPECT_EQ(printable("red\x1b[31m\n\x07"), "red?[31m??");
  EXPECT_EQ(printable("a\xc2\x9b"
                      "b"),
            "ab")
      << "CSI as one character of C1";
  EXPECT_EQ(printable("user\u202enimda"), "usernimda") << "a mark that turns the writing around";
  EXPECT_EQ(printable("\xff"), "\uFFFD");
  EXPECT_EQ(printable("zähle"), "zähle");
}

TEST(Cells, FitsFillAndCut) {
  EXPECT_EQ(fit("abc", 5), "abc  ");
  EXPECT_EQ(fit("abcdef", 4), "abc…");
  EXPECT_EQ(fit("abcdef", 6), "abcdef");
  EXPECT_EQ(fit_tail("app/services/ocr.py", 8), "…/ocr.py");
  EXPECT_EQ(fit_right("7", 3), "  7");
  EXPECT_EQ(fit_right("12345", 3), "12…");
  EXPECT_EQ(fit("abc", 0), "");
  EXPECT_EQ(fit_tail("abc", 0), "");
}

TEST(Cells, WideCharactersTakeTwoColumns) {
  EXPECT_EQ(width_of("遅い"), 4u);
  EXPECT_EQ(fit("遅い", 5), "遅い ");
  EXPECT_EQ(fit("遅い関数", 4), "遅… ") << "half a character has no place";
  EXPECT_EQ(fit_tail("遅い関数", 4), "…数 ");
}

TEST(Cells, EveryFitHasItsWidth) {
  for (const char* text :
       {"", "a", "plain", "遅い関数", "\x1b[2J", "ä\u202eö", "\xf0\x9f\x98\x80!"}) {
    for (std::size_t columns = 1; columns < 12; ++columns) {
      EXPECT_EQ(width_of(fit(text, columns)), columns) << text;
      EXPECT_EQ(width_of(fit_tail(text, columns)), columns) << text;
    }
  }
}

}  // namespace
}  // namespace loopstall::terminal
