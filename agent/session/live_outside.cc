// SPDX-License-Identifier: Apache-2.0
#include "session/live_outside.h"

#include <unistd.h>

#include <random>
#include <utility>

#include "session/wanted_pids.h"

namespace loopstall::session {

LiveOutside::LiveOutside(const base::Clock& clock, const host::Procfs& procfs,
                         probes::Probes& probes, Resolver& resolver, StallLog* log, Canary* canary)
    : clock_(clock),
      procfs_(procfs),
      probes_(probes),
      resolver_(resolver),
      log_(log),
      canary_(canary) {
  begin_step();
}

void LiveOutside::begin_step() {
  monotonic_ns_ = clock_.monotonic_ns();
  wall_ns_ = clock_.wall_ns();
}

uint32_t LiveOutside::slot_count() { return probes_.slots().count(); }

std::optional<stalls::LoopAccount> LiveOutside::read_slot(uint32_t slot) {
  return probes_.slots().read(slot);
}

std::optional<probes::OpenSpan> LiveOutside::open_span(uint32_t slot, uint32_t generation,
                                                       uint64_t begun_before_ns,
                                                       uint64_t known_since_ns) {
  return probes_.slots().open_span(slot, generation, begun_before_ns, known_since_ns);
}

std::optional<AuditReading> LiveOutside::read_for_audit(uint32_t slot, uint32_t pid, uint32_t tid) {
  auto account = probes_.slots().read(slot);
  if (!account) return std::nullopt;
  const uint64_t now_ns = clock_.monotonic_ns();
  const auto book = procfs_.run_times(static_cast<pid_t>(pid), static_cast<pid_t>(tid));
  if (!book) return std::nullopt;
  return AuditReading{std::move(*account), {book->ran_ns, book->waited_ns}, now_ns};
}

void LiveOutside::prepare_slot(uint32_t slot, uint32_t generation, uint64_t since_ns) {
  probes_.slots().prepare(slot, generation, since_ns);
}

void LiveOutside::prepare_slot_in_turn(uint32_t slot, uint32_t generation, uint64_t since_ns,
                                       stalls::Cause cause) {
  probes_.slots().prepare_in_turn(slot, generation, since_ns, cause);
}

void LiveOutside::finish_slot(uint32_t slot, uint64_t end_ns, const probes::LoopUnheard& unheard) {
  probes_.slots().finish(slot, end_ns, unheard);
}

bool LiveOutside::retire_slot(uint32_t slot) { return probes_.slots().retire(slot); }

void LiveOutside::release_slot(uint32_t slot) { probes_.slots().release(slot); }

bool LiveOutside::describe(const stacks::PythonProcess& process) {
  return probes_.describe(process);
}

void LiveOutside::ignore(uint32_t pid, uint64_t start_boot_ns, const probes::IgnoredUntil& until) {
  probes_.ignore(static_cast<pid_t>(pid), start_boot_ns, until);
}

void LiveOutside::forget_process(uint32_t pid) { probes_.forget(static_cast<pid_t>(pid)); }

bool LiveOutside::accept(const probes::WaitIdentity& wait, uint32_t slot, uint32_t generation,
                         uint32_t runtime) {
  return probes_.accept(wait, slot, generation, runtime);
}

void LiveOutside::refuse(const probes::WaitIdentity& wait) { probes_.refuse(wait); }

void LiveOutside::withdraw(const probes::WaitIdentity& wait) { probes_.withdraw(wait); }

void LiveOutside::remember(uint32_t pid, uint64_t signature, std::optional<uint32_t> runtime) {
  probes_.remember(pid, signature, runtime);
}

bool LiveOutside::offer_slot(uint32_t slot, uint32_t generation) {
  return probes_.offer_slot(slot, generation);
}

void LiveOutside::watch_polls(bool watch) { probes_.watch_polls(watch); }

void LiveOutside::seed(std::span<const probes::Seed> seeds) { probes_.seed(seeds); }

std::vector<stalls::HookChoice> LiveOutside::hooks() { return probes_.hooks(); }

probes::Probes::Health LiveOutside::kernel_health() { return probes_.health(); }

std::optional<uint64_t> LiveOutside::start_of(uint32_t pid) {
  const auto stat = procfs_.stat(static_cast<pid_t>(pid));
  if (!stat || stat->ending) return std::nullopt;
  return stat->start_boot_ns;
}

std::string LiveOutside::executable_of(uint32_t pid) {
  return procfs_.exe(static_cast<pid_t>(pid)).value_or(std::string());
}

bool LiveOutside::descends_from(uint32_t pid, const std::vector<uint32_t>& ancestors) {
  return session::descends_from(procfs_, pid, ancestors);
}

bool LiveOutside::has_thread(uint32_t pid, uint32_t tid) {
  return procfs_.thread_comm(static_cast<pid_t>(pid), static_cast<pid_t>(tid)).has_value();
}

void LiveOutside::inspect(uint32_t pid) { resolver_.inspect(pid); }

void LiveOutside::count_pool(uint32_t pid) { resolver_.count_pool(pid); }

void LiveOutside::forget_names(uint32_t pid) { resolver_.forget(pid); }

bool LiveOutside::resolve(uint32_t pid, uint64_t stack_id, const stacks::RawStack& stack) {
  return resolver_.resolve(pid, stack_id, stack);
}

bool LiveOutside::seed_canary(uint32_t slot, uint32_t generation) {
  if (canary_ == nullptr) return false;
  probes::Seed seed;
  seed.pid = static_cast<uint32_t>(::getpid());
  seed.tid = static_cast<uint32_t>(canary_->tid());
  seed.slot = slot;
  seed.generation = generation;
  seed.home_fd = canary_->home_fd();
  seed.seen_ns = monotonic_ns_;
  seed.native = true;
  probes_.slots().prepare(slot, generation, monotonic_ns_);
  probes_.seed({&seed, 1});
  return true;
}

std::vector<CanaryHold> LiveOutside::take_canary_holds() {
  return canary_ == nullptr ? std::vector<CanaryHold>() : canary_->take_holds();
}

/// Not those of the agent before this one.
uint64_t LiveOutside::first_record() {
  return static_cast<uint64_t>(std::random_device{}() & 0xffffff) << 32;
}

void LiveOutside::log(std::shared_ptr<const stalls::StallRecord> record) {
  if (log_ != nullptr) log_->write(std::move(record));
}

uint64_t LiveOutside::suppressed_records() { return log_ == nullptr ? 0 : log_->suppressed(); }

}  // namespace loopstall::session
