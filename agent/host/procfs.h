// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <sys/types.h>

#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace loopstall::host {

/// The part of /proc/PID/stat that is used.
struct ProcessStat {
  std::string comm;  ///< the target's own words: may hold spaces and parentheses
  char state = '?';
  bool ending = false;         ///< it exits, or is a zombie: its memory is or will be gone
  bool forked = false;         ///< it still runs the program of the process that forked it
  uint64_t start_ticks = 0;    ///< field 22, in clock ticks since boot
  uint64_t start_boot_ns = 0;  ///< the same in CLOCK_BOOTTIME nanoseconds; (pid, start) is identity
};

/// The part of /proc/PID/status that is used.
struct ProcessStatus {
  pid_t tgid = 0;
  pid_t ppid = 0;
  /// The pid in each pid namespace, outermost first; the last is the process's own view. Empty
  /// where the kernel has no NSpid line.
  std::vector<pid_t> ns_pids;
  /// Executable mappings of all kinds (VmExe + VmLib), which grows when a library is mapped.
  uint64_t code_bytes = 0;
  /// How often the thread left a CPU: voluntary and other context switches. Of a process, those of
  /// its first thread.
  uint64_t switches = 0;
};

/// One line of /proc/PID/maps.
struct Mapping {
  uint64_t start = 0;
  uint64_t end = 0;  ///< exclusive
  uint64_t offset = 0;
  uint64_t inode = 0;  ///< 0 when no file backs it
  bool readable = false;
  bool writable = false;
  bool executable = false;
  bool deleted = false;  ///< the file has no name any more; `path` is the one it had
  std::string path;      ///< in the target's mount namespace; [heap] and the like; may be empty

  bool operator==(const Mapping&) const = default;
};

/// /proc/PID/task/TID/syscall.
struct SyscallState {
  enum class Kind : uint8_t {
    running,     ///< on a CPU or runnable: nothing is known
    in_syscall,  ///< `number` and `args` are valid
    elsewhere,   ///< it sleeps, but not in a system call (a page fault, a stop)
  };
  Kind kind = Kind::running;
  int64_t number = -1;
  std::array<uint64_t, 6> args{};
};

/// The part of /proc/PID/task/TID/schedstat that is used: the scheduler's book since the thread's
/// start. Of a thread on a CPU its run time is the last tick's.
struct RunTimes {
  uint64_t ran_ns = 0;
  uint64_t waited_ns = 0;  ///< runnable, but on no CPU
};

/// One entry of /proc/PID/fd.
struct FdLink {
  int fd = -1;
  std::string target;  ///< "socket:[123]", "anon_inode:[eventpoll]", a path, …
};

/// Reads processes below a root that is /proc, or a tree that a test built. Stateless and
/// thread-safe. Every read is bounded: files are cut at 1 MiB, maps at 65,536 lines, lists of
/// threads and descriptors at 65,536 entries. What fails is ErrorKind::target: the process is gone
/// or not ours to read.
class Procfs {
 public:
  explicit Procfs(std::string root = "/proc");

  const std::string& root() const { return root_; }

  /// All thread group ids, ascending.
  base::Result<std::vector<pid_t>> pids() const;
  /// All thread ids of `pid`, ascending.
  base::Result<std::vector<pid_t>> threads(pid_t pid) const;

  /// The thread's name without the newline: at most 15 bytes of the target's choosing.
  base::Result<std::string> comm(pid_t pid) const;
  base::Result<std::string> thread_comm(pid_t pid, pid_t tid) const;
  base::Result<RunTimes> run_times(pid_t pid, pid_t tid) const;
  /// argv. Empty for kernel threads.
  base::Result<std::vector<std::string>> cmdline(pid_t pid) const;
  base::Result<ProcessStat> stat(pid_t pid) const;
  base::Result<ProcessStatus> status(pid_t pid) const;
  base::Result<std::vector<Mapping>> maps(pid_t pid) const;
  /// The whole text, for container_identity().
  base::Result<std::string> cgroup(pid_t pid) const;
  /// The whole text, for kubelet_mount().
  base::Result<std::string> mountinfo(pid_t pid) const;
  /// Where /proc/PID/exe points, in the target's mount namespace.
  base::Result<std::string> exe(pid_t pid) const;
  base::Result<SyscallState> syscall(pid_t pid, pid_t tid) const;
  base::Result<std::vector<FdLink>> fds(pid_t pid) const;

  /// ROOT/PID/`name`.
  std::string path(pid_t pid, std::string_view name) const;

 private:
  std::string root_;
};

/// The parsers, for tests and fuzzing. They take any bytes.
base::Result<ProcessStat> parse_stat(std::string_view text);
ProcessStatus parse_status(std::string_view text);
base::Result<Mapping> parse_mapping(std::string_view line);
base::Result<SyscallState> parse_syscall(std::string_view text);
base::Result<RunTimes> parse_run_times(std::string_view text);

}  // namespace loopstall::host
