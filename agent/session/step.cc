// SPDX-License-Identifier: Apache-2.0
#include "session/step.h"

#include <utility>

#include "session/measurement.h"

namespace loopstall::session {

void take_step(Measurement& measurement, Step&& step) {
  measurement.follow(step.budget);
  for (const probes::Event& event : step.events) measurement.handle(event);
  for (ResolverResult& result : step.results) measurement.handle(std::move(result));
  measurement.advance();
  if (step.publishes) measurement.read_accounts();
  if (!step.sweeps) return;
  measurement.sweep_processes();
  measurement.audit();
}

}  // namespace loopstall::session
