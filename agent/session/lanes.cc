// SPDX-License-Identifier: Apache-2.0
#include "session/lanes.h"

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <deque>
#include <mutex>
#include <thread>
#include <unordered_map>
#include <utility>

namespace loopstall::session {
namespace {

constexpr std::chrono::seconds kFarewell{1};

}  // namespace

struct Lanes::State {
  State(const base::Clock& the_clock, const Limits& the_limits)
      : clock(the_clock), limits(the_limits) {}

  bool is_held_up(uint64_t since_ns) const {
    return clock.monotonic_ns() - since_ns > limits.held_up_ns;
  }

  const base::Clock& clock;
  const Limits limits;
  mutable std::mutex mutex;
  std::condition_variable wake, left;
  // All below is guarded by `mutex`.
  std::unordered_map<uint32_t, std::deque<Job>> jobs;  // that wait, of keys that have any
  std::deque<uint32_t> ready;                          // keys with such jobs and none that runs
  std::unordered_map<uint32_t, uint64_t> running;      // since when, by key
  std::size_t waiting = 0;
  std::size_t threads = 0;
  bool stopped = false;
};

Lanes::Lanes(const base::Clock& clock, const Limits& limits)
    : state_(std::make_shared<State>(clock, limits)) {
  const std::lock_guard lock(state_->mutex);
  add_thread(state_);
}

Lanes::~Lanes() {
  std::unordered_map<uint32_t, std::deque<Job>> dropped;
  std::unique_lock lock(state_->mutex);
  state_->stopped = true;
  state_->ready.clear();
  dropped.swap(state_->jobs);
  state_->wake.notify_all();
  state_->left.wait_for(lock, kFarewell, [&] { return state_->threads == 0; });
}

void Lanes::add_thread(const std::shared_ptr<State>& state) {
  ++state->threads;
  std::thread([state] { work(state); }).detach();
}

void Lanes::work(const std::shared_ptr<State>& state) {
  std::unique_lock lock(state->mutex);
  bool is_replaced = false;  // there is a thread more since a job held this one up
  while (true) {
    if (is_replaced && state->threads > 1 && state->ready.empty()) break;
    state->wake.wait(lock, [&] { return state->stopped || !state->ready.empty(); });
    if (state->stopped) break;
    const uint32_t key = state->ready.front();
    state->ready.pop_front();
    auto waiting = state->jobs.find(key);
    Job job = std::move(waiting->second.front());
    waiting->second.pop_front();
    if (waiting->second.empty()) state->jobs.erase(waiting);
    --state->waiting;
    const uint64_t since_ns = state->clock.monotonic_ns();
    state->running[key] = since_ns;
    lock.unlock();
    job();
    job = nullptr;
    lock.lock();
    if (state->stopped) break;
    is_replaced = is_replaced || state->is_held_up(since_ns);
    state->running.erase(key);
    if (!state->jobs.contains(key)) continue;
    state->ready.push_back(key);
    state->wake.notify_one();
  }
  --state->threads;
  state->left.notify_all();
}

void Lanes::post(uint32_t key, Job job) {
  const std::lock_guard lock(state_->mutex);
  std::deque<Job>& jobs = state_->jobs[key];
  jobs.push_back(std::move(job));
  ++state_->waiting;
  if (jobs.size() > 1 || state_->running.contains(key)) return;
  state_->ready.push_back(key);
  state_->wake.notify_one();
}

void Lanes::relieve() {
  const std::lock_guard lock(state_->mutex);
  if (state_->ready.empty() || state_->threads >= state_->limits.threads) return;
  const auto held_up =
      std::count_if(state_->running.begin(), state_->running.end(),
                    [&](const auto& job) { return state_->is_held_up(job.second); });
  if (static_cast<std::size_t>(held_up) >= state_->threads) add_thread(state_);
}

std::vector<uint32_t> Lanes::running_longer(uint64_t than_ns) const {
  const std::lock_guard lock(state_->mutex);
  const uint64_t now_ns = state_->clock.monotonic_ns();
  std::vector<uint32_t> keys;
  for (const auto& [key, since_ns] : state_->running) {
    if (now_ns - since_ns > than_ns) keys.push_back(key);
  }
  return keys;
}

std::size_t Lanes::waiting(uint32_t key) const {
  const std::lock_guard lock(state_->mutex);
  const auto found = state_->jobs.find(key);
  return found == state_->jobs.end() ? 0 : found->second.size();
}

std::size_t Lanes::waiting() const {
  const std::lock_guard lock(state_->mutex);
  return state_->waiting;
}

std::size_t Lanes::threads() const {
  const std::lock_guard lock(state_->mutex);
  return state_->threads;
}

}  // namespace loopstall::session
