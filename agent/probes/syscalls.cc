// SPDX-License-Identifier: Apache-2.0
#include "probes/syscalls.h"

#include <sys/syscall.h>

#include <algorithm>
#include <array>
#include <string>
#include <vector>

#include "wire/wire.h"

namespace loopstall::probes {
namespace {

using stalls::Cause;

// Which first argument is a descriptor, and what the others wait for: the man pages of section 2.
constexpr SyscallRule kRules[] = {
#ifdef __NR_nanosleep
    {"nanosleep", __NR_nanosleep, LS_RULE_SLEEP},
#endif
#ifdef __NR_clock_nanosleep
    {"clock_nanosleep", __NR_clock_nanosleep, LS_RULE_SLEEP},
#endif
#ifdef __NR_rt_sigtimedwait
    {"rt_sigtimedwait", __NR_rt_sigtimedwait, LS_RULE_SLEEP},
#endif
#ifdef __NR_pause
    {"pause", __NR_pause, LS_RULE_SLEEP},
#endif
#ifdef __NR_rt_sigsuspend
    {"rt_sigsuspend", __NR_rt_sigsuspend, LS_RULE_SLEEP},
#endif
#ifdef __NR_connect
    {"connect", __NR_connect, LS_RULE_NETWORK},
#endif
#ifdef __NR_accept
    {"accept", __NR_accept, LS_RULE_NETWORK},
#endif
#ifdef __NR_accept4
    {"accept4", __NR_accept4, LS_RULE_NETWORK},
#endif
#ifdef __NR_recvfrom
    {"recvfrom", __NR_recvfrom, LS_RULE_NETWORK},
#endif
#ifdef __NR_recvmsg
    {"recvmsg", __NR_recvmsg, LS_RULE_NETWORK},
#endif
#ifdef __NR_recvmmsg
    {"recvmmsg", __NR_recvmmsg, LS_RULE_NETWORK},
#endif
#ifdef __NR_sendto
    {"sendto", __NR_sendto, LS_RULE_NETWORK},
#endif
#ifdef __NR_sendmsg
    {"sendmsg", __NR_sendmsg, LS_RULE_NETWORK},
#endif
#ifdef __NR_sendmmsg
    {"sendmmsg", __NR_sendmmsg, LS_RULE_NETWORK},
#endif
#ifdef __NR_shutdown
    {"shutdown", __NR_shutdown, LS_RULE_NETWORK},
#endif
#ifdef __NR_open
    {"open", __NR_open, LS_RULE_FILE},
#endif
#ifdef __NR_openat
    {"openat", __NR_openat, LS_RULE_FILE},
#endif
#ifdef __NR_openat2
    {"openat2", __NR_openat2, LS_RULE_FILE},
#endif
#ifdef __NR_creat
    {"creat", __NR_creat, LS_RULE_FILE},
#endif
#ifdef __NR_stat
    {"stat", __NR_stat, LS_RULE_FILE},
#endif
#ifdef __NR_lstat
    {"lstat", __NR_lstat, LS_RULE_FILE},
#endif
#ifdef __NR_newfstatat
    {"newfstatat", __NR_newfstatat, LS_RULE_FILE},
#endif
#ifdef __NR_statx
    {"statx", __NR_statx, LS_RULE_FILE},
#endif
#ifdef __NR_access
    {"access", __NR_access, LS_RULE_FILE},
#endif
#ifdef __NR_faccessat
    {"faccessat", __NR_faccessat, LS_RULE_FILE},
#endif
#ifdef __NR_faccessat2
    {"faccessat2", __NR_faccessat2, LS_RULE_FILE},
#endif
#ifdef __NR_readlink
    {"readlink", __NR_readlink, LS_RULE_FILE},
#endif
#ifdef __NR_readlinkat
    {"readlinkat", __NR_readlinkat, LS_RULE_FILE},
#endif
#ifdef __NR_rename
    {"rename", __NR_rename, LS_RULE_FILE},
#endif
#ifdef __NR_renameat
    {"renameat", __NR_renameat, LS_RULE_FILE},
#endif
#ifdef __NR_renameat2
    {"renameat2", __NR_renameat2, LS_RULE_FILE},
#endif
#ifdef __NR_unlink
    {"unlink", __NR_unlink, LS_RULE_FILE},
#endif
#ifdef __NR_unlinkat
    {"unlinkat", __NR_unlinkat, LS_RULE_FILE},
#endif
#ifdef __NR_mkdir
    {"mkdir", __NR_mkdir, LS_RULE_FILE},
#endif
#ifdef __NR_mkdirat
    {"mkdirat", __NR_mkdirat, LS_RULE_FILE},
#endif
#ifdef __NR_rmdir
    {"rmdir", __NR_rmdir, LS_RULE_FILE},
#endif
#ifdef __NR_link
    {"link", __NR_link, LS_RULE_FILE},
#endif
#ifdef __NR_linkat
    {"linkat", __NR_linkat, LS_RULE_FILE},
#endif
#ifdef __NR_symlink
    {"symlink", __NR_symlink, LS_RULE_FILE},
#endif
#ifdef __NR_symlinkat
    {"symlinkat", __NR_symlinkat, LS_RULE_FILE},
#endif
#ifdef __NR_chmod
    {"chmod", __NR_chmod, LS_RULE_FILE},
#endif
#ifdef __NR_fchmodat
    {"fchmodat", __NR_fchmodat, LS_RULE_FILE},
#endif
#ifdef __NR_chown
    {"chown", __NR_chown, LS_RULE_FILE},
#endif
#ifdef __NR_lchown
    {"lchown", __NR_lchown, LS_RULE_FILE},
#endif
#ifdef __NR_fchownat
    {"fchownat", __NR_fchownat, LS_RULE_FILE},
#endif
#ifdef __NR_truncate
    {"truncate", __NR_truncate, LS_RULE_FILE},
#endif
#ifdef __NR_utimensat
    {"utimensat", __NR_utimensat, LS_RULE_FILE},
#endif
#ifdef __NR_statfs
    {"statfs", __NR_statfs, LS_RULE_FILE},
#endif
#ifdef __NR_sync
    {"sync", __NR_sync, LS_RULE_FILE},
#endif
#ifdef __NR_mount
    {"mount", __NR_mount, LS_RULE_FILE},
#endif
#ifdef __NR_umount2
    {"umount2", __NR_umount2, LS_RULE_FILE},
#endif
#ifdef __NR_swapon
    {"swapon", __NR_swapon, LS_RULE_FILE},
#endif
#ifdef __NR_execveat
    {"execveat", __NR_execveat, LS_RULE_FILE},
#endif
#ifdef __NR_io_getevents
    {"io_getevents", __NR_io_getevents, LS_RULE_FILE},
#endif
#ifdef __NR_io_submit
    {"io_submit", __NR_io_submit, LS_RULE_FILE},
#endif
#ifdef __NR_getcwd
    {"getcwd", __NR_getcwd, LS_RULE_FILE},
#endif
#ifdef __NR_chdir
    {"chdir", __NR_chdir, LS_RULE_FILE},
#endif
#ifdef __NR_setxattr
    {"setxattr", __NR_setxattr, LS_RULE_FILE},
#endif
#ifdef __NR_getxattr
    {"getxattr", __NR_getxattr, LS_RULE_FILE},
#endif
#ifdef __NR_listxattr
    {"listxattr", __NR_listxattr, LS_RULE_FILE},
#endif
#ifdef __NR_inotify_add_watch
    {"inotify_add_watch", __NR_inotify_add_watch, LS_RULE_FILE},
#endif
#ifdef __NR_semop
    {"semop", __NR_semop, LS_RULE_LOCK},
#endif
#ifdef __NR_semtimedop
    {"semtimedop", __NR_semtimedop, LS_RULE_LOCK},
#endif
#ifdef __NR_msgrcv
    {"msgrcv", __NR_msgrcv, LS_RULE_LOCK},
#endif
#ifdef __NR_msgsnd
    {"msgsnd", __NR_msgsnd, LS_RULE_LOCK},
#endif
#ifdef __NR_mq_timedreceive
    {"mq_timedreceive", __NR_mq_timedreceive, LS_RULE_LOCK},
#endif
#ifdef __NR_mq_timedsend
    {"mq_timedsend", __NR_mq_timedsend, LS_RULE_LOCK},
#endif
#ifdef __NR_futex_waitv
    {"futex_waitv", __NR_futex_waitv, LS_RULE_LOCK},
#endif
#ifdef __NR_futex_wait
    {"futex_wait", __NR_futex_wait, LS_RULE_LOCK},
#endif
#ifdef __NR_wait4
    {"wait4", __NR_wait4, LS_RULE_PROCESS},
#endif
#ifdef __NR_waitid
    {"waitid", __NR_waitid, LS_RULE_PROCESS},
#endif
#ifdef __NR_fork
    {"fork", __NR_fork, LS_RULE_PROCESS},
#endif
#ifdef __NR_vfork
    {"vfork", __NR_vfork, LS_RULE_PROCESS},
#endif
#ifdef __NR_clone
    {"clone", __NR_clone, LS_RULE_PROCESS},
#endif
#ifdef __NR_clone3
    {"clone3", __NR_clone3, LS_RULE_PROCESS},
#endif
#ifdef __NR_execve
    {"execve", __NR_execve, LS_RULE_PROCESS},
#endif
#ifdef __NR_ptrace
    {"ptrace", __NR_ptrace, LS_RULE_PROCESS},
#endif
#ifdef __NR_mmap
    {"mmap", __NR_mmap, LS_RULE_MEMORY},
#endif
#ifdef __NR_munmap
    {"munmap", __NR_munmap, LS_RULE_MEMORY},
#endif
#ifdef __NR_mprotect
    {"mprotect", __NR_mprotect, LS_RULE_MEMORY},
#endif
#ifdef __NR_madvise
    {"madvise", __NR_madvise, LS_RULE_MEMORY},
#endif
#ifdef __NR_brk
    {"brk", __NR_brk, LS_RULE_MEMORY},
#endif
#ifdef __NR_mremap
    {"mremap", __NR_mremap, LS_RULE_MEMORY},
#endif
#ifdef __NR_msync
    {"msync", __NR_msync, LS_RULE_MEMORY},
#endif
#ifdef __NR_mlock
    {"mlock", __NR_mlock, LS_RULE_MEMORY},
#endif
#ifdef __NR_mincore
    {"mincore", __NR_mincore, LS_RULE_MEMORY},
#endif
#ifdef __NR_process_vm_readv
    {"process_vm_readv", __NR_process_vm_readv, LS_RULE_MEMORY},
#endif
#ifdef __NR_read
    {"read", __NR_read, LS_RULE_FD},
#endif
#ifdef __NR_write
    {"write", __NR_write, LS_RULE_FD},
#endif
#ifdef __NR_readv
    {"readv", __NR_readv, LS_RULE_FD},
#endif
#ifdef __NR_writev
    {"writev", __NR_writev, LS_RULE_FD},
#endif
#ifdef __NR_pread64
    {"pread64", __NR_pread64, LS_RULE_FD},
#endif
#ifdef __NR_pwrite64
    {"pwrite64", __NR_pwrite64, LS_RULE_FD},
#endif
#ifdef __NR_preadv
    {"preadv", __NR_preadv, LS_RULE_FD},
#endif
#ifdef __NR_pwritev
    {"pwritev", __NR_pwritev, LS_RULE_FD},
#endif
#ifdef __NR_preadv2
    {"preadv2", __NR_preadv2, LS_RULE_FD},
#endif
#ifdef __NR_pwritev2
    {"pwritev2", __NR_pwritev2, LS_RULE_FD},
#endif
#ifdef __NR_fsync
    {"fsync", __NR_fsync, LS_RULE_FD},
#endif
#ifdef __NR_fdatasync
    {"fdatasync", __NR_fdatasync, LS_RULE_FD},
#endif
#ifdef __NR_sync_file_range
    {"sync_file_range", __NR_sync_file_range, LS_RULE_FD},
#endif
#ifdef __NR_flock
    {"flock", __NR_flock, LS_RULE_FD},
#endif
#ifdef __NR_fcntl
    {"fcntl", __NR_fcntl, LS_RULE_FD},
#endif
#ifdef __NR_ioctl
    {"ioctl", __NR_ioctl, LS_RULE_FD},
#endif
#ifdef __NR_ftruncate
    {"ftruncate", __NR_ftruncate, LS_RULE_FD},
#endif
#ifdef __NR_fallocate
    {"fallocate", __NR_fallocate, LS_RULE_FD},
#endif
#ifdef __NR_getdents
    {"getdents", __NR_getdents, LS_RULE_FD},
#endif
#ifdef __NR_getdents64
    {"getdents64", __NR_getdents64, LS_RULE_FD},
#endif
#ifdef __NR_fstat
    {"fstat", __NR_fstat, LS_RULE_FD},
#endif
#ifdef __NR_fchmod
    {"fchmod", __NR_fchmod, LS_RULE_FD},
#endif
#ifdef __NR_fchown
    {"fchown", __NR_fchown, LS_RULE_FD},
#endif
#ifdef __NR_fadvise64
    {"fadvise64", __NR_fadvise64, LS_RULE_FD},
#endif
#ifdef __NR_lseek
    {"lseek", __NR_lseek, LS_RULE_FD},
#endif
#ifdef __NR_close
    {"close", __NR_close, LS_RULE_FD},
#endif
#ifdef __NR_close_range
    {"close_range", __NR_close_range, LS_RULE_FD},
#endif
#ifdef __NR_splice
    {"splice", __NR_splice, LS_RULE_FD},
#endif
#ifdef __NR_tee
    {"tee", __NR_tee, LS_RULE_FD},
#endif
#ifdef __NR_vmsplice
    {"vmsplice", __NR_vmsplice, LS_RULE_FD},
#endif
#ifdef __NR_copy_file_range
    {"copy_file_range", __NR_copy_file_range, LS_RULE_FD},
#endif
#ifdef __NR_sendfile
    {"sendfile", __NR_sendfile, LS_RULE_FD},
#endif
#ifdef __NR_readahead
    {"readahead", __NR_readahead, LS_RULE_FD},
#endif
#ifdef __NR_syncfs
    {"syncfs", __NR_syncfs, LS_RULE_FD},
#endif
#ifdef __NR_fsetxattr
    {"fsetxattr", __NR_fsetxattr, LS_RULE_FD},
#endif
#ifdef __NR_fgetxattr
    {"fgetxattr", __NR_fgetxattr, LS_RULE_FD},
#endif
#ifdef __NR_futex
    {"futex", __NR_futex, LS_RULE_FUTEX},
#endif
#ifdef __NR_poll
    {"poll", __NR_poll, LS_RULE_POLL},
#endif
#ifdef __NR_ppoll
    {"ppoll", __NR_ppoll, LS_RULE_POLL},
#endif
#ifdef __NR_select
    {"select", __NR_select, LS_RULE_SELECT},
#endif
#ifdef __NR_pselect6
    {"pselect6", __NR_pselect6, LS_RULE_SELECT},
#endif
#ifdef __NR_epoll_wait
    {"epoll_wait", __NR_epoll_wait, LS_RULE_EPOLL},
#endif
#ifdef __NR_epoll_pwait
    {"epoll_pwait", __NR_epoll_pwait, LS_RULE_EPOLL},
#endif
#ifdef __NR_epoll_pwait2
    {"epoll_pwait2", __NR_epoll_pwait2, LS_RULE_EPOLL},
#endif
#ifdef __NR_restart_syscall
    {"restart_syscall", __NR_restart_syscall, LS_RULE_RESTART},
#endif
#ifdef __NR_io_uring_enter
    {"io_uring_enter", __NR_io_uring_enter, LS_RULE_OTHER},
#endif
#ifdef __NR_getrandom
    {"getrandom", __NR_getrandom, LS_RULE_OTHER},
#endif
#ifdef __NR_epoll_ctl
    {"epoll_ctl", __NR_epoll_ctl, LS_RULE_OTHER},
#endif
#ifdef __NR_socket
    {"socket", __NR_socket, LS_RULE_OTHER},
#endif
#ifdef __NR_bind
    {"bind", __NR_bind, LS_RULE_OTHER},
#endif
#ifdef __NR_listen
    {"listen", __NR_listen, LS_RULE_OTHER},
#endif
#ifdef __NR_sched_yield
    {"sched_yield", __NR_sched_yield, LS_RULE_OTHER},
#endif
#ifdef __NR_membarrier
    {"membarrier", __NR_membarrier, LS_RULE_OTHER},
#endif
#ifdef __NR_rt_sigreturn
    {"rt_sigreturn", __NR_rt_sigreturn, LS_RULE_OTHER},
#endif
#ifdef __NR_exit
    {"exit", __NR_exit, LS_RULE_OTHER},
#endif
#ifdef __NR_exit_group
    {"exit_group", __NR_exit_group, LS_RULE_OTHER},
#endif
};

constexpr std::string_view kFdKinds[LS_FD_KINDS] = {
    "",        "socket", "file",    "directory", "block_device", "pipe", "character_device",
    "eventfd", "epoll",  "timerfd", "other"};

std::vector<std::string> numbered_names() {
  std::vector<std::string> names;
  for (uint32_t number = 0; number < LS_MAX_SYSCALLS; ++number) {
    names.push_back("syscall_" + std::to_string(number));
  }
  for (const SyscallRule& rule : kRules) {
    if (rule.number < names.size()) names[rule.number] = std::string(rule.name);
  }
  return names;
}

const SyscallRule* find_rule(uint32_t number) {
  const auto found = std::find_if(std::begin(kRules), std::end(kRules),
                                  [&](const SyscallRule& rule) { return rule.number == number; });
  return found == std::end(kRules) ? nullptr : found;
}

Cause cause_of_target(std::string_view target) {
  if (target.starts_with("socket:")) return Cause::network;
  if (target.starts_with("pipe:") || target.starts_with("/dev/") ||
      target == "anon_inode:[eventfd]") {
    return Cause::pipe;
  }
  if (target.starts_with("/")) return Cause::file;
  return target == "anon_inode:[timerfd]" ? Cause::sleep : Cause::other;
}

}  // namespace

std::span<const SyscallRule> syscall_rules() { return kRules; }

std::string_view syscall_name(uint32_t number) {
  static const std::vector<std::string> names = numbered_names();
  return number < names.size() ? std::string_view(names[number]) : std::string_view();
}

std::string_view fd_kind_name(uint32_t kind) {
  return kind < LS_FD_KINDS ? kFdKinds[kind] : std::string_view();
}

Cause cause_of_wait(uint32_t number, std::string_view fd_target) {
  const SyscallRule* rule = find_rule(number);
  switch (rule == nullptr ? uint32_t{LS_RULE_OTHER} : rule->rule) {
    case LS_RULE_SLEEP:
      return Cause::sleep;
    case LS_RULE_NETWORK:
      return Cause::network;
    case LS_RULE_FILE:
      return Cause::file;
    case LS_RULE_LOCK:
    case LS_RULE_FUTEX:
      return Cause::lock;
    case LS_RULE_PROCESS:
      return Cause::process;
    case LS_RULE_MEMORY:
      return Cause::pagefault;
    case LS_RULE_FD:
    case LS_RULE_POLL:
      return cause_of_target(fd_target);
    default:
      return Cause::other;
  }
}

bool is_epoll_wait(uint32_t number) {
  const SyscallRule* rule = find_rule(number);
  return rule != nullptr && rule->rule == LS_RULE_EPOLL;
}

bool is_poll(uint32_t number) {
  const SyscallRule* rule = find_rule(number);
  return rule != nullptr && (rule->rule == LS_RULE_POLL || rule->rule == LS_RULE_SELECT);
}

}  // namespace loopstall::probes
