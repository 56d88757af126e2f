// SPDX-License-Identifier: Apache-2.0
#include "config/advice_file.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace loopstall::config {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

std::string refusal(const std::string& text) {
  const auto read = read_advice_file(text);
  if (read) return "accepted";
  EXPECT_EQ(read.error().kind, base::ErrorKind::usage);
  return read.error().message;
}

TEST(AdviceFile, IsRead) {
  const auto read = read_advice_file(
      "advice:\n"
      "  - library: soap/\n"
      "    function: Client.call\n"
      "    causes: [network, sleep]\n"
      "    text: Use soap.aio.\n"
      "  - {function: render, causes: cpu, text: Ask.}\n"
      "  - {library: old.py, text: Drop it.}\n");
  ASSERT_TRUE(read) << read.error().message;
  ASSERT_EQ(read->size(), 3u);
  EXPECT_EQ(read->at(0).library, "soap/");
  EXPECT_EQ(read->at(0).function, "Client.call");
  EXPECT_THAT(read->at(0).causes, ElementsAre("network", "sleep"));
  EXPECT_EQ(read->at(0).text, "Use soap.aio.");
  EXPECT_EQ(read->at(0).line, 2);
  EXPECT_THAT(read->at(1).causes, ElementsAre("cpu"));
  EXPECT_EQ(read->at(1).library, "") << "nothing stays of the one before";
  EXPECT_THAT(read->at(2).causes, IsEmpty());
}

TEST(AdviceFile, WhatIsOffIsSaidWithItsLine) {
  EXPECT_THAT(refusal("advice:\n  - {text: Ask.}"), HasSubstr("line 2: an entry needs a library"));
  EXPECT_THAT(refusal("advice: [{library: a/}]"), HasSubstr("needs a text"));
  EXPECT_THAT(refusal("advice: [{library: a/, text: " + std::string(501, 'x') + "}]"),
              HasSubstr("at most 500 bytes"));
  EXPECT_THAT(refusal("advice: [{libary: a/, text: b}]"), HasSubstr("there is no key libary"));
  EXPECT_THAT(refusal("advice: [{library: a/, causes: {a: b}, text: b}]"),
              HasSubstr("causes needs"));
  EXPECT_THAT(refusal("advise: []"), HasSubstr("one key, advice"));
  EXPECT_THAT(refusal("advice: ["), HasSubstr("line"));
}

}  // namespace
}  // namespace loopstall::config
