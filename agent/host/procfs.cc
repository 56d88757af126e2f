// SPDX-License-Identifier: Apache-2.0
#include "host/procfs.h"

#include <dirent.h>
#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cstring>
#include <memory>
#include <optional>

#include "base/unique_fd.h"

namespace loopstall::host {
namespace {

using base::ErrorKind;
using base::fail;
using base::Result;

constexpr std::size_t kMaxFileBytes = 1 << 20;
constexpr std::size_t kMaxMapsLines = 65'536;
constexpr std::size_t kMaxMapsBytes = 32 << 20;
constexpr std::size_t kMaxEntries = 65'536;
constexpr std::size_t kMaxPids = 4 << 20;
constexpr std::size_t kMaxLinkBytes = 4'096;

Result<std::string> read_file(const std::string& path, std::size_t limit = kMaxFileBytes) {
  const base::UniqueFd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  if (!fd) return fail(ErrorKind::target, "cannot open {}: {}", path, std::strerror(errno));
  std::string text;
  std::size_t used = 0;
  while (used < limit) {
    text.resize(std::min(limit, std::max<std::size_t>(4'096, used * 2)));
    const ssize_t got = ::read(fd.get(), text.data() + used, text.size() - used);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return fail(ErrorKind::target, "cannot read {}: {}", path, std::strerror(errno));
    if (got == 0) break;
    used += static_cast<std::size_t>(got);
  }
  text.resize(used);
  return text;
}

Result<std::string> read_link(const std::string& path) {
  std::string target(kMaxLinkBytes, '\0');
  const ssize_t got = ::readlink(path.c_str(), target.data(), target.size());
  if (got < 0) return fail(ErrorKind::target, "cannot read {}: {}", path, std::strerror(errno));
  target.resize(static_cast<std::size_t>(got));
  return target;
}

template <typename T>
std::optional<T> number(std::string_view text, int radix = 10) {
  T value{};
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value, radix);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

/// Cuts the next word off `text`: what lies before the next space, tab or newline.
std::string_view next_word(std::string_view& text) {
  constexpr std::string_view kSpaces = " \t\n";
  text.remove_prefix(std::min(text.find_first_not_of(kSpaces), text.size()));
  const std::size_t end = std::min(text.find_first_of(kSpaces), text.size());
  const std::string_view word = text.substr(0, end);
  text.remove_prefix(end);
  return word;
}

std::string_view next_line(std::string_view& text) {
  const std::size_t end = std::min(text.find('\n'), text.size());
  const std::string_view line = text.substr(0, end);
  text.remove_prefix(std::min(end + 1, text.size()));
  return line;
}

/// The entries of a directory whose names are numbers, ascending.
Result<std::vector<pid_t>> numeric_entries(const std::string& path, std::size_t limit) {
  const std::unique_ptr<DIR, int (*)(DIR*)> directory(::opendir(path.c_str()), &::closedir);
  if (!directory) return fail(ErrorKind::target, "cannot list {}: {}", path, std::strerror(errno));
  std::vector<pid_t> found;
  while (found.size() < limit) {
    const dirent* const entry = ::readdir(directory.get());
    if (entry == nullptr) break;
    if (const auto value = number<pid_t>(entry->d_name); value && *value >= 0) {
      found.push_back(*value);
    }
  }
  std::sort(found.begin(), found.end());
  return found;
}

std::string without_newline(std::string text) {
  if (text.ends_with('\n')) text.pop_back();
  return text;
}

/// The kernel writes a newline inside a path as \012 (seq_path in fs/proc/task_mmu.c).
std::string unescaped_newlines(std::string_view path) {
  std::string result;
  for (std::size_t at = 0; at < path.size(); ++at) {
    if (path.substr(at, 4) == "\\012") {
      result += '\n';
      at += 3;
    } else {
      result += path[at];
    }
  }
  return result;
}

}  // namespace

Procfs::Procfs(std::string root) : root_(std::move(root)) {}

std::string Procfs::path(pid_t pid, std::string_view name) const {
  return fmt::format("{}/{}/{}", root_, pid, name);
}

Result<std::vector<pid_t>> Procfs::pids() const { return numeric_entries(root_, kMaxPids); }

Result<std::vector<pid_t>> Procfs::threads(pid_t pid) const {
  return numeric_entries(path(pid, "task"), kMaxEntries);
}

Result<std::string> Procfs::comm(pid_t pid) const {
  return read_file(path(pid, "comm")).map(without_newline);
}

Result<std::string> Procfs::thread_comm(pid_t pid, pid_t tid) const {
  return read_file(path(pid, fmt::format("task/{}/comm", tid))).map(without_newline);
}

Result<RunTimes> Procfs::run_times(pid_t pid, pid_t tid) const {
  return read_file(path(pid, fmt::format("task/{}/schedstat", tid)))
      .and_then([](const std::string& text) { return parse_run_times(text); });
}

Result<std::vector<std::string>> Procfs::cmdline(pid_t pid) const {
  const auto text = read_file(path(pid, "cmdline"));
  if (!text) return tl::unexpected(text.error());
  std::vector<std::string> arguments;
  std::string_view rest = *text;
  while (!rest.empty()) {
    const std::size_t end = std::min(rest.find('\0'), rest.size());
    arguments.emplace_back(rest.substr(0, end));
    rest.remove_prefix(std::min(end + 1, rest.size()));
  }
  return arguments;
}

Result<ProcessStat> Procfs::stat(pid_t pid) const {
  return read_file(path(pid, "stat")).and_then([](const std::string& t) { return parse_stat(t); });
}

Result<ProcessStatus> Procfs::status(pid_t pid) const {
  return read_file(path(pid, "status")).map([](const std::string& t) { return parse_status(t); });
}

Result<std::vector<Mapping>> Procfs::maps(pid_t pid) const {
  const auto text = read_file(path(pid, "maps"), kMaxMapsBytes);
  if (!text) return tl::unexpected(text.error());
  std::vector<Mapping> mappings;
  std::string_view rest = *text;
  for (std::size_t lines = 0; !rest.empty() && lines < kMaxMapsLines; ++lines) {
    if (auto mapping = parse_mapping(next_line(rest))) mappings.push_back(std::move(*mapping));
  }
  return mappings;
}

Result<std::string> Procfs::cgroup(pid_t pid) const { return read_file(path(pid, "cgroup")); }

Result<std::string> Procfs::mountinfo(pid_t pid) const { return read_file(path(pid, "mountinfo")); }

Result<std::string> Procfs::exe(pid_t pid) const { return read_link(path(pid, "exe")); }

Result<SyscallState> Procfs::syscall(pid_t pid, pid_t tid) const {
  return read_file(path(pid, fmt::format("task/{}/syscall", tid)))
      .and_then([](const std::string& text) { return parse_syscall(text); });
}

Result<std::vector<FdLink>> Procfs::fds(pid_t pid) const {
  const std::string directory = path(pid, "fd");
  const auto numbers = numeric_entries(directory, kMaxEntries);
  if (!numbers) return tl::unexpected(numbers.error());
  std::vector<FdLink> links;
  for (const int fd : *numbers) {
    // One that was closed meanwhile is simply not there any more.
    if (auto target = read_link(fmt::format("{}/{}", directory, fd))) {
      links.push_back({fd, std::move(*target)});
    }
  }
  return links;
}

Result<ProcessStat> parse_stat(std::string_view text) {
  // The name may itself hold ") R 1"; only numbers follow the last parenthesis.
  const std::size_t open = text.find('(');
  const std::size_t close = text.rfind(')');
  if (open == std::string_view::npos || close == std::string_view::npos || close < open) {
    return fail(ErrorKind::target, "a stat file without a name");
  }
  ProcessStat stat;
  stat.comm = text.substr(open + 1, close - open - 1);
  std::string_view rest = text.substr(close + 1);
  const std::string_view state = next_word(rest);  // field 3
  if (state.size() == 1) stat.state = state[0];
  for (int field = 4; field < 9; ++field) next_word(rest);
  constexpr uint64_t kExiting = 0x4, kForkedNoExec = 0x40;  // PF_* of include/linux/sched.h
  const uint64_t flags = number<uint64_t>(next_word(rest)).value_or(0);
  stat.ending = stat.state == 'Z' || stat.state == 'X' || (flags & kExiting) != 0;
  stat.forked = (flags & kForkedNoExec) != 0;
  for (int field = 10; field < 22; ++field) next_word(rest);
  const auto start = number<uint64_t>(next_word(rest));
  if (!start) return fail(ErrorKind::target, "a stat file without a start time");
  stat.start_ticks = *start;
  static const uint64_t ns_per_tick = 1'000'000'000 / static_cast<uint64_t>(sysconf(_SC_CLK_TCK));
  stat.start_boot_ns = stat.start_ticks * ns_per_tick;
  return stat;
}

ProcessStatus parse_status(std::string_view text) {
  ProcessStatus status;
  while (!text.empty()) {
    std::string_view line = next_line(text);
    const std::string_view key = next_word(line);
    if (key == "Tgid:") status.tgid = number<pid_t>(next_word(line)).value_or(0);
    if (key == "PPid:") status.ppid = number<pid_t>(next_word(line)).value_or(0);
    if (key == "VmExe:" || key == "VmLib:") {
      status.code_bytes += number<uint64_t>(next_word(line)).value_or(0) * 1'024;
    }
    if (key == "voluntary_ctxt_switches:" || key == "nonvoluntary_ctxt_switches:") {
      status.switches += number<uint64_t>(next_word(line)).value_or(0);
    }
    if (key != "NSpid:") continue;
    status.ns_pids.clear();
    while (const auto pid = number<pid_t>(next_word(line))) status.ns_pids.push_back(*pid);
  }
  return status;
}

Result<Mapping> parse_mapping(std::string_view line) {
  std::string_view rest = line;
  const std::string_view range = next_word(rest);
  const std::string_view permissions = next_word(rest);
  const auto offset = number<uint64_t>(next_word(rest), 16);
  next_word(rest);  // device: not what stat() says on btrfs and overlayfs
  const auto inode = number<uint64_t>(next_word(rest));
  const std::size_t dash = range.find('-');
  if (dash == std::string_view::npos || permissions.size() != 4 || !offset || !inode) {
    return fail(ErrorKind::target, "not a line of a maps file");
  }
  const auto start = number<uint64_t>(range.substr(0, dash), 16);
  const auto end = number<uint64_t>(range.substr(dash + 1), 16);
  if (!start || !end || *end < *start) return fail(ErrorKind::target, "not a range of addresses");

  Mapping mapping{.start = *start, .end = *end, .offset = *offset, .inode = *inode};
  mapping.readable = permissions[0] == 'r';
  mapping.writable = permissions[1] == 'w';
  mapping.executable = permissions[2] == 'x';
  rest.remove_prefix(std::min(rest.find_first_not_of(' '), rest.size()));
  constexpr std::string_view kDeleted = " (deleted)";
  if (rest.ends_with(kDeleted)) {
    mapping.deleted = true;
    rest.remove_suffix(kDeleted.size());
  }
  mapping.path = unescaped_newlines(rest);
  return mapping;
}

Result<RunTimes> parse_run_times(std::string_view text) {
  const auto ran = number<uint64_t>(next_word(text));
  const auto waited = number<uint64_t>(next_word(text));
  if (!ran || !waited) return fail(ErrorKind::target, "not a schedstat file");
  return RunTimes{*ran, *waited};
}

Result<SyscallState> parse_syscall(std::string_view text) {
  SyscallState state;
  const std::string_view first = next_word(text);
  if (first == "running") return state;
  const auto number_read = number<int64_t>(first);
  if (!number_read) return fail(ErrorKind::target, "not a syscall file");
  if (*number_read < 0) {
    state.kind = SyscallState::Kind::elsewhere;
    return state;
  }
  state.kind = SyscallState::Kind::in_syscall;
  state.number = *number_read;
  for (uint64_t& argument : state.args) {
    std::string_view word = next_word(text);
    if (word.starts_with("0x")) word.remove_prefix(2);
    const auto value = number<uint64_t>(word, 16);
    if (!value) return fail(ErrorKind::target, "a syscall file with too few arguments");
    argument = *value;
  }
  return state;
}

}  // namespace loopstall::host
