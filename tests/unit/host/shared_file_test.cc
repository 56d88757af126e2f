// SPDX-License-Identifier: Apache-2.0
#include "host/shared_file.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

namespace loopstall::host {
namespace {

/// A child that has what its parent had when it was forked.
class Child {
 public:
  Child() : pid_(::fork()) {
    while (pid_ == 0) ::pause();
  }
  ~Child() {
    ::kill(pid_, SIGKILL);
    ::waitpid(pid_, nullptr, 0);
  }
  pid_t pid() const { return pid_; }

 private:
  pid_t pid_;
};

TEST(ShareFile, TellsWhatWasInheritedFromWhatIsOwn) {
  const int fd = ::open("/dev/null", O_RDONLY | O_CLOEXEC);
  const Child child;
  EXPECT_TRUE(share_file(::getpid(), child.pid(), fd));
  EXPECT_FALSE(share_file(::getpid(), child.pid(), 9'999)) << "neither has it";
  ::close(fd);
  EXPECT_FALSE(share_file(::getpid(), child.pid(), fd)) << "only the child has it";
  ASSERT_EQ(::open("/dev/null", O_RDONLY | O_CLOEXEC), fd);
  EXPECT_FALSE(share_file(::getpid(), child.pid(), fd)) << "another open file of that number";
  ::close(fd);
}

TEST(ShareFile, OfNoProcessIsFalse) { EXPECT_FALSE(share_file(::getpid(), 0, 1)); }

}  // namespace
}  // namespace loopstall::host
