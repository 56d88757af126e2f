// SPDX-License-Identifier: Apache-2.0
#include "exposition/text_format.h"

#include <fmt/format.h>
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <limits>
#include <sstream>
#include <vector>

#include "base/utf8.h"
#include "exposition/snapshot_samples.h"
#include "sample_snapshot.h"

namespace loopstall::exposition {
namespace {

namespace fs = std::filesystem;

constexpr const char* kFolder = LOOPSTALL_SOURCE_DIR "/tests/unit/exposition/";

std::string sample_text(TextForm form = TextForm::prometheus) {
  const ScrapeContext context{.present = {.now_ns = testing::kTakenNs},
                              .build = {"1.2.3", "abc1234"},
                              .process = ProcessStats{.cpu_seconds = 1.25,
                                                      .start_time_seconds = 1.7e9,
                                                      .virtual_bytes = 104857600,
                                                      .resident_bytes = 31457280,
                                                      .open_fds = 31,
                                                      .max_fds = 1024}};
  return to_text(snapshot_samples(testing::sample_snapshot(), context), form);
}

// UPDATE_GOLDEN=1 writes it instead; read the difference before committing it.
void expect_as_recorded(const std::string& text, const std::string& name) {
  const std::string file = kFolder + name;
  if (std::getenv("UPDATE_GOLDEN") != nullptr) {
    std::ofstream(file) << text;
    GTEST_SKIP() << "the recorded text was rewritten";
  }
  std::ifstream in(file);
  EXPECT_EQ(text, std::string(std::istreambuf_iterator<char>(in), {}));
}

TEST(TextFormat, SampleSnapshotIsAsRecorded) {
  expect_as_recorded(sample_text(), "metrics.golden.txt");
}

TEST(TextFormat, OpenMetricsAreAsRecorded) {
  expect_as_recorded(sample_text(TextForm::open_metrics), "openmetrics.golden.txt");
}

/// Lines of samples, without what only OpenMetrics has.
std::vector<std::string> samples_in(const std::string& text) {
  std::vector<std::string> samples;
  std::istringstream lines(text);
  for (std::string line; std::getline(lines, line);) {
    const std::string name = line.substr(0, line.find_first_of("{ "));
    if (line.starts_with("#") || name.ends_with("_created")) continue;
    samples.push_back(line.substr(0, line.find(" # {")));
  }
  return samples;
}

TEST(TextFormat, BothFormsHoldTheSameSamples) {
  EXPECT_EQ(samples_in(sample_text()), samples_in(sample_text(TextForm::open_metrics)));
}

TEST(TextFormat, ExemplarsAreTheNewestStallsOfTheirBuckets) {
  const std::string text = sample_text(TextForm::open_metrics);
  EXPECT_NE(text.find("le=\"0.25\"} 4 # {stall_id=\"k3f9a2\"} "), std::string::npos);
  EXPECT_EQ(sample_text().find("stall_id="), std::string::npos) << "0.0.4 has none";
}

TEST(TextFormat, CountersAndHistogramsSayWhenTheyWereMade) {
  const std::string text = sample_text(TextForm::open_metrics);
  const auto made = [](uint64_t before_ns) {
    return fmt::format("{:.3f}\n", static_cast<double>(testing::kTakenWallNs - before_ns) / 1e9);
  };
  const std::string service = "{process=\"app.main:app\",runtime=\"uvloop\"} ";
  EXPECT_NE(text.find("loopstall_turn_seconds_created" + service + made(60'000'000'000)),
            std::string::npos);
  EXPECT_NE(text.find("loopstall_idle_seconds_created" + service + made(60'000'000'000)),
            std::string::npos);
  EXPECT_NE(text.find("loopstall_blocking_seconds_created{process=\"app.main:app\","
                      "runtime=\"uvloop\",function=\"save_log\",file=\"app/log.py\","
                      "cause=\"network\"} " +
                      made(20'250'000'000)),
            std::string::npos);
  EXPECT_EQ(text.find("loopstall_utilization_max_ratio_created"), std::string::npos) << "a gauge";
  EXPECT_EQ(text.find("~framework\",cause=\"cpu\"} 0.000\n"), std::string::npos) << "not known";
  EXPECT_EQ(sample_text().find("_created"), std::string::npos) << "0.0.4 has none";
}

TEST(TextFormat, OfSeriesThatAreMergedTheOlderTimeCounts) {
  SampleModel model;
  model.add(Metric::events_lost, {"same"}, 1.0, 200);
  model.add(Metric::events_lost, {"same"}, 2.0, 100);
  model.settle();
  const std::string text = to_text(model, TextForm::open_metrics);
  EXPECT_NE(text.find("loopstall_events_lost_created{reason=\"same\"} 100.000\n"),
            std::string::npos)
      << text;
}

TEST(TextFormat, EscapesAndOddNumbers) {
  SampleModel model;
  model.add(Metric::hook_info, {"a\\b\"c", "x"}, 1.0);
  model.add(Metric::account_error_ratio, {}, std::nan(""));
  model.add(Metric::canary_missed, {}, 1e300);
  model.add(Metric::canary_reported, {}, std::numeric_limits<double>::infinity());
  const std::string text = to_text(model);
  EXPECT_NE(text.find("{hook=\"a\\\\b\\\"c\",mode=\"x\"} 1\n"), std::string::npos) << text;
  EXPECT_NE(text.find("loopstall_account_error_ratio NaN\n"), std::string::npos);
  EXPECT_NE(text.find("loopstall_canary_missed_total 1e+300\n"), std::string::npos);
  EXPECT_NE(text.find("loopstall_canary_reported_total +Inf\n"), std::string::npos);
}

TEST(TextFormat, BucketsAreCumulativeWithBoundsInSeconds) {
  const std::string text = sample_text();
  const auto bucket = [](const std::string& le, int count) {
    return "loopstall_turn_seconds_bucket{process=\"app.main:app\",runtime=\"uvloop\",le=\"" + le +
           "\"} " + std::to_string(count) + "\n";
  };
  // 1, 3, 120, 130 ms and 40 s: bounds are inclusive.
  for (const auto& [le, count] : std::initializer_list<std::pair<const char*, int>>{{"0.001", 1},
                                                                                    {"0.0025", 1},
                                                                                    {"0.005", 2},
                                                                                    {"0.01", 2},
                                                                                    {"0.025", 2},
                                                                                    {"0.05", 2},
                                                                                    {"0.1", 2},
                                                                                    {"0.25", 4},
                                                                                    {"0.5", 4},
                                                                                    {"1", 4},
                                                                                    {"2.5", 4},
                                                                                    {"5", 4},
                                                                                    {"10", 4},
                                                                                    {"30", 4},
                                                                                    {"+Inf", 5}}) {
    EXPECT_NE(text.find(bucket(le, count)), std::string::npos) << le;
  }
  EXPECT_NE(
      text.find("loopstall_turn_seconds_count{process=\"app.main:app\",runtime=\"uvloop\"} 5\n"),
      std::string::npos);
  EXPECT_NE(
      text.find("loopstall_turn_seconds_sum{process=\"app.main:app\",runtime=\"uvloop\"} 40.254\n"),
      std::string::npos);
}

TEST(TextFormat, HostileNamesStayInsideTheirLabel) {
  const std::string text = sample_text();
  EXPECT_NE(text.find("function=\"<img src=x onerror=alert(1)> \\\"\\\\?\xEF\xBF\xBD\","
                      "file=\"a\\\"b\\\\c.py\""),
            std::string::npos);
  std::istringstream lines(text);
  for (std::string line; std::getline(lines, line);) {
    EXPECT_EQ(base::valid_utf8(line), line) << "not UTF-8, or a control character";
  }
}

/// Runs `command` with `input` on its standard input; its exit status and what it printed.
std::pair<int, std::string> run_with_input(const std::string& command, const std::string& input) {
  std::string file = (fs::temp_directory_path() / "loopstall-metrics-XXXXXX").string();
  ::close(::mkstemp(file.data()));
  std::ofstream(file) << input;
  std::FILE* pipe = ::popen((command + " < " + file + " 2>&1").c_str(), "r");
  std::string output;
  for (int c; (c = std::fgetc(pipe)) != EOF;) output += static_cast<char>(c);
  const int status = ::pclose(pipe);
  fs::remove(file);
  return {WIFEXITED(status) ? WEXITSTATUS(status) : -1, output};
}

TEST(TextFormat, PromtoolFindsNothingToSay) {
  if (std::system("command -v promtool >/dev/null 2>&1") != 0) {
    GTEST_SKIP() << "promtool (Debian package prometheus) is not installed";
  }
  const auto [status, output] = run_with_input("promtool check metrics", sample_text());
  EXPECT_EQ(status, 0);
  EXPECT_EQ(output, "");
  // It must be able to object at all.
  const auto [bad_status, bad_output] =
      run_with_input("promtool check metrics", sample_text() + "loopstall_loops{x=\"\n\"} 1\n");
  EXPECT_NE(bad_status, 0);
}

}  // namespace
}  // namespace loopstall::exposition
