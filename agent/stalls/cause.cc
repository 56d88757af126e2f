// SPDX-License-Identifier: Apache-2.0
#include "stalls/cause.h"

#include <numeric>

namespace loopstall::stalls {
namespace {

enum class Kind : uint8_t { blocking, work, machine };

struct CauseFacts {
  std::string_view name;
  Kind kind;
};

// Indexed by Cause. Blocking is what the function itself waits for and could await instead. The run
// queue, the quota and a stop are the machine's doing; cpu and gc are work, and so is gil: its
// function is the one that computed while the loop waited.
constexpr std::array<CauseFacts, kCauseCount> kFacts = {{
    {"cpu", Kind::work},
    {"runqueue", Kind::machine},
    {"throttled", Kind::machine},
    {"sleep", Kind::blocking},
    {"network", Kind::blocking},
    {"file", Kind::blocking},
    {"pipe", Kind::blocking},
    {"lock", Kind::blocking},
    {"gil", Kind::work},
    {"process", Kind::blocking},
    {"pagefault", Kind::blocking},
    {"stopped", Kind::machine},
    {"gc", Kind::work},
    {"other", Kind::work},
}};

// Causes come from the kernel's side as numbers: one that we do not know is `other`.
const CauseFacts& facts(Cause cause) {
  return index(cause) < kFacts.size() ? kFacts[index(cause)] : kFacts[index(Cause::other)];
}

}  // namespace

uint64_t sum(const ByCause& values) {
  return std::accumulate(values.begin(), values.end(), uint64_t{0});
}

std::string_view cause_name(Cause cause) { return facts(cause).name; }

bool cause_is_blocking(Cause cause) { return facts(cause).kind == Kind::blocking; }

bool cause_is_machines(Cause cause) { return facts(cause).kind == Kind::machine; }

}  // namespace loopstall::stalls
