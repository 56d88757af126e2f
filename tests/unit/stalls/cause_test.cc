// SPDX-License-Identifier: Apache-2.0
#include "stalls/cause.h"

#include <gtest/gtest.h>

#include <vector>

namespace loopstall::stalls {
namespace {

struct Facts {
  Cause cause;
  std::string_view name;
  bool measured;
  bool blocking;
  bool machines = false;
};

TEST(Cause, HasItsNameAndKind) {
  const std::vector<Facts> facts = {
      {Cause::cpu, "cpu", true, false},
      {Cause::runqueue, "runqueue", true, false, true},
      {Cause::throttled, "throttled", true, false, true},
      {Cause::sleep, "sleep", true, true},
      {Cause::network, "network", true, true},
      {Cause::file, "file", true, true},
      {Cause::pipe, "pipe", true, true},
      {Cause::lock, "lock", true, true},
      {Cause::gil, "gil", true, false},
      {Cause::process, "process", true, true},
      {Cause::pagefault, "pagefault", true, true},
      {Cause::stopped, "stopped", true, false, true},
      {Cause::gc, "gc", true, false},
      {Cause::other, "other", true, false},
  };
  ASSERT_EQ(facts.size(), kCauseCount);
  for (const Facts& f : facts) {
    EXPECT_EQ(cause_name(f.cause), f.name);
    EXPECT_EQ(cause_is_measured(f.cause), f.measured) << f.name;
    EXPECT_EQ(cause_is_blocking(f.cause), f.blocking) << f.name;
    EXPECT_EQ(cause_is_machines(f.cause), f.machines) << f.name;
  }
}

TEST(Cause, TakesAnUnknownNumberForOther) {
  EXPECT_EQ(cause_name(static_cast<Cause>(200)), "other");
}

}  // namespace
}  // namespace loopstall::stalls
