// SPDX-License-Identifier: Apache-2.0
// Capabilities are a thread's own: each case has one.
#include "probes/privileges.h"

#include <cap-ng.h>
#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <fstream>
#include <initializer_list>
#include <string>
#include <thread>

#include "probes/perf_events.h"

namespace loopstall::probes {
namespace {

std::string own_status(const std::string& field) {
  std::ifstream status("/proc/thread-self/status");
  for (std::string line; std::getline(status, line);) {
    if (line.starts_with(field + ":\t")) return line.substr(field.size() + 2);
  }
  return {};
}

struct Left {
  std::string kept;
  std::string effective;
  std::string permitted;
  std::string ambient;
  std::string no_new_privs;
  bool may_open_clock = false;
};

Left after_drop(RemainingWork work, std::initializer_list<unsigned> not_granted = {}) {
  Left left;
  std::thread([&] {
    capng_get_caps_process();
    for (const unsigned capability : not_granted) {
      capng_update(CAPNG_DROP, static_cast<capng_type_t>(CAPNG_EFFECTIVE | CAPNG_PERMITTED),
                   capability);
    }
    if (not_granted.size() != 0) capng_apply(CAPNG_SELECT_CAPS);
    left.kept = drop_capabilities(work).value_or("");
    left.effective = own_status("CapEff");
    left.permitted = own_status("CapPrm");
    left.ambient = own_status("CapAmb");
    left.no_new_privs = own_status("NoNewPrivs");
    left.may_open_clock = static_cast<bool>(open_cpu_clock(-1, 0, 99));
  }).join();
  return left;
}

// include/uapi/linux/capability.h: DAC_READ_SEARCH 2, SYS_PTRACE 19, SYS_ADMIN 21, PERFMON 38, BPF
// 39, CHECKPOINT_RESTORE 40.
constexpr char kReading[] = "0000010000080004";
constexpr char kReadingAndPerfmon[] = "0000014000080004";
constexpr char kReadingAndAdmin[] = "0000010000280004";
constexpr char kReadingAndBpf[] = "0000018000080004";

class Privileges : public ::testing::Test {
 protected:
  void SetUp() override {
    if (::geteuid() != 0) GTEST_SKIP() << "needs root: only who has capabilities can give them up";
  }
};

TEST_F(Privileges, OnlyThoseToReadProcessesAreKept) {
  const Left left = after_drop({[] { return true; }, {}});
  EXPECT_EQ(left.kept, "CAP_SYS_PTRACE, CAP_DAC_READ_SEARCH, CAP_CHECKPOINT_RESTORE");
  EXPECT_EQ(left.effective, kReading);
  EXPECT_EQ(left.permitted, kReading);
  EXPECT_EQ(left.ambient, "0000000000000000");
  EXPECT_EQ(left.no_new_privs, "1");
}

TEST_F(Privileges, MapsAreTriedWithoutTheirCapability) {
  std::string effective;
  const Left left = after_drop({[&] {
                                  effective = own_status("CapEff");
                                  return false;
                                },
                                {}});
  EXPECT_EQ(std::stoull(effective, nullptr, 16) & (1ull << 39 | 1ull << 21), 0);
  EXPECT_EQ(left.kept, "CAP_SYS_PTRACE, CAP_DAC_READ_SEARCH, CAP_CHECKPOINT_RESTORE, CAP_BPF");
  EXPECT_EQ(left.effective, kReadingAndBpf);
}

TEST_F(Privileges, PerfEventsCanStillBeOpenedWhereTheyAreNeeded) {
  const Left left = after_drop({[] { return true; }, [] { return true; }});
  EXPECT_EQ(left.effective, kReadingAndPerfmon);
  EXPECT_TRUE(left.may_open_clock);
}

TEST_F(Privileges, PerfEventsOfAKernelThatAsksForMoreAreTriedWithoutIt) {
  std::string effective;
  const Left left = after_drop({[] { return true; },
                                [&] {
                                  effective = own_status("CapEff");
                                  return false;
                                }});
  EXPECT_EQ(std::stoull(effective, nullptr, 16) & (1ull << 38 | 1ull << 21), 1ull << 38);
  EXPECT_EQ(left.effective, kReadingAndAdmin);
}

TEST_F(Privileges, OneThatStandsInForTwoIsNamedOnce) {
  const auto fails = [] { return false; };
  const Left left = after_drop({fails, fails}, {CAP_BPF, CAP_PERFMON});
  EXPECT_EQ(left.kept,
            "CAP_SYS_PTRACE, CAP_DAC_READ_SEARCH, CAP_CHECKPOINT_RESTORE, CAP_SYS_ADMIN");
  EXPECT_EQ(left.effective, kReadingAndAdmin);
}

TEST_F(Privileges, OtherThreadsKeepTheirs) {
  const std::string before = own_status("CapEff");
  after_drop({[] { return true; }, {}});
  EXPECT_EQ(own_status("CapEff"), before);
  EXPECT_EQ(own_status("NoNewPrivs"), "0");
}

}  // namespace
}  // namespace loopstall::probes
