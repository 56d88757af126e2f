// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <sstream>
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

constexpr uint64_t kLateNs = 21'000'000;

/// The recording, but in its steps the accounts were read so much later than the events.
std::string read_late(std::istream& recording) {
  std::string late, line;
  while (std::getline(recording, line)) {
    auto step = nlohmann::json::parse(line, nullptr, false);
    if (step.is_object() && step.contains("answers") && step["answers"].contains("clock")) {
      auto& clock = step["answers"]["clock"][0];
      clock = clock.get<uint64_t>() + kLateNs;
      line = step.dump();
    }
    late += line + "\n";
  }
  return late;
}

uint64_t life_ns(const stalls::ServiceSnapshot& service) {
  return stalls::sum(service.busy_ns) + service.idle_ns;
}

TEST_P(Recordings, AccountsAreCompleteToTheInstantThatIsNamed) {
  const std::string path = (fs::path(LOOPSTALL_RECORDINGS) / GetParam()).string() + ".recording";
  std::ifstream file(path);
  const auto replayed = session::replay(file);
  std::ifstream again(path);
  std::istringstream late_file(read_late(again));
  const auto late = session::replay(late_file);
  ASSERT_TRUE(replayed && late);
  ASSERT_EQ(replayed->snapshot.services.size(), 1u);
  const stalls::ServiceSnapshot& service = replayed->snapshot.services[0];
  const stalls::ServiceSnapshot& later = late->snapshot.services.at(0);
  EXPECT_EQ(later.counted_until_ns, service.counted_until_ns + kLateNs);
  EXPECT_EQ(life_ns(later), life_ns(service) + kLateNs);
}

INSTANTIATE_TEST_SUITE_P(Real, Recordings,
                         ::testing::ValuesIn(names_in(LOOPSTALL_RECORDINGS, ".recording")),
                         [](const auto& test) { return test.param; });

}  // namespace
}  // namespace loopstall::golden
