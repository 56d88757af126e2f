// SPDX-License-Identifier: Apache-2.0
#include "stalls/account_audit.h"

#include <algorithm>
#include <cstdlib>
#include <utility>

namespace loopstall::stalls {
namespace {

/// How far `counted` is from what the book allows: `booked`, less what of it was in home waits.
int64_t excess(int64_t counted, int64_t booked, int64_t idle) {
  return std::max({counted - booked, booked - idle - counted, int64_t{0}});
}

}  // namespace

std::optional<double> AccountAudit::compare(const LoopAccount& account, const SchedulerBook& book,
                                            uint64_t now_ns) {
  const ByCause& busy = account.busy_ns;
  const auto of = [&](Cause cause) { return static_cast<int64_t>(busy[index(cause)]); };
  const Totals now{account.birth_ns,
                   static_cast<int64_t>(now_ns),
                   static_cast<int64_t>(sum(busy)),
                   static_cast<int64_t>(account.idle_ns),
                   of(Cause::cpu) + of(Cause::gc),
                   of(Cause::runqueue) + of(Cause::throttled),
                   static_cast<int64_t>(book.ran_ns),
                   static_cast<int64_t>(book.waited_ns)};
  const std::optional<Totals> last = std::exchange(last_, now);
  if (!last || last->birth != now.birth || now.now <= last->now) return std::nullopt;
  const int64_t life = now.now - last->now, idle = now.idle - last->idle;
  const int64_t worst =
      std::max({std::abs(now.busy - last->busy + idle - life),
                excess(now.cpu - last->cpu, now.ran - last->ran, idle),
                excess(now.ready - last->ready, now.waited - last->waited, idle)});
  return static_cast<double>(worst) / static_cast<double>(life);
}

}  // namespace loopstall::stalls
