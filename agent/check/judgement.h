// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "loops/labels.h"
#include "stalls/cause.h"
#include "stalls/snapshot.h"

namespace loopstall::check {

/// What a team does not accept.
struct Criteria {
  double max_occupancy = 0.05;  ///< of the loops' time that one function may keep them waiting
  bool all_causes = false;      ///< computing counts as occupancy too
  uint64_t max_hold_ns = 100'000'000;              ///< one function's part of one turn
  std::map<stalls::Cause, double> max_blocked_ms;  ///< all functions together, per 1,000 turns
};

enum class Rule : uint8_t {
  occupancy,  ///< one function kept the loops for too much of their time
  hold,       ///< one function held a loop for too long at a time
  blocked,    ///< the loops waited too much for one cause
};

/// As in SARIF's ruleId.
std::string_view rule_name(Rule rule);

enum class Standing : uint8_t {
  fails,
  known,    ///< the baseline has it
  allowed,  ///< the team has said so, until a day
};

std::string_view standing_name(Standing standing);

/// A rule that was broken, and by whom.
struct Finding {
  Rule rule = Rule::occupancy;
  loops::LoopLabels labels;
  std::string function;  ///< for Rule::blocked the one that waited most; may be a reserved name
  std::string file;      ///< path from its import root
  std::string path;      ///< raw path
  int line = 0;          ///< 0: unknown
  std::string entry;
  stalls::Cause cause = stalls::Cause::other;
  double value = 0;  ///< a ratio, seconds, or milliseconds per 1,000 turns
  double limit = 0;  ///< of the same unit
  std::string advice;
  Standing standing = Standing::fails;
  std::string excuse;  ///< of an allowed one; of one that fails: that its allowance is over
};

/// One sentence without its place.
std::string sentence_of(const Finding& finding);

/// What a function did to the loops of a service.
struct JudgedFunction {
  loops::LoopLabels labels;
  std::string function;
  std::string file;
  double occupancy = 0;     ///< by the causes that are judged
  uint64_t longest_ns = 0;  ///< hold
};

/// What was measured, and what of it is not accepted.
struct Judgement {
  uint64_t window_ns = 0;
  uint64_t turns = 0;
  uint64_t ready_events = 0;              ///< file descriptors that brought work
  double utilization = 0;                 ///< of all loops together
  std::vector<JudgedFunction> functions;  ///< those that were busy at all
  std::vector<Finding> findings;          ///< the worst first

  bool fails() const;
  /// The loops did too little for the absence of findings to mean anything.
  bool is_idle() const;
};

/// Of what happened between two snapshots of one measurement. Pure.
Judgement judge(const stalls::Snapshot& before, const stalls::Snapshot& after,
                const Criteria& criteria);

}  // namespace loopstall::check
