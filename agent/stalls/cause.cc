// SPDX-License-Identifier: Apache-2.0
#include "stalls/cause.h"

namespace loopstall::stalls {
namespace {

enum class Kind : uint8_t { blocking, work, machine };
enum class Measured : uint8_t { yes, no };

struct CauseFacts {
  std::string_view name;
  Kind kind;
  Measured measured;
};

// Indexed by Cause. Blocking is what the function itself waits for and could await instead. The run
// queue, the quota and a stop are the machine's doing; cpu and gc are work, and so is gil: its
// function is the one that computed while the loop waited.
constexpr std::array<CauseFacts, kCauseCount> kFacts = {{
    {"cpu", Kind::work, Measured::yes},
    {"runqueue", Kind::machine, Measured::yes},
    {"throttled", Kind::machine, Measured::yes},
    {"sleep", Kind::blocking, Measured::yes},
    {"network", Kind::blocking, Measured::yes},
    {"file", Kind::blocking, Measured::yes},
    {"pipe", Kind::blocking, Measured::yes},
    {"lock", Kind::blocking, Measured::yes},
    {"gil", Kind::work, Measured::yes},
    {"process", Kind::blocking, Measured::yes},
    {"pagefault", Kind::blocking, Measured::yes},
    {"stopped", Kind::machine, Measured::yes},
    {"gc", Kind::work, Measured::yes},
    {"other", Kind::work, Measured::yes},
}};

// Causes come from the kernel's side as numbers: one that we do not know is `other`.
const CauseFacts& facts(Cause cause) {
  return index(cause) < kFacts.size() ? kFacts[index(cause)] : kFacts[index(Cause::other)];
}

}  // namespace

std::string_view cause_name(Cause cause) { return facts(cause).name; }

bool cause_is_measured(Cause cause) { return facts(cause).measured == Measured::yes; }

bool cause_is_blocking(Cause cause) { return facts(cause).kind == Kind::blocking; }

bool cause_is_machines(Cause cause) { return facts(cause).kind == Kind::machine; }

}  // namespace loopstall::stalls
