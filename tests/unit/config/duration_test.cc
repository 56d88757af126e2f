// SPDX-License-Identifier: Apache-2.0
#include "config/duration.h"

#include <gtest/gtest.h>

namespace loopstall::config {
namespace {

TEST(Duration, ReadsEveryUnit) {
  EXPECT_EQ(parse_duration_ns("7ns"), 7u);
  EXPECT_EQ(parse_duration_ns("250us"), 250'000u);
  EXPECT_EQ(parse_duration_ns("100ms"), 100'000'000u);
  EXPECT_EQ(parse_duration_ns("1s"), 1'000'000'000u);
  EXPECT_EQ(parse_duration_ns("2m"), 120'000'000'000u);
  EXPECT_EQ(parse_duration_ns("1h"), 3'600'000'000'000u);
}

TEST(Duration, ReadsDecimalsExactly) {
  EXPECT_EQ(parse_duration_ns("1.5s"), 1'500'000'000u);
  EXPECT_EQ(parse_duration_ns("0.1ms"), 100'000u);
  EXPECT_EQ(parse_duration_ns("0.000000001s"), 1u);
  EXPECT_EQ(parse_duration_ns("0s"), 0u);
}

TEST(Duration, RefusesWhatIsNotOne) {
  for (const char* text : {"", "100", "ms", "100 ms", " 1s", "1s ", "-1s", "+1s", "1e3ms", "1..5s",
                           "1.5.2s", ".5s", "5.s", "1S", "1min", "1d", "0x10ms", "inf", "nans"}) {
    EXPECT_EQ(parse_duration_ns(text), std::nullopt) << text;
  }
}

TEST(Duration, RefusesWhatDoesNotFit) {
  EXPECT_EQ(parse_duration_ns("999999999999999h"), std::nullopt);
  EXPECT_EQ(parse_duration_ns(std::string(100, '9') + "ns"), std::nullopt);
}

TEST(Duration, FormatsWithTheLargestExactUnit) {
  EXPECT_EQ(format_duration_ns(100'000'000), "100ms");
  EXPECT_EQ(format_duration_ns(3'600'000'000'000), "1h");
  EXPECT_EQ(format_duration_ns(1'500'000'000), "1500ms");
  EXPECT_EQ(format_duration_ns(10'000), "10us");
  EXPECT_EQ(format_duration_ns(1), "1ns");
  EXPECT_EQ(format_duration_ns(0), "0ns");
}

TEST(Duration, WhatIsFormattedIsReadBack) {
  for (const uint64_t ns : {uint64_t{0}, uint64_t{1}, uint64_t{999'999}, uint64_t{60'000'000'000},
                            uint64_t{1'234'567'890}}) {
    EXPECT_EQ(parse_duration_ns(format_duration_ns(ns)), ns);
  }
}

}  // namespace
}  // namespace loopstall::config
