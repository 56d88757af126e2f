// SPDX-License-Identifier: Apache-2.0
#include "cli/nearest.h"

#include <gtest/gtest.h>

namespace loopstall::cli {
namespace {

const std::vector<std::string> kFlags = {"--listen", "--stall-threshold", "--stall-log", "--btf"};

TEST(Nearest, ForgivesATypo) {
  EXPECT_EQ(nearest("--lisen", kFlags), "--listen");
  EXPECT_EQ(nearest("--stall-treshold", kFlags), "--stall-threshold");
  EXPECT_EQ(nearest("--stall_log", kFlags), "--stall-log");
}

TEST(Nearest, KnowsABeginning) { EXPECT_EQ(nearest("--stall-t", kFlags), "--stall-threshold"); }

TEST(Nearest, SaysNothingWhenNothingIsNear) {
  EXPECT_EQ(nearest("--frobnicate", kFlags), "");
  EXPECT_EQ(nearest("-x", {"version"}), "");
  EXPECT_EQ(nearest("--listen", {}), "");
}

TEST(Nearest, IsBoundedForHugeWords) {
  EXPECT_EQ(nearest("--listen" + std::string(1'000'000, 'n'), kFlags), "");
}

}  // namespace
}  // namespace loopstall::cli
