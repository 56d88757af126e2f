// SPDX-License-Identifier: Apache-2.0
#include "base/nearest.h"

#include <gtest/gtest.h>

namespace loopstall::base {
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

TEST(Nearest, DoesNotLookForHugeWords) {
  const std::string huge(70, 'n');
  EXPECT_EQ(nearest(huge + "m", {huge}), "");
  EXPECT_EQ(nearest(std::string(60, 'n') + "m", {std::string(60, 'n')}), std::string(60, 'n'));
}

}  // namespace
}  // namespace loopstall::base
