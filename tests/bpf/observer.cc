// SPDX-License-Identifier: Apache-2.0
#include "observer.h"

#include <utility>
#include <variant>

namespace loopstall::bpf_test {

Observer::Observer(const probes::ProbeOptions& options) : inspector_(procfs_) {
  auto attached = probes::Probes::attach(options);
  if (attached) {
    probes_ = std::move(*attached);
  } else {
    error_ = attached.error().message;
  }
}

bool Observer::describe_now(pid_t pid) {
  watch(pid);
  auto python = inspector_.inspect(pid);
  if (python) adjust(*python);
  return python && probes_->describe(*python);
}

uint32_t Observer::take_slot(uint32_t pid) { return slots_[pid] = next_slot_++; }

uint32_t Observer::seed(pid_t pid, int home_fd, stalls::Cause cause, bool in_turn) {
  const auto id = static_cast<uint32_t>(pid);
  const uint64_t now = now_ns();
  const uint32_t slot = take_slot(id);
  if (in_turn) {
    probes_->slots().prepare_in_turn(slot, 1, now, cause);
  } else {
    probes_->slots().prepare(slot, 1, now);
  }
  probes::Seed seed;
  seed.pid = seed.tid = id;
  seed.slot = slot;
  seed.generation = 1;
  seed.home_fd = home_fd;
  seed.in_turn = in_turn;
  seed.cause = cause;
  seed.seen_ns = now;
  probes_->seed({&seed, 1});
  return slot;
}

void Observer::judge(const probes::Event& event) {
  const probes::EventOrigin& from = event.origin;
  const uint64_t question = std::get<probes::Candidate>(event.what).question;
  if (question == 0) return;  // about waits like it; this one is its own judge
  const probes::WaitIdentity wait{from.pid, from.tid, question};
  if (!is_home(event) || next_slot_ == probes_->slots().count()) {
    probes_->refuse(wait);
    return;
  }
  const uint32_t slot = take_slot(from.pid);
  probes_->slots().prepare(slot, 1, from.time_ns);
  probes_->accept(wait, slot, 1);
  accepted.push_back({slot, question, from.time_ns});
}

void Observer::judge_what_is_due() {
  while (!questions_.empty() && now_ns() >= questions_.front().origin.time_ns + answer_delay_ns) {
    judge(questions_.front());
    questions_.pop_front();
  }
}

void Observer::handle(const probes::Event& event) {
  if (!watched_.contains(event.origin.pid)) return;
  if (std::holds_alternative<probes::Announced>(event.what)) {
    describe_now(static_cast<pid_t>(event.origin.pid));
  } else if (std::holds_alternative<probes::Candidate>(event.what)) {
    questions_.push_back(event);
  }
  events.push_back(event);
}

void Observer::pump(int ms) {
  const uint64_t end = now_ns() + static_cast<uint64_t>(ms) * 1'000'000;
  do {
    probes_->poll(1, [this](const probes::Event& event) { handle(event); });
    judge_what_is_due();
  } while (now_ns() < end);
}

bool Observer::until(const std::function<bool()>& condition, int seconds) {
  const uint64_t end = now_ns() + static_cast<uint64_t>(seconds) * 1'000'000'000;
  while (!condition()) {
    if (now_ns() > end) return false;
    pump(2);
  }
  return true;
}

bool Observer::until_turns(pid_t pid, uint64_t turns) {
  return until([&] {
    const auto now = account(pid);
    return now && now->turn_number >= turns;
  });
}

std::optional<uint32_t> Observer::slot_of(pid_t pid) const {
  const auto found = slots_.find(static_cast<uint32_t>(pid));
  return found == slots_.end() ? std::nullopt : std::optional(found->second);
}

std::optional<stalls::LoopAccount> Observer::account(pid_t pid) const {
  const auto slot = slot_of(pid);
  return slot ? probes_->slots().read(*slot) : std::nullopt;
}

uint64_t Observer::lost(std::string_view reason) const {
  for (const stalls::ReasonCount& loss : probes_->health().events_lost) {
    if (loss.reason == reason) return loss.count;
  }
  return 0;
}

int only_epoll(pid_t pid) {
  int found = -1;
  const auto fds = host::Procfs().fds(pid);
  if (!fds) return -1;
  for (const host::FdLink& link : *fds) {
    if (link.target != "anon_inode:[eventpoll]") continue;
    if (found >= 0) return -1;
    found = link.fd;
  }
  return found;
}

}  // namespace loopstall::bpf_test
