// SPDX-License-Identifier: Apache-2.0
#include "exposition/process_stats.h"

#include <unistd.h>

#include <fstream>
#include <iterator>
#include <sstream>
#include <string>
#include <system_error>
#include <vector>

namespace loopstall::exposition {
namespace {

std::string read_text(const std::filesystem::path& path) {
  std::ifstream in(path);
  return {std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>()};
}

/// The fields of /proc/PID/stat from the third on ("state"); the second, the command's name, may
/// hold blanks and parentheses, so the split starts behind its last parenthesis.
std::vector<std::string> stat_fields_from_state(const std::string& stat) {
  const std::size_t end_of_name = stat.rfind(')');
  if (end_of_name == std::string::npos) return {};
  std::istringstream rest(stat.substr(end_of_name + 1));
  return {std::istream_iterator<std::string>(rest), std::istream_iterator<std::string>()};
}

std::optional<uint64_t> number(const std::string& text) {
  std::istringstream in(text);
  uint64_t value = 0;
  if (!(in >> value)) return std::nullopt;
  return value;
}

std::optional<uint64_t> line_value(const std::string& text, const std::string& key) {
  std::istringstream lines(text);
  for (std::string line; std::getline(lines, line);) {
    if (line.starts_with(key)) return number(line.substr(key.size()));
  }
  return std::nullopt;
}

uint64_t count_fds(const std::filesystem::path& folder) {
  std::error_code error;
  uint64_t count = 0;
  for (std::filesystem::directory_iterator it(folder, error), end; !error && it != end;
       it.increment(error)) {
    ++count;
  }
  return count > 0 ? count - 1 : 0;  // one of them reads the folder
}

}  // namespace

std::optional<ProcessStats> read_process_stats(const std::filesystem::path& proc) {
  // Fields by their number in proc_pid_stat(5), counted from 3.
  constexpr std::size_t kUserTicks = 14 - 3, kSystemTicks = 15 - 3, kStartTicks = 22 - 3,
                        kVirtualBytes = 23 - 3, kResidentPages = 24 - 3;
  const std::vector<std::string> fields = stat_fields_from_state(read_text(proc / "self/stat"));
  if (fields.size() <= kResidentPages) return std::nullopt;
  const auto field = [&](std::size_t i) { return number(fields[i]).value_or(0); };
  const auto ticks_per_second = static_cast<double>(::sysconf(_SC_CLK_TCK));
  const auto boot_seconds = line_value(read_text(proc / "stat"), "btime ").value_or(0);

  ProcessStats stats;
  stats.cpu_seconds =
      static_cast<double>(field(kUserTicks) + field(kSystemTicks)) / ticks_per_second;
  stats.start_time_seconds = static_cast<double>(boot_seconds) +
                             static_cast<double>(field(kStartTicks)) / ticks_per_second;
  stats.virtual_bytes = field(kVirtualBytes);
  stats.resident_bytes = field(kResidentPages) * static_cast<uint64_t>(::sysconf(_SC_PAGESIZE));
  stats.open_fds = count_fds(proc / "self/fd");
  stats.max_fds = line_value(read_text(proc / "self/limits"), "Max open files");
  return stats;
}

}  // namespace loopstall::exposition
