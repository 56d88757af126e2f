// SPDX-License-Identifier: Apache-2.0
#include "cli/record_command.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cstdio>
#include <memory>
#include <optional>
#include <utility>

#include "base/clock.h"
#include "base/proportion.h"
#include "base/utf8.h"
#include "cli/child.h"
#include "cli/measuring.h"
#include "cli/output_file.h"
#include "cli/progress.h"
#include "profile/profile.h"
#include "terminal/quantities.h"

namespace loopstall::cli {
namespace {

using base::ErrorKind;
using base::fail;
using base::Result;

// The names of the last stacks; and the last events of a process that has ended.
constexpr uint64_t kSettleNs = 2'000'000'000;
constexpr std::size_t kMaxTitleBytes = 200;

std::string title_of(const RecordRequest& request) {
  if (request.command.empty()) return fmt::format("pid {}", fmt::join(request.config.pids, ", "));
  return base::bounded_utf8(fmt::format("{}", fmt::join(request.command, " ")), kMaxTitleBytes);
}

/// "2 loops, busy 23 %".
std::string state_of(const stalls::Snapshot& snapshot) {
  std::size_t loops = 0;
  double busy = 0;
  for (const auto& service : snapshot.services) {
    loops += service.loops.size();
    for (const auto& loop : service.loops) busy += loop.utilization_60s;
  }
  if (loops == 0) return "no loop yet";
  return fmt::format("{} {}, busy {}", loops, loops == 1 ? "loop" : "loops",
                     terminal::percent_text(busy / static_cast<double>(loops)));
}

/// "app.main:app was busy for 12.3 s of 60.0 s: network 11.0 s, cpu 1.1 s".
std::string sentence_of(const profile::ServiceTime& service) {
  std::vector<std::pair<uint64_t, stalls::Cause>> causes;
  for (std::size_t i = 0; i < stalls::kCauseCount; ++i) {
    if (service.busy_ns[i] != 0) {
      causes.emplace_back(service.busy_ns[i], static_cast<stalls::Cause>(i));
    }
  }
  std::sort(causes.rbegin(), causes.rend());
  const uint64_t busy_ns = stalls::sum(service.busy_ns);
  std::string text = fmt::format("{} was busy for {} of {}", service.labels.process,
                                 terminal::duration_text(busy_ns),
                                 terminal::duration_text(busy_ns + service.idle_ns));
  constexpr std::size_t kNamed = 4;
  for (std::size_t i = 0; i < std::min(causes.size(), kNamed); ++i) {
    text += fmt::format("{}{} {}", i == 0 ? ": " : ", ", stalls::cause_name(causes[i].second),
                        terminal::duration_text(causes[i].first));
  }
  return text;
}

/// The service that is recorded, from its start, if it is ours, to the end of the recording.
class Recording {
 public:
  Recording(const RecordRequest& request, StopSignals& signals, const base::Clock& clock)
      : request_(request), signals_(signals), clock_(clock) {}

  Result<void> start() {
    config::Config config = request_.config;
    config.keeps_stacks = true;
    if (request_.format == profile::Format::lsr) config.record = request_.output;
    if (!request_.command.empty()) {
      auto child = Child::prepare(request_.command);
      if (!child) return tl::unexpected(child.error());
      child_ = std::move(*child);
      config.pids = {child_->pid()};
    }
    pids_ = config.pids;
    auto session = start_measuring(config, clock_);
    if (!session) return tl::unexpected(session.error());
    session_ = std::move(*session);
    is_interrupted_ = !wait_until_ready(signals_, clock_, *session_);
    return child_ != nullptr ? child_->run() : Result<void>();
  }

  /// Until the time is over, the service has ended, or somebody wants it to end.
  profile::Profile hold() {
    const uint64_t start_ns = clock_.monotonic_ns(), start_wall_ns = clock_.wall_ns();
    if (!is_interrupted_) {
      Progress progress(request_.duration_ns);
      wait_until(signals_, clock_, request_.duration_ns, [&] {
        progress.show(clock_.monotonic_ns() - start_ns, state_of(*session_->snapshot()));
        return has_ended();
      });
    }
    const uint64_t duration_ns = clock_.monotonic_ns() - start_ns;
    wait_until(signals_, clock_, kSettleNs, [] { return false; });
    session_->stop();
    profile::Profile profile =
        profile::make_profile(*session_->snapshot(), session_->stack_times());
    profile.title = title_of(request_);
    profile.start_wall_ns = start_wall_ns;
    profile.duration_ns = duration_ns;
    return profile;
  }

  std::string why_nothing() const {
    const std::string workers =
        request_.config.with_children ? "" : "; --subprocesses records its workers too";
    if (child_ != nullptr) return "no event loop was found in what the command ran" + workers;
    return fmt::format("no event loop was found{}; loopstall doctor --pid {} says why", workers,
                       pids_.front());
  }

 private:
  bool has_ended() {
    return child_ != nullptr ? child_->ended().has_value()
                             : std::all_of(pids_.begin(), pids_.end(), is_gone);
  }

  const RecordRequest& request_;
  StopSignals& signals_;
  const base::Clock& clock_;
  bool is_interrupted_ = false;  // before it was ready
  std::vector<uint32_t> pids_;
  std::unique_ptr<session::Session> session_;
  std::unique_ptr<Child> child_;
};

}  // namespace

Result<void> run_record(const RecordRequest& request) {
  std::optional<OutputFile> output;
  if (request.format != profile::Format::lsr) {  // the session writes that, and makes the file
    auto opened = OutputFile::open(request.output);
    if (!opened) return tl::unexpected(opened.error());
    output = std::move(*opened);
  }
  StopSignals signals;
  Recording recording(request, signals, base::system_clock());
  if (auto started = recording.start(); !started) return started;
  const profile::Profile profile = recording.hold();
  if (profile.services.empty()) return fail(ErrorKind::target, "{}", recording.why_nothing());
  if (output) {
    auto written = output->write(profile::written(profile, request.format));
    if (!written) return written;
  }
  for (const profile::ServiceTime& service : profile.services) {
    fmt::print(stderr, "loopstall: {}\n", sentence_of(service));
  }
  fmt::print(stderr, "loopstall: {} is written\n", request.output);
  return {};
}

}  // namespace loopstall::cli
