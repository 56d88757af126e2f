// SPDX-License-Identifier: Apache-2.0
#include "session/stall_log.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <vector>

namespace loopstall::session {
namespace {

namespace fs = std::filesystem;
using std::chrono::steady_clock;

std::shared_ptr<const stalls::StallRecord> record(std::string id, std::size_t name_bytes = 5) {
  auto made = std::make_shared<stalls::StallRecord>();
  made->id = std::move(id);
  made->labels.process = std::string(name_bytes, 'p');
  return made;
}

class StallLogTest : public ::testing::Test {
 protected:
  void SetUp() override {
    std::signal(SIGPIPE, SIG_IGN);  // as the agent does
    std::string name = (fs::temp_directory_path() / "stall_log_XXXXXX").string();
    ASSERT_NE(mkdtemp(name.data()), nullptr);
    folder_ = name;
  }
  void TearDown() override { fs::remove_all(folder_); }

  std::unique_ptr<StallLog> open(const fs::path& path) {
    auto log = StallLog::open(path.string());
    EXPECT_TRUE(log.has_value());
    return log ? std::move(*log) : nullptr;
  }
  static std::vector<std::string> lines_of(const fs::path& path) {
    std::ifstream in(path);
    std::vector<std::string> lines;
    for (std::string line; std::getline(in, line);) lines.push_back(line);
    return lines;
  }

  fs::path folder_;
};

TEST_F(StallLogTest, WritesOneLineEachInOrderBeforeItCloses) {
  const fs::path path = folder_ / "stalls.ndjson";
  {
    const auto log = open(path);
    for (int i = 0; i < 500; ++i) log->write(record("r" + std::to_string(i)));
  }
  const auto lines = lines_of(path);
  ASSERT_EQ(lines.size(), 500u);
  for (int i = 0; i < 500; ++i) {
    EXPECT_EQ(lines[i], stalls::to_json(*record("r" + std::to_string(i))));
  }
}

TEST_F(StallLogTest, AppendsAndIsNotForEveryonesEyes) {
  const fs::path path = folder_ / "stalls.ndjson";
  umask(0);
  open(path)->write(record("first"));
  open(path)->write(record("second"));
  EXPECT_EQ(lines_of(path).size(), 2u);
  struct stat info {};
  ASSERT_EQ(stat(path.c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 0777, 0640u);
}

TEST_F(StallLogTest, APathThatCannotBeOpenedIsTheEnvironmentsFault) {
  const auto log = StallLog::open((folder_ / "missing" / "stalls.ndjson").string());
  ASSERT_FALSE(log.has_value());
  EXPECT_EQ(log.error().kind, base::ErrorKind::environment);
  EXPECT_NE(log.error().message.find("--stall-log"), std::string::npos);
}

TEST_F(StallLogTest, LinesLongerThanAPipeTakesAtOnceArriveWhole) {
  const fs::path path = folder_ / "pipe";
  ASSERT_EQ(mkfifo(path.c_str(), 0600), 0);
  const int reader = ::open(path.c_str(), O_RDONLY | O_NONBLOCK);
  std::string text;
  {
    const auto log = open(path);
    for (int i = 0; i < 20; ++i) log->write(record("r" + std::to_string(i), 30'000));
    std::vector<char> buffer(100'000);
    const auto deadline = steady_clock::now() + std::chrono::seconds(20);
    while (std::count(text.begin(), text.end(), '\n') < 20 && steady_clock::now() < deadline) {
      const ssize_t size = read(reader, buffer.data(), buffer.size());
      if (size > 0) text.append(buffer.data(), static_cast<std::size_t>(size));
    }
    EXPECT_EQ(log->suppressed(), 0u);
  }
  close(reader);
  std::string expected;
  for (int i = 0; i < 20; ++i) {
    expected += stalls::to_json(*record("r" + std::to_string(i), 30'000)) + "\n";
  }
  EXPECT_TRUE(text == expected);
}

TEST_F(StallLogTest, AReaderThatDoesNotReadHoldsNeitherTheWriterNorTheEnd) {
  const fs::path path = folder_ / "pipe";
  ASSERT_EQ(mkfifo(path.c_str(), 0600), 0);
  const int reader = ::open(path.c_str(), O_RDONLY | O_NONBLOCK);
  auto log = open(path);
  const auto start = steady_clock::now();
  const auto wide = record("r", 30'000);  // more than the last page of a pipe takes
  for (int i = 0; i < 20'000; ++i) log->write(wide);
  EXPECT_GE(log->suppressed(), 9'000u) << "the queue is bounded";
  EXPECT_LT(steady_clock::now() - start, std::chrono::seconds(10));
  const auto end = steady_clock::now();
  log.reset();
  EXPECT_LT(steady_clock::now() - end, std::chrono::seconds(4));
  close(reader);
}

TEST_F(StallLogTest, ASlowReaderDoesNotHoldTheEndEither) {
  const fs::path path = folder_ / "pipe";
  ASSERT_EQ(mkfifo(path.c_str(), 0600), 0);
  const int reader = ::open(path.c_str(), O_RDONLY | O_NONBLOCK);
  auto log = open(path);
  for (int i = 0; i < 1'000; ++i) log->write(record("r", 3'000));
  std::jthread slowly([reader](std::stop_token stop) {
    std::vector<char> buffer(4'096);
    while (!stop.stop_requested()) {
      (void)!read(reader, buffer.data(), buffer.size());
      std::this_thread::sleep_for(std::chrono::milliseconds(20));
    }
  });
  const auto end = steady_clock::now();
  log.reset();
  EXPECT_LT(steady_clock::now() - end, std::chrono::seconds(4));
  slowly.request_stop();
  slowly.join();
  close(reader);
}

TEST_F(StallLogTest, ABrokenPipeIsCountedAndNoCrash) {
  const fs::path path = folder_ / "pipe";
  ASSERT_EQ(mkfifo(path.c_str(), 0600), 0);
  const int reader = ::open(path.c_str(), O_RDONLY | O_NONBLOCK);
  auto log = open(path);
  close(reader);
  log->write(record("r"));
  const auto deadline = steady_clock::now() + std::chrono::seconds(10);
  while (log->suppressed() == 0 && steady_clock::now() < deadline) std::this_thread::yield();
  EXPECT_EQ(log->suppressed(), 1u);
}

}  // namespace
}  // namespace loopstall::session
