// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>

#include "replay.h"

namespace loopstall::golden {
namespace {

namespace fs = std::filesystem;

std::vector<std::string> scenarios() {
  std::vector<std::string> names;
  for (const auto& entry : fs::directory_iterator(LOOPSTALL_SCENARIOS)) {
    if (entry.path().extension() == ".events") names.push_back(entry.path().stem().string());
  }
  std::sort(names.begin(), names.end());
  return names;
}

// UPDATE_GOLDEN=1 writes the expected text instead; read the difference before committing it.
void expect_as_recorded(const fs::path& path, const std::string& text) {
  if (std::getenv("UPDATE_GOLDEN") != nullptr) {
    std::ofstream(path) << text;
    return;
  }
  std::ifstream in(path);
  ASSERT_TRUE(in) << path << " is missing";
  EXPECT_EQ(text, std::string(std::istreambuf_iterator<char>(in), {})) << path;
}

class Pipeline : public ::testing::TestWithParam<std::string> {};

TEST_P(Pipeline, ShowsWhatIsRecorded) {
  const fs::path base = fs::path(LOOPSTALL_SCENARIOS) / GetParam();
  const Outcome outcome = replay(read_scenario(base.string() + ".events"));
  expect_as_recorded(base.string() + ".prom", outcome.exposition);
  expect_as_recorded(base.string() + ".ndjson", outcome.stall_records);
  if (std::getenv("UPDATE_GOLDEN") != nullptr) GTEST_SKIP() << "the recorded text was rewritten";
}

INSTANTIATE_TEST_SUITE_P(Scenarios, Pipeline, ::testing::ValuesIn(scenarios()),
                         [](const auto& test) { return test.param; });

}  // namespace
}  // namespace loopstall::golden
