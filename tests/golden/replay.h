// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "scenario.h"

namespace loopstall::golden {

/// What users see of it.
struct Outcome {
  std::string exposition;     ///< /metrics, without the agent's own process and build
  std::string stall_records;  ///< NDJSON, in the order the stalls ended
};

/// Feeds a scenario through decoding, the loop, attribution, the service table and the exposition,
/// with nothing of the kernel and no thread.
Outcome replay(const Scenario& scenario);

}  // namespace loopstall::golden
