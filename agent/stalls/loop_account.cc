// SPDX-License-Identifier: Apache-2.0
#include "stalls/loop_account.h"

#include <algorithm>

#include "base/proportion.h"

namespace loopstall::stalls {

bool has_open_span(const LoopAccount& account) {
  return account.activity == LoopActivity::off_cpu ||
         (account.activity == LoopActivity::running && account.switched_in_ns != 0);
}

uint64_t open_span_ns(const LoopAccount& account, uint64_t now_ns) {
  if (!has_open_span(account)) return 0;
  const bool is_over = account.activity == LoopActivity::running;
  return base::grown(is_over ? std::min(account.switched_in_ns, now_ns) : now_ns,
                     account.accounted_ns);
}

TurnInProgress turn_in_progress(const LoopAccount& account) {
  if (account.activity == LoopActivity::idle) return {.idle_since_ns = account.accounted_ns};
  if (account.turn_start_ns == 0 || account.activity == LoopActivity::ended) return {};
  const bool is_blocked = account.activity == LoopActivity::off_cpu;
  return {account.turn_start_ns, account.turn_number, account.turn_at_least,
          is_blocked ? account.current_cause : Cause::cpu};
}

LoopAccount carried_on(LoopAccount account, uint64_t now_ns) {
  const uint64_t open_ns = base::grown(now_ns, account.accounted_ns);
  const uint64_t off_cpu_ns = open_span_ns(account, now_ns);
  switch (account.activity) {
    case LoopActivity::idle:
      account.idle_ns += open_ns;
      break;
    case LoopActivity::off_cpu:
    case LoopActivity::running:
      account.busy_ns[index(account.current_cause)] += off_cpu_ns;
      account.busy_ns[index(Cause::cpu)] += open_ns - off_cpu_ns;
      break;
    case LoopActivity::unborn:
    case LoopActivity::ended:
      break;
  }
  return account;
}

}  // namespace loopstall::stalls
