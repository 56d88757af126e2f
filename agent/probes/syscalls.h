// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <span>
#include <string_view>

#include "stalls/cause.h"

namespace loopstall::probes {

/// How the wait inside a system call gets its cause; the kernel side reads the same table.
struct SyscallRule {
  std::string_view name;
  uint32_t number;
  uint32_t rule;  ///< enum ls_syscall_rule of bpf/wire/wire.h
};

/// All system calls that can block, of this architecture.
std::span<const SyscallRule> syscall_rules();

/// The name of a system call, "syscall_N" for those not in the table, empty for no call. Static.
std::string_view syscall_name(uint32_t number);

/// "socket", "file", …; empty for calls without a descriptor. Static.
std::string_view fd_kind_name(uint32_t kind);

/// The cause of a wait, as far as it can be told from outside: by the number of the call and what
/// /proc/PID/fd says of its descriptor ("socket:[1]"; empty if it has none). The futex of a GIL is
/// told by the caller.
stalls::Cause cause_of_wait(uint32_t number, std::string_view fd_target);

/// Whether the number is one of the epoll waits.
bool is_epoll_wait(uint32_t number);

/// Whether it is one of poll, ppoll, select and pselect6.
bool is_poll(uint32_t number);

}  // namespace loopstall::probes
