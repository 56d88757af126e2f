// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <string>

#include "expected_text.h"
#include "exposition/snapshot_samples.h"
#include "session/replay.h"

namespace loopstall::golden {
namespace {

namespace fs = std::filesystem;

class Recordings : public ::testing::TestWithParam<std::string> {};

// Made on a real machine by tests/golden/record.py.
TEST_P(Recordings, GiveTheSameNumbersAgain) {
  const std::string base = fs::path(LOOPSTALL_RECORDINGS) / GetParam();
  std::ifstream file(base + ".recording");
  const auto replayed = session::replay(file);
  ASSERT_TRUE(replayed) << replayed.error().message;
  EXPECT_TRUE(replayed->is_whole);
  EXPECT_EQ(replayed->unanswered, 0u)
      << "the measurement asks for more than it did: make the recordings anew";
  std::string records;
  for (const auto& record : replayed->records) records += stalls::to_json(*record) + "\n";
  expect_as_recorded(base + ".ndjson", records);
  expect_as_recorded(base + ".prom", exposition::snapshot_text(replayed->snapshot));
  if (is_updating()) GTEST_SKIP() << "the recorded text was rewritten";
}

INSTANTIATE_TEST_SUITE_P(Real, Recordings,
                         ::testing::ValuesIn(names_in(LOOPSTALL_RECORDINGS, ".recording")),
                         [](const auto& test) { return test.param; });

}  // namespace
}  // namespace loopstall::golden
