// SPDX-License-Identifier: Apache-2.0
#include "stacks/rooted_tree.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include "file_tree.h"

namespace loopstall::stacks {
namespace {

bool any(std::string_view) { return true; }

TEST(RootedTree, ReadsWholeFilesUpToTheBound) {
  FileTree files;
  files.file("/a/b", "0123456789");
  const RootedTree tree(files.root());
  EXPECT_EQ(tree.read("/a/b", 10), "0123456789");
  EXPECT_EQ(tree.read("/a/b", 9), std::nullopt);
  EXPECT_EQ(tree.read("/a/c", 10), std::nullopt);
  EXPECT_EQ(tree.read("/a", 10), std::nullopt);
  EXPECT_TRUE(tree.has_file("/a/b"));
  EXPECT_FALSE(tree.has_file("/a"));
}

TEST(RootedTree, OpensNoFifo) {
  FileTree files;
  files.file("/a/b");
  ASSERT_EQ(::mkfifo(files.on_host("/a/fifo").c_str(), 0600), 0);
  const RootedTree tree(files.root());
  EXPECT_EQ(tree.read("/a/fifo", 10), std::nullopt);
  EXPECT_FALSE(tree.has_file("/a/fifo"));
}

TEST(RootedTree, KeepsLinksInside) {
  FileTree files;
  FileTree outside;
  outside.file("/secret", "x");
  files.file("/etc/own", "y").file("/a/b");
  std::filesystem::create_symlink(outside.on_host("/secret"), files.on_host("/a/out"));
  std::filesystem::create_symlink("/etc/own", files.on_host("/a/in"));
  std::filesystem::create_symlink("../../../../../../etc/own", files.on_host("/a/up"));
  std::filesystem::create_symlink("loop", files.on_host("/a/loop"));
  const RootedTree tree(files.root());
  EXPECT_EQ(tree.read("/a/out", 10), std::nullopt);
  EXPECT_EQ(tree.read("/a/in", 10), "y");
  EXPECT_EQ(tree.read("/a/up", 10), "y");
  EXPECT_EQ(tree.read("/a/loop", 10), std::nullopt);
}

TEST(RootedTree, ListsFolders) {
  FileTree files;
  files.file("/a/z.x").file("/a/b.x").file("/a/c.y");
  const RootedTree tree(files.root());
  EXPECT_EQ(tree.names("/a", [](std::string_view name) { return name.ends_with(".x"); }),
            (std::vector<std::string>{"b.x", "z.x"}));
  EXPECT_TRUE(tree.names("/none", any).empty());
  EXPECT_TRUE(tree.names("/a/z.x", any).empty());
}

TEST(RootedTree, IsEmptyWithoutARoot) {
  const RootedTree tree("/nonexistent/loopstall");
  EXPECT_FALSE(tree.has_file("/a"));
  EXPECT_EQ(tree.read("/a", 10), std::nullopt);
  EXPECT_TRUE(tree.names("/", any).empty());
}

TEST(NormalisedPath, IsAbsoluteAndClean) {
  EXPECT_EQ(normalised_path("/a//b/./c/../d/", ""), "/a/b/d");
  EXPECT_EQ(normalised_path("b/c", "/a/"), "/a/b/c");
  EXPECT_EQ(normalised_path("../../../b", "/a"), "/b");
  EXPECT_EQ(normalised_path("/..", ""), "/");
  EXPECT_EQ(normalised_path(".", "/a"), "/a");
  EXPECT_EQ(normalised_path("b", "relative"), "");
}

}  // namespace
}  // namespace loopstall::stacks
