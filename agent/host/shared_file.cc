// SPDX-License-Identifier: Apache-2.0
#include "host/shared_file.h"

#include <linux/kcmp.h>
#include <sys/syscall.h>
#include <unistd.h>

namespace loopstall::host {

bool share_file(pid_t one, pid_t other, int fd) {
  return ::syscall(SYS_kcmp, one, other, KCMP_FILE, fd, fd) == 0;
}

}  // namespace loopstall::host
