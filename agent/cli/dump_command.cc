// SPDX-License-Identifier: Apache-2.0
#include "cli/dump_command.h"

#include <fmt/format.h>

#include <algorithm>
#include <functional>
#include <memory>

#include "base/clock.h"
#include "cli/measuring.h"
#include "exposition/turn_now.h"
#include "terminal/dump.h"

namespace loopstall::cli {
namespace {

// A loop that neither sleeps nor hangs is found when it next waits.
constexpr uint64_t kLoopPatienceNs = 3'000'000'000;
// Long enough to find the other loops of a process, and to tell a turn that hangs from another one.
constexpr uint64_t kLookNs = 500'000'000;
constexpr uint64_t kNamesPatienceNs = 2'000'000'000;

bool all_loops(const stalls::Snapshot& snapshot,
               const std::function<bool(const stalls::LoopState&)>& is_so) {
  return std::all_of(snapshot.services.begin(), snapshot.services.end(), [&](const auto& service) {
    return std::all_of(service.loops.begin(), service.loops.end(), is_so);
  });
}

bool has_loops(const session::Session& session) {
  const auto snapshot = session.snapshot();
  return std::any_of(snapshot->services.begin(), snapshot->services.end(),
                     [](const auto& service) { return !service.loops.empty(); });
}

/// Whether each loop's utilisation is one of some time, and not of the moment when it was found.
bool are_measured(const session::Session& session) {
  return all_loops(*session.snapshot(),
                   [](const auto& loop) { return loop.measured_60s_ns >= kLookNs / 2; });
}

/// Whether each turn that lasts has a stack with names.
bool has_stacks(const session::Session& session) {
  const auto snapshot = session.snapshot();
  return all_loops(*snapshot, [&](const auto& loop) {
    const bool lasts =
        loop.turn.start_ns != 0 && snapshot->monotonic_ns - loop.turn.start_ns > kLookNs / 2;
    return !lasts || !loop.stack.frames.empty();
  });
}

void print(const session::Session& session, const base::Clock& clock, bool json) {
  const auto snapshot = session.snapshot();
  const auto loops = terminal::loops_now(*snapshot, {clock.monotonic_ns(), &session});
  fmt::print("{}",
             json ? terminal::dump_json(loops, snapshot->wall_ns) : terminal::dump_text(loops));
}

}  // namespace

base::Result<void> run_dump(const DumpRequest& request) {
  const base::Clock& clock = base::system_clock();
  StopSignals signals;
  const auto session = start_measuring(request.config, clock);
  if (!session) return tl::unexpected(session.error());
  const session::Session& measured = **session;
  const bool goes_on =
      wait_until_ready(signals, clock, measured) &&
      wait_until(signals, clock, kLoopPatienceNs, [&] { return has_loops(measured); }) &&
      wait_until(signals, clock, kLookNs, [] { return false; }) &&
      wait_until(signals, clock, kLoopPatienceNs, [&] { return are_measured(measured); }) &&
      wait_until(signals, clock, kNamesPatienceNs, [&] { return has_stacks(measured); });
  if (!goes_on) return {};
  if (!has_loops(measured)) {
    return base::fail(
        base::ErrorKind::environment, "no event loop was found; loopstall doctor{} says why",
        request.config.pids.empty() ? "" : fmt::format(" --pid {}", request.config.pids.front()));
  }
  print(measured, clock, request.json);
  return {};
}

}  // namespace loopstall::cli
