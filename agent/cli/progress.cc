// SPDX-License-Identifier: Apache-2.0
#include "cli/progress.h"

#include <fmt/format.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>

#include "base/proportion.h"
#include "base/utf8.h"
#include "terminal/quantities.h"

namespace loopstall::cli {
namespace {

constexpr uint64_t kRedrawNs = 100'000'000;
constexpr std::size_t kBarCells = 24;
constexpr std::size_t kUsualColumns = 80;

std::size_t columns_of_terminal() {
  winsize size{};
  if (::ioctl(STDERR_FILENO, TIOCGWINSZ, &size) != 0 || size.ws_col == 0) return kUsualColumns;
  return size.ws_col;
}

}  // namespace

std::string progress_line(uint64_t done_ns, uint64_t whole_ns, const std::string& words,
                          std::size_t columns) {
  const auto cells =
      static_cast<std::size_t>(base::proportion(kBarCells, std::min(done_ns, whole_ns), whole_ns));
  const std::string line = fmt::format(
      "[{}{}] {} of {}  {}", std::string(cells, '#'), std::string(kBarCells - cells, '-'),
      terminal::duration_text(done_ns), terminal::duration_text(whole_ns), words);
  return base::bounded_utf8(line, columns);
}

Progress::Progress(uint64_t whole_ns)
    : whole_ns_(whole_ns), is_terminal_(::isatty(STDERR_FILENO) == 1) {}

void Progress::show(uint64_t done_ns, const std::string& words) {
  if (!is_terminal_ || (is_drawn_ && done_ns - drawn_ns_ < kRedrawNs)) return;
  drawn_ns_ = done_ns;
  is_drawn_ = true;
  // To the end of the line nothing may stay of what was longer (ECMA-48, EL).
  fmt::print(stderr, "\r{}\x1b[K",
             progress_line(done_ns, whole_ns_, words, columns_of_terminal() - 1));
}

void Progress::end() {
  if (is_drawn_) fmt::print(stderr, "\r\x1b[K");
  is_drawn_ = false;
}

}  // namespace loopstall::cli
