// SPDX-License-Identifier: Apache-2.0
#include "cli/child.h"

#include <gtest/gtest.h>

#include <chrono>
#include <csignal>
#include <string>
#include <thread>
#include <utility>
#include <vector>

namespace loopstall::cli {
namespace {

std::unique_ptr<Child> prepared(std::vector<std::string> command) {
  auto child = Child::prepare(std::move(command));
  EXPECT_TRUE(child.has_value());
  return std::move(*child);
}

int waited(Child& child) {
  for (int i = 0; i < 500; ++i) {
    if (const auto status = child.ended()) return *status;
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
  }
  ADD_FAILURE() << "it did not end";
  return -1;
}

TEST(Child, WaitsUntilItMayRun) {
  const auto child = prepared({"/bin/sh", "-c", "exit 3"});
  std::this_thread::sleep_for(std::chrono::milliseconds(100));
  EXPECT_FALSE(child->ended());
  EXPECT_TRUE(child->run());
  EXPECT_EQ(ending_text(waited(*child)), "exit status 3");
}

TEST(Child, SaysThatThereIsNoSuchCommand) {
  const auto child = prepared({"/no/such/command"});
  const auto runs = child->run();
  ASSERT_FALSE(runs);
  EXPECT_EQ(runs.error().kind, base::ErrorKind::usage);
  EXPECT_EQ(runs.error().message, "cannot run /no/such/command: No such file or directory");
}

TEST(Child, EndsWithAllThatItStarted) {
  auto child = prepared({"/bin/sh", "-c", "sleep 60 & sleep 60"});
  ASSERT_TRUE(child->run());
  const auto group = static_cast<pid_t>(child->pid());
  child->end();
  EXPECT_EQ(ending_text(*child->ended()), "SIGTERM");
  for (int i = 0; i < 100 && ::kill(-group, 0) == 0; ++i) {
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
  }
  EXPECT_NE(::kill(-group, 0), 0) << "something of its group is left";
}

TEST(Child, ThatNeverRanEndsToo) {
  auto child = prepared({"/bin/sleep", "60"});
  const pid_t pid = static_cast<pid_t>(child->pid());
  child.reset();
  EXPECT_NE(::kill(pid, 0), 0);
}

}  // namespace
}  // namespace loopstall::cli
