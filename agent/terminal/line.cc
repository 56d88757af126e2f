// SPDX-License-Identifier: Apache-2.0
#include "terminal/line.h"

#include <algorithm>
#include <array>
#include <cmath>

#include "base/proportion.h"

namespace loopstall::terminal {
namespace {

// In the order of stalls::Cause.
constexpr std::array<char, stalls::kCauseCount> kLetters = {'c', 'r', 't', 's', 'n', 'f', 'p',
                                                            'l', 'g', 'w', 'm', 'x', 'y', 'o'};

}  // namespace

std::string plain_text(const std::vector<Line>& lines) {
  std::string text;
  for (const Line& line : lines) {
    std::string written;
    for (const Span& span : line.spans) written += span.text;
    written.erase(written.find_last_not_of(' ') + 1);
    text += written + "\n";
  }
  return text;
}

Line cause_bar(const stalls::ByCause& busy_ns, uint64_t life_ns, std::size_t columns) {
  Line bar;
  std::size_t filled = 0;
  for (std::size_t i = 0; i < stalls::kCauseCount; ++i) {
    const double exact = base::share(busy_ns[i], life_ns) * static_cast<double>(columns);
    const auto rounded = static_cast<std::size_t>(std::lround(std::max(exact, 0.0)));
    const std::size_t length = std::min(rounded, columns - filled);
    if (length == 0) continue;
    const auto cause = static_cast<stalls::Cause>(i);
    bar.spans.push_back({std::string(length, kLetters.at(i)), Style::plain, cause});
    filled += length;
  }
  bar.spans.push_back({std::string(columns - filled, '.'), Style::dim, {}});
  return bar;
}

}  // namespace loopstall::terminal
