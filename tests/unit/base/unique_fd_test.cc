// SPDX-License-Identifier: Apache-2.0
#include "base/unique_fd.h"

#include <fcntl.h>
#include <gtest/gtest.h>

namespace loopstall::base {
namespace {

int open_null() { return ::open("/dev/null", O_RDONLY | O_CLOEXEC); }

bool is_open(int fd) { return ::fcntl(fd, F_GETFD) != -1; }

TEST(UniqueFd, ClosesAtTheEndOfItsLife) {
  int raw = -1;
  {
    const UniqueFd fd(open_null());
    raw = fd.get();
    ASSERT_TRUE(is_open(raw));
  }
  EXPECT_FALSE(is_open(raw));
}

TEST(UniqueFd, MovingHandsOverTheDescriptor) {
  UniqueFd first(open_null());
  const int raw = first.get();
  const UniqueFd second(std::move(first));
  EXPECT_FALSE(static_cast<bool>(first));  // NOLINT(bugprone-use-after-move): the contract
  EXPECT_EQ(second.get(), raw);
  EXPECT_TRUE(is_open(raw));
}

TEST(UniqueFd, AssigningClosesTheOldOne) {
  UniqueFd kept(open_null());
  const int old = kept.get();
  UniqueFd incoming(open_null());
  const int raw = incoming.get();
  kept = std::move(incoming);
  EXPECT_FALSE(is_open(old));
  EXPECT_TRUE(is_open(raw));
}

TEST(UniqueFd, AssigningToItselfKeepsIt) {
  UniqueFd fd(open_null());
  UniqueFd& alias = fd;
  fd = std::move(alias);
  EXPECT_TRUE(is_open(fd.get()));
}

}  // namespace
}  // namespace loopstall::base
