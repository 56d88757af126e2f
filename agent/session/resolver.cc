// SPDX-License-Identifier: Apache-2.0
#include "session/resolver.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>
#include <unordered_map>
#include <utility>

#include "session/process_reader.h"
#include "session/sighting.h"

namespace loopstall::session {
namespace {

constexpr std::size_t kMaxRequests = 20'000;
constexpr std::size_t kMaxReaders = 4'096;

}  // namespace

/// The resolver's thread's own state.
class Resolver::Worker {
 public:
  Worker(const host::Procfs& procfs, const base::Clock& clock, ResolverOptions options)
      : procfs_(procfs),
        clock_(clock),
        options_(std::move(options)),
        transparent_(options_.transparent_functions.begin(), options_.transparent_functions.end()),
        inspector_(procfs) {}

  Inspected inspect(uint32_t id) {
    const auto pid = static_cast<pid_t>(id);
    Inspected inspected{id, 0, {}, 0, tl::unexpected(stacks::PythonRefusal::process_gone), {}};
    const auto stat = procfs_.stat(pid);
    if (!stat) return inspected;
    inspected.start_boot_ns = stat->start_boot_ns;
    inspected.exe = procfs_.exe(pid).value_or(std::string());
    inspected.code_bytes = procfs_.status(pid).value_or(host::ProcessStatus()).code_bytes;
    auto python = inspector_.inspect(pid);
    if (!python) {
      inspected.target = tl::unexpected(python.error());
      return inspected;
    }
    auto target = std::make_shared<Target>();
    target->runtime = fmt::format("cpython{}.{}", python->version.major, python->version.minor);
    target->python = std::move(*python);
    target->labels = read_labels(procfs_, pid);
    if (readers_.size() >= kMaxReaders) readers_.clear();
    readers_.insert_or_assign(
        id, std::make_unique<ProcessReader>(procfs_, target, options_.application_packages,
                                            transparent_));
    inspected.target = TargetPtr(target);
    inspected.loops = sight_loops(procfs_, clock_, *readers_.at(id));
    return inspected;
  }

  Resolved resolve(const Resolve& request) {
    Resolved resolved;
    resolved.stack_id = request.stack_id;
    ProcessReader* reader = reader_of(request.pid);
    if (reader == nullptr) {
      resolved.stack = stalls::reserved_stack(stacks::kUnknown);
      resolved.errors.push_back({"python", "process_gone", 1});
      return resolved;
    }
    std::map<std::string, uint64_t> errors;
    resolved.stack = reader->name(request.stack, errors);
    for (const auto& [reason, count] : errors) {
      resolved.errors.push_back({reader->target().runtime, reason, count});
    }
    return resolved;
  }

  Scanned scan() {
    Scanned scanned;
    for (const uint32_t pid : pids_to_scan()) {
      Inspected inspected = inspect(pid);
      if (inspected.start_boot_ns == 0) continue;
      scanned.processes.push_back(std::move(inspected));
    }
    return scanned;
  }

  void forget(uint32_t pid) { readers_.erase(pid); }

 private:
  std::vector<uint32_t> pids_to_scan() const {
    if (!options_.pids.empty()) return options_.pids;
    std::vector<uint32_t> all;
    if (const auto pids = procfs_.pids()) all.assign(pids->begin(), pids->end());
    return all;
  }

  /// The readers are a cache: one that was dropped is made again, if it is still that process.
  ProcessReader* reader_of(uint32_t pid) {
    const auto found = readers_.find(pid);
    if (found != readers_.end()) return found->second.get();
    if (!inspect(pid).target) return nullptr;
    return readers_.at(pid).get();
  }

  const host::Procfs& procfs_;
  const base::Clock& clock_;
  ResolverOptions options_;
  std::set<std::string> transparent_;
  stacks::PythonInspector inspector_;
  std::unordered_map<uint32_t, std::unique_ptr<ProcessReader>> readers_;
};

Resolver::Resolver(const host::Procfs& procfs, const base::Clock& clock, ResolverOptions options)
    : worker_(std::make_unique<Worker>(procfs, clock, std::move(options))),
      thread_([this](std::stop_token stop) { run(stop); }) {}

Resolver::~Resolver() = default;

void Resolver::enqueue(Request request) {
  {
    const std::lock_guard lock(mutex_);
    requests_.push_back(std::move(request));
  }
  waiting_.fetch_add(1, std::memory_order_relaxed);
  wake_.notify_one();
}

void Resolver::scan() { enqueue(Scan{}); }
void Resolver::inspect(uint32_t pid) { enqueue(Inspect{pid}); }
void Resolver::forget(uint32_t pid) { enqueue(Forget{pid}); }

bool Resolver::resolve(uint32_t pid, uint64_t stack_id, stacks::RawStack stack) {
  if (waiting() >= kMaxRequests) return false;
  enqueue(Resolve{pid, stack_id, std::move(stack)});
  return true;
}

std::vector<ResolverResult> Resolver::take_results() {
  const std::lock_guard lock(mutex_);
  return std::exchange(results_, {});
}

void Resolver::run(std::stop_token stop) {
  while (true) {
    Request request;
    {
      std::unique_lock lock(mutex_);
      if (!wake_.wait(lock, stop, [this] { return !requests_.empty(); })) return;
      request = std::move(requests_.front());
      requests_.pop_front();
    }
    std::optional<ResolverResult> result;
    if (std::holds_alternative<Scan>(request)) {
      result = worker_->scan();
    } else if (const auto* inspect = std::get_if<Inspect>(&request)) {
      result = worker_->inspect(inspect->pid);
    } else if (const auto* resolve = std::get_if<Resolve>(&request)) {
      result = worker_->resolve(*resolve);
    } else if (const auto* forget = std::get_if<Forget>(&request)) {
      worker_->forget(forget->pid);
    }
    {
      const std::lock_guard lock(mutex_);
      if (result) results_.push_back(std::move(*result));
    }
    waiting_.fetch_sub(1, std::memory_order_relaxed);
  }
}

}  // namespace loopstall::session
