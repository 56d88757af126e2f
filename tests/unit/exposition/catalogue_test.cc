// SPDX-License-Identifier: Apache-2.0
#include "exposition/catalogue.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <fstream>
#include <iterator>
#include <set>
#include <string>

namespace loopstall::exposition {
namespace {

constexpr const char* kDocument = LOOPSTALL_SOURCE_DIR "/docs/metrics.md";
constexpr std::string_view kBegin = "<!-- catalogue: begin -->\n";
constexpr std::string_view kEnd = "<!-- catalogue: end -->\n";

std::string read_document() {
  std::ifstream in(kDocument);
  return {std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>()};
}

TEST(Catalogue, IsIndexedByMetric) {
  ASSERT_EQ(catalogue().size(), kMetricCount);
  for (std::size_t i = 0; i < kMetricCount; ++i) {
    EXPECT_EQ(catalogue()[i].id, static_cast<Metric>(i)) << catalogue()[i].name;
  }
}

TEST(Catalogue, NamesAreUniqueAndSayTypeAndUnit) {
  std::set<std::string_view> names;
  for (const MetricInfo& row : catalogue()) {
    EXPECT_TRUE(names.insert(row.name).second) << row.name;
    EXPECT_EQ(row.name.ends_with("_total"), row.type == MetricType::counter) << row.name;
    if (!row.unit.empty()) {
      EXPECT_NE(row.name.find("_" + std::string(row.unit)), std::string_view::npos) << row.name;
    }
    EXPECT_TRUE(row.name.starts_with(row.name.starts_with("process_") ? "process_" : "loopstall_"));
  }
}

TEST(Catalogue, HelpIsOneLineWithoutEscapes) {
  for (const MetricInfo& row : catalogue()) {
    EXPECT_FALSE(row.help.empty()) << row.name;
    EXPECT_EQ(row.help.find_first_of("\n\r\\|"), std::string_view::npos) << row.name;
  }
}

// UPDATE_DOCS=1 writes the table instead.
TEST(Catalogue, IsTheTableOfTheDocument) {
  std::string document = read_document();
  const std::size_t begin = document.find(kBegin);
  const std::size_t end = document.find(kEnd);
  ASSERT_NE(begin, std::string::npos);
  ASSERT_NE(end, std::string::npos);
  const std::size_t from = begin + kBegin.size();
  const std::string expected = "\n" + catalogue_markdown() + "\n";
  if (std::getenv("UPDATE_DOCS") != nullptr) {
    std::ofstream(kDocument) << document.replace(from, end - from, expected);
    GTEST_SKIP() << "docs/metrics.md was rewritten";
  }
  EXPECT_EQ(document.substr(from, end - from), expected)
      << "docs/metrics.md is out of date: run this test with UPDATE_DOCS=1";
}

}  // namespace
}  // namespace loopstall::exposition
