// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "exposition/build_info.h"
#include "exposition/process_stats.h"
#include "exposition/sample_model.h"
#include "exposition/turn_now.h"
#include "stalls/snapshot.h"

namespace loopstall::exposition {

/// What a scrape knows beside the snapshot.
struct ScrapeContext {
  Present present;
  BuildInfo build;
  std::optional<ProcessStats> process;  ///< its series are left out when it is none
};

/// The settled sample model of one scrape. Series by cause exist for every cause, zeros included,
/// so that a rate sees the first stall. Gauges of a service without loops are left out.
SampleModel snapshot_samples(const stalls::Snapshot& snapshot, const ScrapeContext& context);

/// All of it as text, as a scrape at the snapshot's own time would give it, but for what is of the
/// agent's own process.
std::string snapshot_text(const stalls::Snapshot& snapshot);

}  // namespace loopstall::exposition
