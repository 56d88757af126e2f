// SPDX-License-Identifier: Apache-2.0
#include "base/log.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <string>

namespace loopstall::base {
namespace {

using ::testing::MatchesRegex;

class LogTest : public ::testing::Test {
 protected:
  ~LogTest() override { set_log_level(LogLevel::info); }
};

TEST_F(LogTest, WritesOneLogfmtLineToStandardError) {
  ::testing::internal::CaptureStderr();
  log_warning("lost {} events", 3);
  EXPECT_THAT(::testing::internal::GetCapturedStderr(),
              MatchesRegex("ts=[0-9-]+T[0-9:]+\\.[0-9][0-9][0-9]Z level=warning "
                           "msg=\"lost 3 events\"\n"));
}

TEST_F(LogTest, DropsWhatIsBelowTheLevel) {
  set_log_level(LogLevel::error);
  ::testing::internal::CaptureStderr();
  log_warning("not shown");
  EXPECT_EQ(::testing::internal::GetCapturedStderr(), "");
  EXPECT_TRUE(log_is_on(LogLevel::error));
  EXPECT_FALSE(log_is_on(LogLevel::info));
}

TEST_F(LogTest, TheDefaultLevelIsInfo) {
  EXPECT_TRUE(log_is_on(LogLevel::info));
  EXPECT_FALSE(log_is_on(LogLevel::debug));
}

TEST_F(LogTest, ATargetCannotForgeALineOrDriveTheTerminal) {
  ::testing::internal::CaptureStderr();
  log_info("{}", "a\"\nts=0 level=error msg=\"b\x1b[31m\\");
  const std::string line = ::testing::internal::GetCapturedStderr();
  EXPECT_EQ(std::count(line.begin(), line.end(), '\n'), 1);
  EXPECT_TRUE(line.ends_with("msg=\"a\\\"\\nts=0 level=error msg=\\\"b\\x1b[31m\\\\\"\n")) << line;
}

TEST_F(LogTest, KeepsUtf8AsItIs) { EXPECT_EQ(quoted("Größe"), "\"Größe\""); }

}  // namespace
}  // namespace loopstall::base
