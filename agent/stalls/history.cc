// SPDX-License-Identifier: Apache-2.0
#include "stalls/history.h"

#include <algorithm>
#include <cmath>

#include "base/proportion.h"

namespace loopstall::stalls {
namespace {

constexpr uint64_t kKeptNs = History::kStepNs * History::kSteps;

template <typename Queue, typename Value>
void push(Queue& queue, Value&& value, std::size_t limit) {
  queue.push_back(std::forward<Value>(value));
  if (queue.size() > limit) queue.pop_front();
}

float seconds(uint64_t ns) { return static_cast<float>(static_cast<double>(ns) / 1e9); }

bool lived(const HistoryStep& step) {
  return step.idle_seconds > 0 || std::any_of(step.busy_seconds.begin(), step.busy_seconds.end(),
                                              [](float value) { return value > 0; });
}

}  // namespace

bool History::add(const Snapshot& snapshot) {
  if (taken_ns_ != 0 && snapshot.monotonic_ns - taken_ns_ < kStepNs) return false;
  taken_ns_ = snapshot.monotonic_ns;
  note_listed(snapshot);
  forget_old(snapshot.wall_ns);
  left_out_ = 0;
  for (const ServiceSnapshot& service : snapshot.services) add_service(service, snapshot.wall_ns);
  if (steps_++ % kLoopSteps == 0) add_loops(snapshot);
  return true;
}

/// Only of those that live: the others' are gone with them.
void History::add_loops(const Snapshot& snapshot) {
  std::map<LoopKey, std::deque<uint8_t>> kept;
  for (const ServiceSnapshot& service : snapshot.services) {
    for (const LoopState& loop : service.loops) {
      if (kept.size() == kMaxLoops) break;
      const LoopKey key{loop.pid, loop.tid};
      std::deque<uint8_t>& readings = kept[key];
      if (const auto past = loops_.find(key); past != loops_.end()) {
        readings = std::move(past->second);
      }
      const double percent = std::round(100 * std::clamp(loop.utilization_60s, 0.0, 1.0));
      push(readings, static_cast<uint8_t>(percent), kLoopReadings);
    }
  }
  loops_ = std::move(kept);
}

void History::forget_old(uint64_t wall_ns) {
  for (ServiceHistory& service : services_) {
    while (!service.steps.empty() && wall_ns > service.steps.front().end_wall_ns + kKeptNs) {
      service.steps.pop_front();
    }
  }
  std::erase_if(services_, [](const ServiceHistory& service) {
    return service.steps.empty() && !service.total.is_listed;
  });
}

void History::note_listed(const Snapshot& snapshot) {
  for (ServiceHistory& service : services_) {
    service.total.is_listed =
        std::any_of(snapshot.services.begin(), snapshot.services.end(),
                    [&](const ServiceSnapshot& one) { return one.labels == service.labels; });
  }
}

ServiceHistory* History::find_or_add(const loops::LoopLabels& labels) {
  const auto found = std::find_if(services_.begin(), services_.end(),
                                  [&](const auto& service) { return service.labels == labels; });
  if (found != services_.end()) return &*found;
  if (services_.size() == kMaxServices) {
    // One that is gone makes room for one that lives.
    const auto gone = std::find_if(services_.begin(), services_.end(),
                                   [](const auto& service) { return !service.total.is_listed; });
    if (gone == services_.end()) return nullptr;
    services_.erase(gone);
  }
  return &services_.emplace_back(ServiceHistory{labels, {}, {}});
}

void History::add_service(const ServiceSnapshot& service, uint64_t wall_ns) {
  ServiceHistory* history = find_or_add(service.labels);
  if (history == nullptr) {
    ++left_out_;
    return;
  }
  ServiceTotal& before = history->total;
  if (before.created_ns != service.created_ns) before = {};  // listed again: it counts from 0
  HistoryStep step;
  step.end_wall_ns = wall_ns;
  for (std::size_t i = 0; i < kCauseCount; ++i) {
    step.busy_seconds[i] = seconds(base::grown(service.busy_ns[i], before.busy_ns[i]));
  }
  step.idle_seconds = seconds(base::grown(service.idle_ns, before.idle_ns));
  for (std::size_t i = 0; i < kBucketCount; ++i) {
    step.turns[i] =
        static_cast<uint32_t>(base::grown(service.turns.buckets[i], before.turns.buckets[i]));
  }
  before = {service.created_ns, service.busy_ns, service.idle_ns, service.turns, true};
  if (lived(step)) push(history->steps, std::move(step), kSteps);
}

}  // namespace loopstall::stalls
