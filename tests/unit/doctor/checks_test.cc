// SPDX-License-Identifier: Apache-2.0
#include "doctor/checks.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <functional>

namespace loopstall::doctor {
namespace {

using ::testing::HasSubstr;

/// A Debian 12 machine, looked at as root.
Machine healthy() {
  Machine machine;
  machine.kernel = "6.1.0-18-amd64";
  machine.architecture = "x86_64";
  machine.btf_path = "/sys/kernel/btf/vmlinux";
  machine.has_btf = true;
  machine.lockdown = "none";
  machine.perf_event_paranoid = 3;
  machine.tick_price_ns = 7'100;
  machine.has_tracefs = true;
  machine.cgroup_version = 2;
  machine.sees_all_pids = true;
  machine.sees_all_cgroups = true;
  return machine;
}

Check check(const std::string& name, const std::function<void(Machine&)>& change) {
  Machine machine = healthy();
  change(machine);
  const auto checks = check_machine(machine);
  const auto found = std::find_if(checks.begin(), checks.end(),
                                  [&](const Check& one) { return one.name == name; });
  return found == checks.end() ? Check{} : *found;
}

TEST(Checks, OfAHealthyMachineFindNothing) {
  for (const Check& one : check_machine(healthy())) {
    EXPECT_EQ(one.verdict, Verdict::ok) << one.name;
    EXPECT_EQ(one.fix, "") << one.name;
    EXPECT_NE(one.finding, "") << one.name;
  }
}

TEST(Checks, TellWhatATickOfTheClockTakes) {
  const auto finding = [](std::optional<uint64_t> price_ns) {
    return check("sampling clock", [&](Machine& m) { m.tick_price_ns = price_ns; }).finding;
  };
  EXPECT_EQ(finding(7'100), "99 ticks a second; one takes 7.1 us of its CPU");
  EXPECT_EQ(finding(88'000), "49 ticks a second; one takes 88.0 us of its CPU");
  EXPECT_EQ(finding(std::nullopt), "99 ticks a second");
  EXPECT_EQ(check("sampling clock", [](Machine& m) { m.may_sample = false; }).finding, "none");
}

void expect(const std::string& name, const std::function<void(Machine&)>& change, Verdict verdict,
            const std::string& fix) {
  const Check found = check(name, change);
  EXPECT_EQ(found.verdict, verdict) << name;
  EXPECT_THAT(found.fix, HasSubstr(fix)) << name;
}

TEST(Checks, SayWhatIsLackingAndItsFix) {
  const auto limits = Verdict::limits, prevents = Verdict::prevents;
  expect(
      "kernel", [](Machine& m) { m.kernel = "5.10.0-28-amd64"; }, limits, "5.15");
  expect(
      "kernel", [](Machine& m) { m.kernel = "odd"; }, limits, "5.15");
  expect(
      "kernel", [](Machine& m) { m.architecture = "aarch64"; }, prevents, "x86-64");
  expect(
      "btf", [](Machine& m) { m.has_btf = false; }, prevents, "--btf");
  expect(
      "lockdown", [](Machine& m) { m.lockdown = "confidentiality"; }, prevents, "integrity");
  expect(
      "capabilities", [](Machine& m) { m.missing_capabilities = "CAP_BPF"; }, prevents, "setcap");
  expect(
      "perf_event_paranoid", [](Machine& m) { m.may_sample = false, m.perf_event_paranoid = 2; },
      limits, "grant CAP_PERFMON");
  expect(
      "perf_event_paranoid", [](Machine& m) { m.may_sample = false, m.perf_event_paranoid = 3; },
      limits, "grant CAP_SYS_ADMIN");
  expect(
      "perf_event_paranoid", [](Machine& m) { m.perf_event_paranoid.reset(); }, limits,
      "CONFIG_PERF_EVENTS");
  expect(
      "tracefs", [](Machine& m) { m.has_tracefs = false; }, limits, "mount -t tracefs");
  expect(
      "cgroup", [](Machine& m) { m.cgroup_version = 0; }, limits, "mount");
  expect(
      "namespaces", [](Machine& m) { m.sees_all_pids = false; }, prevents, "hostPID");
}

TEST(Checks, LeaveAloneWhatDoesNoHarm) {
  const auto nothing = Verdict::ok;
  expect(
      "kernel", [](Machine& m) { m.kernel = "5.15.0-91-generic"; }, nothing, "");
  expect(
      "kernel", [](Machine& m) { m.kernel = "10.0"; }, nothing, "");
  expect(
      "lockdown", [](Machine& m) { m.lockdown = "integrity"; }, nothing, "");
  expect(
      "lockdown", [](Machine& m) { m.lockdown.reset(); }, nothing, "");
  expect(
      "perf_event_paranoid", [](Machine& m) { m.perf_event_paranoid = 4; }, nothing, "");
  expect(
      "namespaces", [](Machine& m) { m.sees_all_cgroups = false; }, nothing, "");
  expect(
      "namespaces", [](Machine& m) { m.sees_all_pids.reset(); }, nothing, "");
}

TEST(Checks, OfHooksNameTheOneThatIsUsed) {
  const auto checks =
      check_hooks({{"fentry", "", false}, {"tp_btf", "", false}, {"kprobe", "", true}});
  ASSERT_EQ(checks.size(), 4u);
  for (const Check& check : checks) EXPECT_EQ(check.verdict, Verdict::ok) << check.name;
  EXPECT_THAT(checks[2].finding, HasSubstr("only used on demand"));
  EXPECT_THAT(checks[3].finding, HasSubstr("fentry"));
}

TEST(Checks, OfHooksOnlyThoseThatWouldBeUsedAreMissed) {
  const auto checks = check_hooks({{"fentry", "not permitted", false},
                                   {"tracepoint", "", false},
                                   {"tp_btf", "refused", false},
                                   {"kprobe", "no kprobes", true}});
  ASSERT_EQ(checks.size(), 5u);
  EXPECT_EQ(checks[0].verdict, Verdict::limits);
  EXPECT_EQ(checks[0].finding, "not permitted");
  EXPECT_THAT(checks[0].fix, HasSubstr("every process pays"));
  for (int i = 1; i < 5; ++i) EXPECT_EQ(checks[i].verdict, Verdict::ok) << checks[i].name;
  EXPECT_EQ(checks[2].finding, "refused");
  EXPECT_THAT(checks[3].finding, HasSubstr("no kprobes"));
  EXPECT_THAT(checks[4].finding, HasSubstr("tracepoint"));
}

TEST(Checks, OfHooksFailWhereNoneWorks) {
  const auto checks = check_hooks(
      {{"tracepoint", "refused", false}, {"tp_btf", "refused", false}, {"kprobe", "", true}});
  EXPECT_EQ(checks.back().verdict, Verdict::prevents);
  EXPECT_NE(checks.back().fix, "");
}

}  // namespace
}  // namespace loopstall::doctor
