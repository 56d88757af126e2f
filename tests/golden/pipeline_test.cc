// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include <filesystem>

#include "expected_text.h"
#include "replay.h"

namespace loopstall::golden {
namespace {

namespace fs = std::filesystem;

class Pipeline : public ::testing::TestWithParam<std::string> {};

TEST_P(Pipeline, ShowsWhatIsRecorded) {
  const fs::path base = fs::path(LOOPSTALL_SCENARIOS) / GetParam();
  const Outcome outcome = replay(read_scenario(base.string() + ".events"));
  expect_as_recorded(base.string() + ".prom", outcome.exposition);
  expect_as_recorded(base.string() + ".ndjson", outcome.stall_records);
  if (is_updating()) GTEST_SKIP() << "the recorded text was rewritten";
}

INSTANTIATE_TEST_SUITE_P(Scenarios, Pipeline,
                         ::testing::ValuesIn(names_in(LOOPSTALL_SCENARIOS, ".events")),
                         [](const auto& test) { return test.param; });

}  // namespace
}  // namespace loopstall::golden
