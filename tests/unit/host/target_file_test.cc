// SPDX-License-Identifier: Apache-2.0
#include "host/target_file.h"

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <string>

#include "temporary_tree.h"

namespace loopstall::host {
namespace {

constexpr pid_t kPid = 7;

class TargetFiles : public testing::Test {
 protected:
  TargetFiles() {
    tree_.link("proc/7/root", tree_.root() / "container");
    tree_.write("container/app/lib.so", "inside");
    tree_.write("outside.so", "outside");
  }

  static std::string text(const base::Result<TargetFile>& file) {
    if (!file) return "error: " + file.error().message;
    std::string bytes(64, '\0');
    bytes.resize(static_cast<std::size_t>(
        std::max<ssize_t>(0, ::pread(file->fd.get(), bytes.data(), bytes.size(), 0))));
    return bytes;
  }
  static uint64_t inode(const std::string& path) {
    struct stat status {};
    ::stat(path.c_str(), &status);
    return status.st_ino;
  }

  TemporaryTree tree_;
  Procfs procfs_{tree_.path("proc")};
};

TEST_F(TargetFiles, PathsAreThoseOfTheTarget) {
  EXPECT_EQ(text(open_in_root(procfs_, kPid, "/app/lib.so")), "inside");
  EXPECT_EQ(text(open_in_root(procfs_, kPid, "app/lib.so")), "inside");
}

TEST_F(TargetFiles, LinksStayInsideItsRoot) {
  tree_.link("container/absolute", "/app/lib.so");
  tree_.link("container/escape", tree_.path("outside.so"));
  tree_.link("container/climb", "../../outside.so");
  EXPECT_EQ(text(open_in_root(procfs_, kPid, "/absolute")), "inside");
  EXPECT_FALSE(open_in_root(procfs_, kPid, "/escape"));
  EXPECT_FALSE(open_in_root(procfs_, kPid, "/climb"));
  EXPECT_FALSE(open_in_root(procfs_, kPid, "/../outside.so"));
}

TEST_F(TargetFiles, OnlyRegularFilesAreOpened) {
  ASSERT_EQ(::mkfifo(tree_.path("container/pipe").c_str(), 0600), 0);
  EXPECT_FALSE(open_in_root(procfs_, kPid, "/pipe"));  // would block for ever
  EXPECT_FALSE(open_in_root(procfs_, kPid, "/app"));
  EXPECT_FALSE(open_in_root(procfs_, kPid, "/absent"));
}

TEST_F(TargetFiles, IdentityTellsContentsApart) {
  const auto first = open_in_root(procfs_, kPid, "/app/lib.so").value().identity;
  EXPECT_EQ(open_in_root(procfs_, kPid, "/app/lib.so")->identity, first);
  EXPECT_EQ(first.size, 6u);
  EXPECT_EQ(first.inode, inode(tree_.path("container/app/lib.so")));
  tree_.write("container/app/lib.so", "longer than before");
  EXPECT_NE(open_in_root(procfs_, kPid, "/app/lib.so")->identity, first);
}

TEST_F(TargetFiles, TheProgramIsOpenedThroughItsLink) {
  tree_.link("proc/7/exe", tree_.path("outside.so"));
  EXPECT_EQ(text(open_exe(procfs_, kPid)), "outside");
}

TEST_F(TargetFiles, AMappingOfAProcessThatChangedItsRootAloneHasTheRootInFront) {
  Mapping mapping{.start = 0x1000,
                  .end = 0x2000,
                  .inode = inode(tree_.path("container/app/lib.so")),
                  .path = tree_.path("container/app/lib.so")};
  EXPECT_EQ(text(open_mapped(procfs_, kPid, mapping)), "inside");
  mapping.inode = 1;
  EXPECT_FALSE(open_mapped(procfs_, kPid, mapping));
}

TEST_F(TargetFiles, AMappingOfAReplacedFileIsReadThroughTheKernelsLink) {
  tree_.write("old.so", "old");
  Mapping mapping{.start = 0x1000, .end = 0x2000, .inode = 1, .path = "/app/lib.so"};
  EXPECT_FALSE(open_mapped(procfs_, kPid, mapping));
  tree_.link("proc/7/map_files/1000-2000", tree_.path("old.so"));
  EXPECT_EQ(text(open_mapped(procfs_, kPid, mapping)), "old");
  mapping.inode = inode(tree_.path("container/app/lib.so"));
  EXPECT_EQ(text(open_mapped(procfs_, kPid, mapping)), "inside");
  mapping.deleted = true;
  EXPECT_EQ(text(open_mapped(procfs_, kPid, mapping)), "old");
}

}  // namespace
}  // namespace loopstall::host
