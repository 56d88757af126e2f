// SPDX-License-Identifier: Apache-2.0
#include "base/log.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <nlohmann/json.hpp>
#include <string>
#include <thread>

namespace loopstall::base {
namespace {

using ::testing::MatchesRegex;

class LogTest : public ::testing::Test {
 protected:
  ~LogTest() override {
    set_log_level(LogLevel::info);
    set_log_format(LogFormat::logfmt);
  }
};

TEST_F(LogTest, WritesOneLogfmtLineToStandardError) {
  ::testing::internal::CaptureStderr();
  log_warning("lost {} events", 3);
  EXPECT_THAT(::testing::internal::GetCapturedStderr(),
              MatchesRegex("ts=[0-9-]+T[0-9:]+\\.[0-9][0-9][0-9]Z level=warning "
                           "msg=\"lost 3 events\"\n"));
}

TEST_F(LogTest, WritesOneJsonObjectALine) {
  set_log_format(LogFormat::json);
  ::testing::internal::CaptureStderr();
  log_error("{}", "a\"\nb\x1b[31m \xff");
  const std::string line = ::testing::internal::GetCapturedStderr();
  EXPECT_EQ(std::count(line.begin(), line.end(), '\n'), 1);
  const auto json = nlohmann::json::parse(line);
  EXPECT_EQ(json["msg"], "a\"\nb\x1b[31m \xef\xbf\xbd");
  EXPECT_EQ(json["level"], "error");
  EXPECT_THAT(json["ts"].get<std::string>(), MatchesRegex("[0-9-]+T[0-9:]+\\.[0-9][0-9][0-9]Z"));
  EXPECT_EQ(line.find('\x1b'), std::string::npos);
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

TEST_F(LogTest, AFloodIsCutAndCounted) {
  ::testing::internal::CaptureStderr();
  for (int i = 0; i < 1000; ++i) log_info("flood");
  const std::string flood = ::testing::internal::GetCapturedStderr();
  EXPECT_LE(std::count(flood.begin(), flood.end(), '\n'), 110);
  std::this_thread::sleep_for(std::chrono::milliseconds(500));
  ::testing::internal::CaptureStderr();
  log_info("after it");
  EXPECT_THAT(
      ::testing::internal::GetCapturedStderr(),
      MatchesRegex(".*level=warning msg=\"[0-9]+ messages were left out\"\n.*after it\"\n"));
}

}  // namespace
}  // namespace loopstall::base
