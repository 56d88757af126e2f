// SPDX-License-Identifier: Apache-2.0
#include "base/log_limit.h"

#include <algorithm>
#include <utility>

namespace loopstall::base {
namespace {

constexpr uint64_t kTokenNs = 1'000'000'000 / LogLimit::kPerSecond;

}  // namespace

bool LogLimit::admits(uint64_t now_ns) {
  if (filled_ns_ == 0) filled_ns_ = now_ns;
  if (now_ns > filled_ns_) {
    const uint64_t grown = (now_ns - filled_ns_) / kTokenNs;
    tokens_ = std::min(kBurst, tokens_ + grown);
    filled_ns_ += grown * kTokenNs;
  }
  if (tokens_ == 0) {
    ++left_out_;
    return false;
  }
  --tokens_;
  return true;
}

uint64_t LogLimit::take_left_out() { return std::exchange(left_out_, 0); }

}  // namespace loopstall::base
