// SPDX-License-Identifier: Apache-2.0
#include "session/budget.h"

#include <algorithm>

#include "base/proportion.h"

namespace loopstall::session {
namespace {

using stalls::Detail;

// The load of the programs and the first look at all processes are no running cost.
constexpr uint64_t kStartNs = 10'000'000'000;
constexpr uint64_t kWindowNs = 5'000'000'000;
constexpr uint64_t kMaxPatienceNs = 960'000'000'000;
// A level that was kept for so long was not climbed to in vain.
constexpr uint64_t kKeptNs = 60'000'000'000;
// More costs more: what would be over the budget at once is not worth trying.
constexpr double kCheap = 0.7;

}  // namespace

void Budget::begin_window(uint64_t now_ns, uint64_t cost_ns) {
  window_start_ns_ = now_ns;
  window_cost_ns_ = cost_ns;
}

void Budget::move(int by, uint64_t now_ns) {
  has_climbed_ = by < 0;
  state_.detail = static_cast<Detail>(static_cast<int>(state_.detail) + by);
  level_since_ns_ = cheap_since_ns_ = now_ns;
}

bool Budget::step_down(uint64_t now_ns) {
  if (state_.detail == Detail::turns) return false;
  if (now_ns - level_since_ns_ >= kKeptNs) {
    patience_ns_ = kFirstPatienceNs;
  } else if (has_climbed_) {
    patience_ns_ = std::min(2 * patience_ns_, kMaxPatienceNs);
  }
  move(1, now_ns);
  return true;
}

bool Budget::step_up(uint64_t now_ns) {
  if (state_.detail == Detail::full || now_ns - cheap_since_ns_ < patience_ns_) return false;
  move(-1, now_ns);
  return true;
}

bool Budget::see(uint64_t now_ns, uint64_t cost_ns, uint64_t loops) {
  const auto cores = static_cast<double>(std::min<uint64_t>(loops, limits_.cores));
  state_.allowed = limits_.node + limits_.per_core * cores;
  if (started_ns_ == 0) started_ns_ = level_since_ns_ = cheap_since_ns_ = now_ns;
  if (now_ns - started_ns_ < kStartNs) {
    begin_window(now_ns, cost_ns);
    return false;
  }
  const uint64_t window_ns = now_ns - window_start_ns_;
  if (window_ns < kWindowNs) return false;
  state_.used = base::share(base::grown(cost_ns, window_cost_ns_), window_ns);
  begin_window(now_ns, cost_ns);
  if (state_.used > kCheap * state_.allowed) cheap_since_ns_ = now_ns;
  return state_.used > state_.allowed ? step_down(now_ns) : step_up(now_ns);
}

}  // namespace loopstall::session
