// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "loops/labels.h"
#include "stacks/frame.h"
#include "stalls/cause.h"
#include "stalls/snapshot.h"
#include "stalls/stack_time.h"

namespace loopstall::profile {

/// A line of code that was met in a stack; or a reserved name, without a file.
struct Place {
  std::string function;
  std::string file;  ///< from its import root
  std::string path;  ///< as the target has it
  int line = 0;      ///< 0 when unknown
  stacks::Origin origin = stacks::Origin::third_party;

  auto operator<=>(const Place&) const = default;
};

/// Busy time of a service in one stack for one cause.
struct Sample {
  std::size_t service = 0;          ///< index of Profile::services
  std::vector<std::size_t> places;  ///< indices of Profile::places, outermost first; never empty
  std::size_t blamed = 0;           ///< likewise: whose time it is
  stalls::Cause cause = stalls::Cause::other;
  uint64_t ns = 0;
};

/// What became of the time of one service's loops.
struct ServiceTime {
  loops::LoopLabels labels;
  stalls::ByCause busy_ns{};
  uint64_t idle_ns = 0;
};

/// All busy time of the loops that were recorded. The samples of a service add up to its busy time.
struct Profile {
  std::string title;  ///< what was recorded, for people
  uint64_t start_wall_ns = 0;
  uint64_t duration_ns = 0;
  std::vector<ServiceTime> services;
  std::vector<Place> places;
  std::vector<Sample> samples;
};

/// Merges what is equal. `last` is the snapshot at the end of the measurement, which has the
/// services that `times` has.
Profile make_profile(const stalls::Snapshot& last,
                     const std::vector<stalls::ServiceStackTimes>& times);

/// Over all services.
uint64_t busy_ns(const Profile& profile);

}  // namespace loopstall::profile
