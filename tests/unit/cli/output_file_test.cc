// SPDX-License-Identifier: Apache-2.0
#include "cli/output_file.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <iterator>
#include <utility>

namespace loopstall::cli {
namespace {

using ::testing::HasSubstr;

std::string content_of(const std::string& path) {
  std::ifstream file(path);
  return {std::istreambuf_iterator<char>(file), {}};
}

class OutputFileTest : public ::testing::Test {
 protected:
  void SetUp() override { std::filesystem::remove(path_); }
  void TearDown() override { std::filesystem::remove(path_); }

  const std::string path_ =
      ::testing::TempDir() + "loopstall-output-file-" + std::to_string(::getpid());
};

TEST_F(OutputFileTest, ReplacesWhatWasThere) {
  std::ofstream(path_) << "a longer text of before";
  {
    auto file = OutputFile::open(path_);
    ASSERT_TRUE(file);
    EXPECT_EQ(content_of(path_), "a longer text of before") << "until it is written";
    OutputFile moved = std::move(*file);
    EXPECT_TRUE(moved.write("new"));
  }
  EXPECT_EQ(content_of(path_), "new");
}

TEST_F(OutputFileTest, OneThatWasNotWrittenGoesAway) {
  { ASSERT_TRUE(OutputFile::open(path_)); }
  EXPECT_FALSE(std::filesystem::exists(path_));
  std::ofstream(path_) << "of before";
  { ASSERT_TRUE(OutputFile::open(path_)); }
  EXPECT_EQ(content_of(path_), "of before") << "but not what was there";
}

TEST_F(OutputFileTest, SaysWhatIsWrongBeforeAnythingLong) {
  const auto file = OutputFile::open("/nowhere/profile.html");
  ASSERT_FALSE(file);
  EXPECT_EQ(file.error().kind, base::ErrorKind::usage);
  EXPECT_THAT(file.error().message, HasSubstr("cannot write /nowhere/profile.html: No such file"));
}

TEST_F(OutputFileTest, AFullDiskIsSaid) {
  auto file = OutputFile::open("/dev/full");
  ASSERT_TRUE(file);
  const auto written = file->write("text");
  ASSERT_FALSE(written);
  EXPECT_THAT(written.error().message, HasSubstr("No space left"));
}

}  // namespace
}  // namespace loopstall::cli
