// SPDX-License-Identifier: Apache-2.0
#include "stalls/loop_account.h"

namespace loopstall::stalls {
namespace {

uint64_t span(uint64_t from, uint64_t to) { return to > from ? to - from : 0; }

}  // namespace

uint64_t counted_open_ns(const LoopAccount& account, uint64_t now_ns) {
  if (account.activity != LoopActivity::off_cpu) return 0;
  const uint64_t open_ns = span(account.accounted_ns, now_ns);
  return open_ns < kOpenSpanCountsNs ? 0 : open_ns;
}

LoopAccount carried_on(LoopAccount account, uint64_t now_ns) {
  const uint64_t open_ns = span(account.accounted_ns, now_ns);
  switch (account.activity) {
    case LoopActivity::idle:
      account.idle_ns += open_ns;
      break;
    case LoopActivity::off_cpu:
      account.busy_ns[index(account.current_cause)] += counted_open_ns(account, now_ns);
      break;
    case LoopActivity::running:
      // Before switched_in_ns it was off the CPU, for a cause that is settled at its next event.
      account.busy_ns[index(Cause::cpu)] +=
          span(account.switched_in_ns == 0 ? account.accounted_ns : account.switched_in_ns, now_ns);
      break;
    case LoopActivity::unborn:
    case LoopActivity::ended:
      break;
  }
  return account;
}

}  // namespace loopstall::stalls
