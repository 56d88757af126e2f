// SPDX-License-Identifier: Apache-2.0
#include "stalls/loop_account.h"

namespace loopstall::stalls {
namespace {

uint64_t span(uint64_t from, uint64_t to) { return to > from ? to - from : 0; }

}  // namespace

LoopAccount carried_on(LoopAccount account, uint64_t now_ns) {
  const uint64_t open_ns = span(account.accounted_ns, now_ns);
  switch (account.activity) {
    case LoopActivity::idle:
      account.idle_ns += open_ns;
      break;
    case LoopActivity::off_cpu:
      account.busy_ns[index(account.current_cause)] += open_ns;
      break;
    case LoopActivity::running:
      if (account.switched_in_ns != 0) {
        const uint64_t off_ns = span(account.accounted_ns, account.switched_in_ns);
        account.busy_ns[index(account.current_cause)] += off_ns;
        account.busy_ns[index(Cause::cpu)] += span(account.switched_in_ns, now_ns);
      } else {
        account.busy_ns[index(Cause::cpu)] += open_ns;
      }
      break;
    case LoopActivity::unborn:
    case LoopActivity::ended:
      break;
  }
  return account;
}

}  // namespace loopstall::stalls
