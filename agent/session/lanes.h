// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <vector>

#include "base/clock.h"

namespace loopstall::session {

/// Runs jobs that may hang, so that those of one key delay no other's: jobs of one key run in their
/// order and one at a time, keys take turns, and where every thread is held up, keys that wait get
/// another. Usually there is one thread.
class Lanes {
 public:
  using Job = std::function<void()>;

  struct Limits {
    std::size_t threads = 32;           ///< at most so many, of which each may hang
    uint64_t held_up_ns = 250'000'000;  ///< a job that has run for longer holds its thread up
  };

  /// `clock` must outlive it.
  Lanes(const base::Clock& clock, const Limits& limits);
  /// Drops the jobs that wait. Those that run are waited for, but not for longer than a second: one
  /// that hangs is left behind, so a job must own what it touches.
  ~Lanes();
  Lanes(const Lanes&) = delete;
  Lanes& operator=(const Lanes&) = delete;

  void post(uint32_t key, Job job);
  /// Call it a few times a second: it gives keys that wait a thread, where all are held up.
  void relieve();
  /// The keys whose job has run for longer than `than_ns`.
  std::vector<uint32_t> running_longer(uint64_t than_ns) const;
  /// Jobs that wait: of that key, and of all.
  std::size_t waiting(uint32_t key) const;
  std::size_t waiting() const;
  std::size_t threads() const;

 private:
  struct State;
  static void work(const std::shared_ptr<State>& state);
  static void add_thread(const std::shared_ptr<State>& state);

  std::shared_ptr<State> state_;  // its threads own it too
};

}  // namespace loopstall::session
