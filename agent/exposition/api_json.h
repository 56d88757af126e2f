// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "exposition/build_info.h"
#include "exposition/stall_filter.h"
#include "exposition/turn_now.h"
#include "stalls/snapshot.h"

namespace loopstall::exposition {

// The JSON documents of docs/http.md. Names of targets are the target's own words: the writer
// escapes them, and bytes that are no UTF-8 become U+FFFD. Durations are seconds.

/// /api/v1/loops.
std::string loops_json(const stalls::Snapshot& snapshot, const BuildInfo& build,
                       const Present& present);

/// /api/v1/stalls: newest first.
std::string stalls_json(const stalls::Snapshot& snapshot, const StallFilter& filter);

/// /api/v1/stalls/<id>; none when the record is gone or never was.
std::optional<std::string> stall_json(const stalls::Snapshot& snapshot, std::string_view id);

/// /healthz: healthy while the snapshot is fresh.
struct HealthAnswer {
  bool ok = false;
  std::string json;
};
HealthAnswer health_json(const stalls::Snapshot& snapshot, uint64_t now_ns);

/// /readyz: ready once the hooks are attached and the first scan is done.
HealthAnswer ready_json(const stalls::Snapshot& snapshot);

/// {"version":1,"error":"…"}
std::string error_json(std::string_view message);

}  // namespace loopstall::exposition
