// SPDX-License-Identifier: Apache-2.0
#include "config/allow_list.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

namespace loopstall::config {
namespace {

using ::testing::HasSubstr;

std::string refusal(const std::string& text) {
  const auto read = read_allow_list(text);
  if (read) return "accepted";
  EXPECT_EQ(read.error().kind, base::ErrorKind::usage);
  return read.error().message;
}

TEST(AllowList, IsRead) {
  const auto allowed = read_allow_list(
      "allow:\n"
      "  - function: LegacyReport.render\n"
      "    file: app/reports.py\n"
      "    reason: moves to a worker\n"
      "    expires: 2027-01-31\n"
      "  - {function: ask, reason: soon, expires: 2026-12-01}\n");
  ASSERT_TRUE(allowed) << allowed.error().message;
  ASSERT_EQ(allowed->size(), 2u);
  EXPECT_EQ(allowed->at(0).function, "LegacyReport.render");
  EXPECT_EQ(allowed->at(0).file, "app/reports.py");
  EXPECT_EQ(allowed->at(1).file, "");
  EXPECT_EQ(allowed->at(1).expires, "2026-12-01");
}

TEST(AllowList, AnExcuseNeedsAReasonAndAnEnd) {
  EXPECT_THAT(refusal("allow:\n  - {function: ask, expires: 2026-12-01}\n"), HasSubstr("line 2"));
  EXPECT_THAT(refusal("allow: [{function: ask, reason: soon}]"), HasSubstr("expires: YYYY-MM-DD"));
  EXPECT_THAT(refusal("allow: [{function: ask, reason: soon, expires: soon}]"),
              HasSubstr("YYYY-MM-DD"));
  EXPECT_THAT(refusal("allow: [{function: ask, reason: soon, expires: 2026-13-01}]"),
              HasSubstr("YYYY-MM-DD"));
}

TEST(AllowList, WhatItDoesNotKnowIsRefused) {
  EXPECT_THAT(refusal("allow: [{funktion: ask}]"), HasSubstr("there is no key funktion"));
  EXPECT_THAT(refusal("allowed: []"), HasSubstr("one key, allow"));
  EXPECT_THAT(refusal("- a"), HasSubstr("one key, allow"));
  EXPECT_THAT(refusal("allow: [ask]"), HasSubstr("line 1"));
  EXPECT_THAT(refusal("allow: [{function: [a]}]"), HasSubstr("needs a text"));
  EXPECT_THAT(refusal("allow: ["), HasSubstr("line"));
}

}  // namespace
}  // namespace loopstall::config
