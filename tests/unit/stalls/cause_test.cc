// SPDX-License-Identifier: Apache-2.0
#include "stalls/cause.h"

#include <gtest/gtest.h>

#include <vector>

namespace loopstall::stalls {
namespace {

struct Facts {
  Cause cause;
  std::string_view name;
  bool blocking;
  bool machines = false;
};

TEST(Cause, HasItsNameAndKind) {
  const std::vector<Facts> facts = {
      {Cause::cpu, "cpu", false},
      {Cause::runqueue, "runqueue", false, true},
      {Cause::throttled, "throttled", false, true},
      {Cause::sleep, "sleep", true},
      {Cause::network, "network", true},
      {Cause::file, "file", true},
      {Cause::pipe, "pipe", true},
      {Cause::lock, "lock", true},
      {Cause::gil, "gil", false},
      {Cause::process, "process", true},
      {Cause::pagefault, "pagefault", true},
      {Cause::stopped, "stopped", false, true},
      {Cause::gc, "gc", false},
      {Cause::other, "other", false},
  };
  ASSERT_EQ(facts.size(), kCauseCount);
  for (const Facts& f : facts) {
    EXPECT_EQ(cause_name(f.cause), f.name);
    EXPECT_EQ(cause_is_blocking(f.cause), f.blocking) << f.name;
    EXPECT_EQ(cause_is_machines(f.cause), f.machines) << f.name;
  }
}

TEST(Cause, TakesAnUnknownNumberForOther) {
  EXPECT_EQ(cause_name(static_cast<Cause>(200)), "other");
}

}  // namespace
}  // namespace loopstall::stalls
