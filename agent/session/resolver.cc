// SPDX-License-Identifier: Apache-2.0
#include "session/resolver.h"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>
#include <map>
#include <mutex>
#include <set>
#include <unordered_map>
#include <utility>

#include "session/pool_count.h"
#include "session/process_reader.h"
#include "session/sighting.h"
#include "session/wanted_pids.h"

namespace loopstall::session {
namespace {

constexpr std::size_t kMaxRequests = 20'000;
constexpr std::size_t kMaxRequestsOfProcess = 4'000;
constexpr std::size_t kMaxReaders = 4'096;
constexpr uint64_t kHangsNs = 2'000'000'000;

using ReaderPtr = std::shared_ptr<ProcessReader>;

/// Who it is, without its files.
Inspected identify(const host::Procfs& procfs, uint32_t id, stacks::PythonRefusal refusal) {
  const auto pid = static_cast<pid_t>(id);
  Inspected inspected;
  inspected.pid = id;
  inspected.target = tl::unexpected(refusal);
  const auto stat = procfs.stat(pid);
  if (!stat) return inspected;
  inspected.start_boot_ns = stat->start_boot_ns;
  inspected.exe = procfs.exe(pid).value_or(std::string());
  inspected.code_bytes = procfs.status(pid).value_or(host::ProcessStatus()).code_bytes;
  return inspected;
}

}  // namespace

/// The reads themselves. Thread-safe, but one process is one thread's at a time.
class Resolver::Workshop {
 public:
  Workshop(host::Procfs procfs, const base::Clock& clock, ResolverOptions options)
      : procfs_(std::move(procfs)),
        clock_(clock),
        application_packages_(std::move(options.application_packages)),
        transparent_(options.transparent_functions.begin(), options.transparent_functions.end()),
        inspector_(procfs_) {}

  Inspected inspect(uint32_t id) {
    const auto pid = static_cast<pid_t>(id);
    Inspected inspected = identify(procfs_, id, stacks::PythonRefusal::process_gone);
    if (inspected.start_boot_ns == 0) return inspected;
    auto python = inspector_.inspect(pid);
    if (!python) {
      inspected.target = tl::unexpected(python.error());
      return inspected;
    }
    auto target = std::make_shared<Target>();
    target->runtime = fmt::format("cpython{}.{}", python->version.major, python->version.minor);
    target->python = std::move(*python);
    target->labels = read_labels(procfs_, pid);
    auto reader =
        std::make_shared<ProcessReader>(procfs_, target, application_packages_, transparent_);
    inspected.target = TargetPtr(target);
    inspected.loops = sight_loops(procfs_, clock_, *reader);
    keep(id, std::move(reader));
    return inspected;
  }

  Resolved resolve(uint32_t pid, uint64_t stack_id, const stacks::RawStack& stack) {
    Resolved resolved;
    resolved.stack_id = stack_id;
    const ReaderPtr reader = reader_of(pid);
    if (reader == nullptr) {
      resolved.stack = stalls::reserved_stack(stacks::kUnknown);
      resolved.errors.push_back({"python", "process_gone", 1});
      return resolved;
    }
    std::map<std::string, uint64_t> errors;
    resolved.stack = reader->name(stack, errors);
    for (const auto& [reason, count] : errors) {
      resolved.errors.push_back({reader->target().runtime, reason, count});
    }
    return resolved;
  }

  PoolCounted count_pool(uint32_t pid) {
    const ReaderPtr reader = reader_of(pid);
    if (reader == nullptr) return {pid, std::nullopt};
    return {pid, count_pool_threads(procfs_, *reader)};
  }

  void forget(uint32_t pid) {
    ReaderPtr dropped;
    const std::lock_guard lock(mutex_);
    const auto found = readers_.find(pid);
    if (found == readers_.end()) return;
    dropped = std::move(found->second);
    readers_.erase(found);
  }

 private:
  void keep(uint32_t pid, ReaderPtr reader) {
    const std::lock_guard lock(mutex_);
    if (readers_.size() >= kMaxReaders) readers_.clear();
    readers_.insert_or_assign(pid, std::move(reader));
  }

  ReaderPtr find(uint32_t pid) const {
    const std::lock_guard lock(mutex_);
    const auto found = readers_.find(pid);
    return found == readers_.end() ? nullptr : found->second;
  }

  /// The readers are a cache: one that was dropped is made again, if it is still that process.
  ReaderPtr reader_of(uint32_t pid) {
    if (ReaderPtr found = find(pid)) return found;
    return inspect(pid).target ? find(pid) : nullptr;
  }

  const host::Procfs procfs_;
  const base::Clock& clock_;
  const std::vector<std::string> application_packages_;
  const std::set<std::string> transparent_;
  stacks::PythonInspector inspector_;
  mutable std::mutex mutex_;
  std::unordered_map<uint32_t, ReaderPtr> readers_;  // guarded by mutex_
};

/// Where answers are left, and which requests still wait for one. Thread-safe.
class Resolver::Desk {
 public:
  /// Of so many processes, an answer each is expected.
  void begin_scan(std::size_t processes) {
    const std::lock_guard lock(mutex_);
    to_scan_ = processes;
    if (processes == 0) results_.push_back(Scanned{});
  }

  uint64_t expect(uint32_t pid, Kind kind) {
    const std::lock_guard lock(mutex_);
    open_.emplace(next_, Request{pid, kind});
    return next_++;
  }

  void leave(ResolverResult&& result) {
    const std::lock_guard lock(mutex_);
    results_.push_back(std::move(result));
  }

  void answer(uint64_t request, Inspected&& inspected) {
    const std::lock_guard lock(mutex_);
    const auto found = open_.find(request);
    inspected.awaited = found != open_.end() && found->second.kind == Kind::inspect;
    // Whether one is gone is of no interest where nobody asked.
    if (inspected.awaited || inspected.start_boot_ns != 0) results_.push_back(std::move(inspected));
    if (found != open_.end()) close(found);
  }

  void answer(uint64_t request, PoolCounted&& counted) {
    const std::lock_guard lock(mutex_);
    const auto found = open_.find(request);
    if (found == open_.end()) return;
    results_.push_back(std::move(counted));
    close(found);
  }

  /// For all requests about it that are open: it hangs.
  void answer_for(const Inspected& hangs) {
    const std::lock_guard lock(mutex_);
    for (auto next_open = open_.begin(); next_open != open_.end();) {
      const auto request = next_open++;
      if (request->second.pid != hangs.pid) continue;
      if (request->second.kind == Kind::count_pool) {
        results_.push_back(PoolCounted{hangs.pid, std::nullopt});
      } else {
        results_.push_back(hangs);
        std::get<Inspected>(results_.back()).awaited = request->second.kind == Kind::inspect;
      }
      close(request);
    }
  }

  bool awaits(uint32_t pid) {
    const std::lock_guard lock(mutex_);
    return std::any_of(open_.begin(), open_.end(),
                       [&](const auto& request) { return request.second.pid == pid; });
  }

  std::vector<ResolverResult> take() {
    const std::lock_guard lock(mutex_);
    return std::exchange(results_, {});
  }

 private:
  struct Request {
    uint32_t pid;
    Kind kind;
  };

  void close(std::map<uint64_t, Request>::iterator request) {
    const bool is_scan = request->second.kind == Kind::scan;
    open_.erase(request);
    if (is_scan && --to_scan_ == 0) results_.push_back(Scanned{});
  }

  std::mutex mutex_;
  // All below is guarded by `mutex_`.
  std::map<uint64_t, Request> open_;
  uint64_t next_ = 0;
  std::size_t to_scan_ = 0;
  std::vector<ResolverResult> results_;
};

Resolver::Resolver(const host::Procfs& procfs, const base::Clock& clock, ResolverOptions options)
    : procfs_(procfs),
      pids_(options.pids),
      with_children_(options.with_children),
      workshop_(std::make_shared<Workshop>(procfs, clock, std::move(options))),
      desk_(std::make_shared<Desk>()),
      lanes_(clock, {}) {}

Resolver::~Resolver() = default;

void Resolver::ask(uint32_t pid, Kind kind) {
  const uint64_t request = desk_->expect(pid, kind);
  if (lanes_.waiting(pid) >= kMaxRequestsOfProcess && hangs(pid)) return;  // it is answered for
  lanes_.post(pid, [workshop = workshop_, desk = desk_, request, pid, kind] {
    if (kind == Kind::count_pool) {
      desk->answer(request, workshop->count_pool(pid));
    } else {
      desk->answer(request, workshop->inspect(pid));
    }
  });
}

void Resolver::scan() {
  const std::vector<uint32_t> pids = pids_to_scan();
  desk_->begin_scan(pids.size());
  for (const uint32_t pid : pids) ask(pid, Kind::scan);
}

void Resolver::inspect(uint32_t pid) { ask(pid, Kind::inspect); }
void Resolver::count_pool(uint32_t pid) { ask(pid, Kind::count_pool); }

void Resolver::forget(uint32_t pid) {
  lanes_.post(pid, [workshop = workshop_, pid] { workshop->forget(pid); });
}

bool Resolver::resolve(uint32_t pid, uint64_t stack_id, const stacks::RawStack& stack) {
  if (lanes_.waiting() >= kMaxRequests || lanes_.waiting(pid) >= kMaxRequestsOfProcess) {
    return false;
  }
  lanes_.post(pid, [workshop = workshop_, desk = desk_, pid, stack_id, stack] {
    desk->leave(workshop->resolve(pid, stack_id, stack));
  });
  return true;
}

bool Resolver::hangs(uint32_t pid) const {
  const auto hanging = lanes_.running_longer(kHangsNs);
  return std::find(hanging.begin(), hanging.end(), pid) != hanging.end();
}

std::vector<ResolverResult> Resolver::take_results() {
  lanes_.relieve();
  for (const uint32_t pid : lanes_.running_longer(kHangsNs)) {
    if (!desk_->awaits(pid)) continue;
    desk_->answer_for(identify(procfs_, pid, stacks::PythonRefusal::files_hang));
  }
  return desk_->take();
}

std::vector<uint32_t> Resolver::pids_to_scan() const {
  if (!pids_.empty() && !with_children_) return pids_;
  std::vector<uint32_t> all;
  if (const auto pids = procfs_.pids()) all.assign(pids->begin(), pids->end());
  if (pids_.empty()) return all;
  std::vector<uint32_t> wanted = pids_;
  std::copy_if(all.begin(), all.end(), std::back_inserter(wanted),
               [&](uint32_t pid) { return descends_from(procfs_, pid, pids_); });
  return wanted;
}

}  // namespace loopstall::session
