// SPDX-License-Identifier: Apache-2.0
#include "cli/check_command.h"

#include <fmt/chrono.h>
#include <fmt/format.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <ctime>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <memory>
#include <set>
#include <utility>

#include "base/clock.h"
#include "base/proportion.h"
#include "check/excuses.h"
#include "check/repository.h"
#include "cli/child.h"
#include "cli/measuring.h"
#include "config/allow_list.h"

namespace loopstall::cli {
namespace {

using base::ErrorKind;
using base::fail;
using base::Result;

// A loop without a listening socket counts as serving two minutes after its birth.
constexpr uint64_t kServingPatienceNs = 150'000'000'000;
constexpr uint64_t kNothingToDoNs = 3'000'000'000;
// The names of the last stacks.
constexpr uint64_t kSettleNs = 1'000'000'000;

/// What the team has said before.
struct Excuses {
  std::vector<config::Allowance> allowed;
  std::set<check::FindingId> baseline;
};

Result<std::string> read_file(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  std::string text{std::istreambuf_iterator<char>(file), {}};
  if (!file) return fail(ErrorKind::usage, "cannot read {}: {}", path, std::strerror(errno));
  return text;
}

/// Names the file in the sentence about what is in it.
template <typename Value>
Result<Value> from_file(const std::string& path, Result<Value> (*read)(const std::string&)) {
  const auto text = read_file(path);
  if (!text) return tl::unexpected(text.error());
  auto value = read(*text);
  if (!value) return fail(value.error().kind, "{}: {}", path, value.error().message);
  return value;
}

Result<Excuses> read_excuses(const CheckRequest& request) {
  Excuses excuses;
  if (!request.allow.empty()) {
    auto allowed = from_file(request.allow, config::read_allow_list);
    if (!allowed) return tl::unexpected(allowed.error());
    excuses.allowed = std::move(*allowed);
  }
  if (!request.baseline.empty()) {
    auto baseline = from_file(request.baseline, check::read_baseline);
    if (!baseline) return tl::unexpected(baseline.error());
    excuses.baseline = std::move(*baseline);
  }
  return excuses;
}

/// Why there is no judgement.
int cannot_judge(const std::string& why) {
  fmt::print(stderr, "loopstall: {}\n", why);
  return kCheckCannotJudge;
}

/// The service that is judged: a command of ours or processes that ran before.
class Service {
 public:
  Service(const CheckRequest& request, std::unique_ptr<Child> child)
      : pids_(request.config.pids), child_(std::move(child)) {}

  /// Empty while it runs.
  std::string ending() {
    if (child_ != nullptr) {
      const auto status = child_->ended();
      return status ? fmt::format("the service has ended ({})", ending_text(*status)) : "";
    }
    for (const uint32_t pid : pids_) {
      if (is_gone(pid)) return fmt::format("the service's process {} has ended", pid);
    }
    return {};
  }

 private:
  std::vector<uint32_t> pids_;
  std::unique_ptr<Child> child_;
};

/// One that has nothing to do may have to be asked once before it is known to serve.
bool is_serving(const stalls::Snapshot& snapshot) {
  const auto serves = [&](const stalls::LoopState& loop) {
    const uint64_t since_ns = loop.turn.idle_since_ns;
    return loop.phase == "serving" ||
           (since_ns != 0 && base::grown(snapshot.monotonic_ns, since_ns) >= kNothingToDoNs);
  };
  return std::any_of(snapshot.services.begin(), snapshot.services.end(), [&](const auto& service) {
    return std::any_of(service.loops.begin(), service.loops.end(), serves);
  });
}

/// One run of the command, from the service that serves to the last snapshot.
class Trial {
 public:
  Trial(const CheckRequest& request, const session::Session& session, Service& service,
        StopSignals& signals, const base::Clock& clock)
      : request_(request), session_(session), service_(service), signals_(signals), clock_(clock) {}

  /// Empty, or why there is nothing to judge.
  Result<std::string> hold() {
    if (std::string why = wait_until_it_serves(); !why.empty()) return why;
    before = session_.snapshot();
    auto load = start_load();
    if (!load) return tl::unexpected(load.error());
    Child* const loading = load->get();
    const bool goes_on = wait_until(signals_, clock_, request_.duration_ns, [&] {
      return !service_.ending().empty() || (loading != nullptr && loading->ended());
    });
    if (!goes_on) return std::string("it was interrupted");
    if (std::string why = service_.ending(); !why.empty()) return why + " while it was measured";
    if (loading != nullptr && loading->ended().value_or(0) != 0) {
      return fmt::format("the load has failed ({})", ending_text(*loading->ended()));
    }
    wait_until(signals_, clock_, kSettleNs, [] { return false; });
    after = session_.snapshot();
    return std::string();
  }

  std::shared_ptr<const stalls::Snapshot> before;
  std::shared_ptr<const stalls::Snapshot> after;

 private:
  std::string wait_until_it_serves() {
    const bool goes_on = wait_until(signals_, clock_, kServingPatienceNs, [&] {
      return !service_.ending().empty() || is_serving(*session_.snapshot());
    });
    if (!goes_on) return "it was interrupted";
    if (std::string why = service_.ending(); !why.empty()) return why + " before it served";
    return is_serving(*session_.snapshot())
               ? ""
               : "no event loop that serves was found; loopstall doctor says what each process is";
  }

  Result<std::unique_ptr<Child>> start_load() const {
    if (request_.load.empty()) return std::unique_ptr<Child>();
    auto load = Child::prepare({"/bin/sh", "-c", request_.load});
    if (!load) return load;
    if (auto runs = (*load)->run(); !runs) return tl::unexpected(runs.error());
    return load;
  }

  const CheckRequest& request_;
  const session::Session& session_;
  Service& service_;
  StopSignals& signals_;
  const base::Clock& clock_;
};

std::string today() { return fmt::format("{:%Y-%m-%d}", fmt::gmtime(std::time(nullptr))); }

Result<void> write(const std::string& report, const std::string& path) {
  if (path.empty()) {
    fmt::print("{}", report);
    return {};
  }
  std::ofstream file(path, std::ios::binary);
  file << report << std::flush;
  if (!file) return fail(ErrorKind::usage, "cannot write {}: {}", path, std::strerror(errno));
  return {};
}

Result<int> conclude(const CheckRequest& request, const Trial& trial, const Excuses& excuses) {
  check::Judgement judgement = check::judge(*trial.before, *trial.after, request.criteria);
  check::excuse(judgement, excuses.allowed, today(), excuses.baseline);
  const auto repository = check::repository_above(std::filesystem::current_path());
  const std::string report = check::report_of(
      judgement, request.criteria, request.format,
      [&](const check::Finding& finding) { return check::path_in(repository, finding); });
  if (auto written = write(report, request.output); !written) {
    return tl::unexpected(written.error());
  }
  if (judgement.fails()) return kCheckFails;
  if (!judgement.is_idle()) return 0;
  return cannot_judge(
      fmt::format("the service was too idle to judge: {} file descriptors had work for it; put "
                  "load on it, with --load",
                  judgement.ready_events));
}

}  // namespace

Result<int> run_check(const CheckRequest& request) {
  const auto excuses = read_excuses(request);
  if (!excuses) return tl::unexpected(excuses.error());
  const base::Clock& clock = base::system_clock();
  StopSignals signals;
  config::Config config = request.config;
  config.with_children = true;
  std::unique_ptr<Child> child;
  if (!request.command.empty()) {
    auto prepared = Child::prepare(request.command);
    if (!prepared) return tl::unexpected(prepared.error());
    child = std::move(*prepared);
    config.pids = {child->pid()};
  }
  const auto session = start_measuring(config, clock);
  if (!session) return tl::unexpected(session.error());
  if (child != nullptr) {
    if (auto runs = child->run(); !runs) return tl::unexpected(runs.error());
  }
  Service service(request, std::move(child));
  Trial trial(request, **session, service, signals, clock);
  const auto why = trial.hold();
  if (!why) return tl::unexpected(why.error());
  if (!why->empty()) return cannot_judge(*why);
  return conclude(request, trial, *excuses);
}

}  // namespace loopstall::cli
