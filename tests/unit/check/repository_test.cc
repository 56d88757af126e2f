// SPDX-License-Identifier: Apache-2.0
#include "check/repository.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <string>

namespace loopstall::check {
namespace {

namespace fs = std::filesystem;

class RepositoryTest : public ::testing::Test {
 protected:
  RepositoryTest() {
    fs::remove_all(root);
    fs::create_directories(root / ".git");
    fs::create_directories(root / "service/app");
    fs::create_directories(root / "app");
    std::ofstream(root / "service/app/ocr.py") << "pass\n";
    std::ofstream(root / "app/main.py") << "pass\n";
  }
  ~RepositoryTest() override { fs::remove_all(root); }

  std::string located(const std::string& path, const std::string& file = "fallback.py") const {
    Finding finding;
    finding.path = path;
    finding.file = file;
    return path_in(root, finding);
  }

  const fs::path root =
      fs::path(::testing::TempDir()) / ("loopstall-repository-" + std::to_string(::getpid()));
};

TEST_F(RepositoryTest, IsFoundAbove) {
  EXPECT_EQ(repository_above(root / "service/app"), root);
  EXPECT_EQ(repository_above("/"), fs::path("/"));
}

TEST_F(RepositoryTest, APathInsideIsRelativeToIt) {
  EXPECT_EQ(located((root / "service/app/ocr.py").string()), "service/app/ocr.py");
  EXPECT_EQ(located((root / "service/../app/main.py").string()), "app/main.py");
}

TEST_F(RepositoryTest, AContainersPathIsFoundByItsEnd) {
  EXPECT_EQ(located("/srv/app/main.py"), "app/main.py");
  EXPECT_EQ(located("/srv/service/app/ocr.py"), "service/app/ocr.py");
}

TEST_F(RepositoryTest, NothingOutsideIsNamed) {
  EXPECT_EQ(located("/etc/passwd"), "fallback.py");
  EXPECT_EQ(located("../../../../etc/passwd"), "fallback.py");
  EXPECT_EQ(located("", ""), "");
  EXPECT_EQ(located("<string>"), "fallback.py");
}

}  // namespace
}  // namespace loopstall::check
