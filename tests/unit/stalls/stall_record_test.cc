// SPDX-License-Identifier: Apache-2.0
#include "stalls/stall_record.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

namespace loopstall::stalls {
namespace {

StallRecord record() {
  StallRecord record;
  record.id = "k3f9a2";
  record.phase = "serving";
  record.start_wall_ns = 1'795'377'600'000'000'042;
  record.start_monotonic_ns = 123;
  record.duration_ns = 123'456'789;
  record.pid = 10;
  record.tid = 11;
  record.labels = {"app.main:app", "uvloop", "prod", "shop-1", "web"};
  record.cause = Cause::network;
  record.cause_ns[index(Cause::cpu)] = 3'456'789;
  record.cause_ns[index(Cause::network)] = 120'000'000;
  record.syscalls = {{"recvfrom", "socket", 120'000'000, 2}};
  record.coroutines = {1, 2, 120'000'000};
  record.delayed_events = 3;
  record.harm_ns = 185'185'184;
  StallHold hold;
  hold.function = "save_log";
  hold.entry = "upload";
  hold.leaf = "SocketIO.readinto";
  hold.file = "app/log.py";
  hold.path = "/srv/app/log.py";
  hold.line = 12;
  hold.why = "local_directory";
  hold.cause = Cause::network;
  hold.syscall = "recvfrom";
  hold.hold_ns = 120'000'000;
  hold.coroutines = {1, 2, 120'000'000};
  hold.advice = "Use httpx.";
  hold.stack.frames = {{"SocketIO.readinto", "socket.py", "/usr/lib/python3.11/socket.py", 706,
                        stacks::Origin::stdlib},
                       {"save_log", "app/log.py", "/srv/app/log.py", 12,
                        stacks::Origin::application, false, stacks::FrameKind::coroutine}};
  hold.stack.frames[0].ownership = stacks::Ownership::stdlib_folder;
  hold.stack.frames[1].ownership = stacks::Ownership::local_directory;
  record.holds = {hold};
  return record;
}

// The example of docs/stall-record.md.
TEST(StallRecord, WritesVersionOne) {
  EXPECT_EQ(
      to_json(record()),
      R"({"version":1,"id":"k3f9a2","phase":"serving","start":"2026-11-22T20:00:00.000000042Z",)"
      R"("start_monotonic_ns":123,"duration_seconds":0.123456789,"at_least":false,"pid":10,)"
      R"("tid":11,"process":"app.main:app","runtime":"uvloop","namespace":"prod","pod":"shop-1",)"
      R"("container":"web","cause":"network","causes":{"cpu":0.003456789,"network":0.12},)"
      R"("syscalls":[{"syscall":"recvfrom","fd_kind":"socket","blocked_seconds":0.12,"waits":2}],)"
      R"("coroutines":{"seen":1,"samples":2,"longest_seconds":0.12},"delayed_events":3,"harm_seconds":0.185185184,)"
      R"("holds":[{"function":"save_log","entry":"upload",)"
      R"("leaf":"SocketIO.readinto","file":"app/log.py","path":"/srv/app/log.py","line":12,)"
      R"("why":"local_directory","cause":"network","syscall":"recvfrom","seconds":0.12,)"
      R"("coroutines":{"seen":1,"samples":2,"longest_seconds":0.12},"advice":"Use httpx.",)"
      R"("stack_truncated":false,"stack":[{"function":"SocketIO.readinto","file":"socket.py",)"
      R"("path":"/usr/lib/python3.11/socket.py","line":706,"origin":"stdlib","why":"stdlib_folder",)"
      R"("kind":"function"},)"
      R"({"function":"save_log","file":"app/log.py","path":"/srv/app/log.py","line":12,)"
      R"("origin":"application","why":"local_directory","kind":"coroutine"}]}],"advice":"Use httpx."})");
}

TEST(StallRecord, IsWholeWithoutHolds) {
  StallRecord empty;
  const auto json = nlohmann::json::parse(to_json(empty));
  EXPECT_EQ(json["start"], "1970-01-01T00:00:00.000000000Z");
  EXPECT_TRUE(json["holds"].is_array());
  EXPECT_TRUE(json["syscalls"].is_array());
  EXPECT_TRUE(json["causes"].is_object());
  EXPECT_TRUE(json["causes"].empty());
  EXPECT_EQ(json["advice"], "");
}

TEST(StallRecord, KeepsHostileWordsInsideTheirStrings) {
  StallRecord hostile = record();
  hostile.holds[0].function = "a\"b\\c\n\x01\xFF\xC3";
  hostile.labels.process = std::string("x\0y", 3);
  hostile.holds[0].stack.frames[0].path = "\xED\xA0\x80";
  const std::string line = to_json(hostile);
  EXPECT_EQ(line.find('\n'), std::string::npos);
  const auto json = nlohmann::json::parse(line);
  EXPECT_EQ(json["holds"][0]["function"], "a\"b\\c\n\x01\xEF\xBF\xBD\xEF\xBF\xBD");
  EXPECT_EQ(json["process"], std::string("x\0y", 3));
}

TEST(StallRecord, LeavesNoNanosecondOut) {
  StallRecord exact;
  exact.duration_ns = 3'600'000'000'001;
  EXPECT_EQ(nlohmann::json::parse(to_json(exact))["duration_seconds"].get<double>(),
            3600.000000001);
}

}  // namespace
}  // namespace loopstall::stalls
