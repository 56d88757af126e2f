// SPDX-License-Identifier: Apache-2.0
#include "exposition/process_stats.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <ctime>
#include <filesystem>
#include <fstream>
#include <string>

namespace loopstall::exposition {
namespace {

namespace fs = std::filesystem;

class ProcTree : public ::testing::Test {
 protected:
  void SetUp() override {
    std::string pattern = (fs::temp_directory_path() / "loopstall-proc-XXXXXX").string();
    root_ = ::mkdtemp(pattern.data());
    fs::create_directories(root_ / "self/fd");
  }
  void TearDown() override { fs::remove_all(root_); }
  void write(const std::string& name, const std::string& text) {
    std::ofstream(root_ / name) << text;
  }
  fs::path root_;
};

TEST_F(ProcTree, ReadsTheFieldsBehindAHostileName) {
  write("self/stat",
        "77 (a) b (c)) S 1 77 77 0 -1 4194560 1 2 3 4 250 50 7 8 20 0 9 0 12345 104857600 300 "
        "18446744073709551615 1 1 0 0 0 0 0 0 0 0 0 0 17 0 0 0 0 0 0\n");
  write("stat", "cpu  1 2 3\nbtime 1700000000\nprocesses 5\n");
  write("self/limits", "Limit  Soft Limit\nMax open files            1024    524288   files\n");
  for (const char* fd : {"0", "1", "2", "3"}) write(std::string("self/fd/") + fd, "");
  const auto stats = read_process_stats(root_);
  ASSERT_TRUE(stats);
  const auto ticks = static_cast<double>(::sysconf(_SC_CLK_TCK));
  EXPECT_DOUBLE_EQ(stats->cpu_seconds, 300 / ticks);
  EXPECT_DOUBLE_EQ(stats->start_time_seconds, 1700000000 + 12345 / ticks);
  EXPECT_EQ(stats->virtual_bytes, 104857600u);
  EXPECT_EQ(stats->resident_bytes, 300u * static_cast<uint64_t>(::sysconf(_SC_PAGESIZE)));
  EXPECT_EQ(stats->open_fds, 3u);
  EXPECT_EQ(stats->max_fds, 1024u);
}

TEST_F(ProcTree, UnlimitedFilesHaveNoMaximum) {
  write("self/stat", "77 (a) S 1 77 77 0 -1 0 1 2 3 4 250 50 7 8 20 0 9 0 1 2 3 4\n");
  write("self/limits", "Max open files            unlimited    unlimited   files\n");
  const auto stats = read_process_stats(root_);
  ASSERT_TRUE(stats);
  EXPECT_FALSE(stats->max_fds);
}

TEST_F(ProcTree, MissingOrCutFilesGiveNothing) {
  EXPECT_FALSE(read_process_stats(root_));
  write("self/stat", "77 (a) S 1 77");
  EXPECT_FALSE(read_process_stats(root_));
  write("self/stat", "no parenthesis");
  EXPECT_FALSE(read_process_stats(root_));
}

TEST(ProcessStats, OfThisProcessAreSane) {
  const auto stats = read_process_stats();
  ASSERT_TRUE(stats);
  const auto now = static_cast<double>(std::time(nullptr));
  EXPECT_GT(stats->resident_bytes, 100'000u);
  EXPECT_GE(stats->virtual_bytes, stats->resident_bytes);
  EXPECT_GE(stats->open_fds, 3u);
  EXPECT_LT(stats->start_time_seconds, now + 2);
  EXPECT_GT(stats->start_time_seconds, now - 600);
}

}  // namespace
}  // namespace loopstall::exposition
