// SPDX-License-Identifier: Apache-2.0
#include "doctor/report.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <nlohmann/json.hpp>

namespace loopstall::doctor {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

session::Inspected inspected(uint32_t pid, stacks::PythonRefusal refusal) {
  session::Inspected inspected;
  inspected.pid = pid;
  inspected.target = tl::unexpected(refusal);
  return inspected;
}

session::Inspected measurable(uint32_t pid, std::vector<uint32_t> loop_threads) {
  auto target = std::make_shared<session::Target>();
  target->runtime = "cpython3.12";
  target->labels.process = "shop:app";
  session::Inspected inspected;
  inspected.pid = pid;
  inspected.target = session::TargetPtr(target);
  for (const uint32_t tid : loop_threads) {
    session::SightedLoop loop;
    loop.tid = tid;
    loop.kind = loops::RuntimeKind::asyncio;
    inspected.loops.push_back(loop);
  }
  return inspected;
}

Report report() {
  Report report;
  report.checks = {{"btf", Verdict::ok, "/sys/kernel/btf/vmlinux", ""},
                   {"tracefs", Verdict::limits, "not there", "mount it"}};
  report.processes.pythons = {
      describe(measurable(4711, {4711, 4720}), ""), describe(measurable(12, {}), ""),
      describe(inspected(99, stacks::PythonRefusal::free_threaded), "evil\x1b[2J\xff")};
  report.processes.others = 41;
  return report;
}

TEST(Report, ForPeople) {
  EXPECT_EQ(
      to_text(report()),
      "ok       btf                  /sys/kernel/btf/vmlinux\n"
      "limits   tracefs              not there\n"
      "         fix: mount it\n"
      "\n"
      "pid 4711 cpython3.12 shop:app: asyncio loop on tid 4711, asyncio loop on tid 4720, "
      "measured\n"
      "pid 12 cpython3.12 shop:app: no event loop seen; one that begins is found at its first "
      "wait\n"
      "pid 99 evil?[2J\ufffd: not measured (free_threaded): it is a build without the GIL, "
      "which is not supported; use the build with it\n"
      "41 other processes have no Python\n");
}

TEST(Report, SaysNotThatALoopIsMeasuredWhereNothingIs) {
  Report broken = report();
  EXPECT_EQ(broken.problems(), 0u);
  broken.checks.push_back({"capabilities", Verdict::prevents, "CAP_BPF missing", "grant it"});
  EXPECT_EQ(broken.problems(), 1u);
  EXPECT_THAT(to_text(broken), HasSubstr("tid 4720, not measured: see above"));
  EXPECT_THAT(to_text(broken), Not(HasSubstr(", measured\n")));
}

TEST(Report, ForPrograms) {
  const auto json = nlohmann::json::parse(to_json(report()));
  EXPECT_EQ(json["checks"][1], (nlohmann::json{{"name", "tracefs"},
                                               {"verdict", "limits"},
                                               {"finding", "not there"},
                                               {"fix", "mount it"}}));
  EXPECT_EQ(json["processes"][0]["state"], "measured");
  EXPECT_EQ(json["processes"][0]["loops"][1]["tid"], 4720);
  EXPECT_EQ(json["processes"][1]["state"], "no_loop");
  EXPECT_EQ(json["processes"][2]["state"], "free_threaded");
  EXPECT_EQ(json["other_processes"], 41);
}

TEST(Report, ExplainsEveryRefusal) {
  using Refusal = stacks::PythonRefusal;
  for (auto i = static_cast<int>(Refusal::process_gone);
       i <= static_cast<int>(Refusal::self_check_failed); ++i) {
    const std::string token(stacks::token(static_cast<Refusal>(i)));
    EXPECT_NE(explain(token), token);
  }
  EXPECT_EQ(explain("odd"), "odd");
}

}  // namespace
}  // namespace loopstall::doctor
