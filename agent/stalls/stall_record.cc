// SPDX-License-Identifier: Apache-2.0
#include "stalls/stall_record.h"

#include <fmt/format.h>

#include <ctime>
#include <nlohmann/json.hpp>
#include <string_view>

#include "stacks/frame.h"

namespace loopstall::stalls {
namespace {

// Keeps the order of docs/stall-record.md, which is made for reading.
using Json = nlohmann::ordered_json;

constexpr uint64_t kNsPerSecond = 1'000'000'000;

double seconds(uint64_t ns) { return static_cast<double>(ns) / static_cast<double>(kNsPerSecond); }

// RFC 3339, UTC, with nanoseconds.
std::string wall_time(uint64_t wall_ns) {
  const auto whole_seconds = static_cast<time_t>(wall_ns / kNsPerSecond);
  std::tm utc{};
  gmtime_r(&whole_seconds, &utc);
  return fmt::format("{:04}-{:02}-{:02}T{:02}:{:02}:{:02}.{:09}Z", utc.tm_year + 1900,
                     utc.tm_mon + 1, utc.tm_mday, utc.tm_hour, utc.tm_min, utc.tm_sec,
                     wall_ns % kNsPerSecond);
}

Json to_object(const stacks::Frame& frame) {
  return {{"function", frame.function},
          {"file", frame.file},
          {"path", frame.path},
          {"line", frame.line},
          {"origin", stacks::origin_name(frame.origin)},
          {"why", stacks::ownership_name(frame.ownership)},
          {"kind", stacks::kind_name(frame.kind)}};
}

Json to_object(const StallSyscall& syscall) {
  return {{"syscall", syscall.name},
          {"fd_kind", syscall.fd_kind},
          {"blocked_seconds", seconds(syscall.blocked_ns)},
          {"waits", syscall.waits}};
}

Json to_object(const Coroutines& coroutines) {
  Json json = {{"seen", coroutines.seen},
               {"samples", coroutines.samples},
               {"longest_seconds", seconds(coroutines.longest_ns)}};
  if (!coroutines.task.empty()) json["task"] = coroutines.task;
  return json;
}

Json to_array(const stacks::Stack& stack) {
  Json frames = Json::array();
  for (const stacks::Frame& frame : stack.frames) frames.push_back(to_object(frame));
  return frames;
}

Json to_object(const StallDeath& death) {
  Json json;
  if (death.signal.empty()) {
    json["exit_status"] = death.status;
  } else {
    json["signal"] = death.signal;
  }
  json["stack_truncated"] = death.stack.truncated;
  json["stack"] = to_array(death.stack);
  return json;
}

Json to_object(const StallHold& hold) {
  return {{"function", hold.function},
          {"entry", hold.entry},
          {"leaf", hold.leaf},
          {"file", hold.file},
          {"path", hold.path},
          {"line", hold.line},
          {"why", hold.why},
          {"cause", cause_name(hold.cause)},
          {"syscall", hold.syscall},
          {"seconds", seconds(hold.hold_ns)},
          {"coroutines", to_object(hold.coroutines)},
          {"advice", hold.advice},
          {"stack_truncated", hold.stack.truncated},
          {"stack", to_array(hold.stack)}};
}

Json causes_of(const ByCause& cause_ns) {
  Json causes = Json::object();
  for (std::size_t i = 0; i < kCauseCount; ++i) {
    if (cause_ns[i] == 0) continue;
    causes[std::string(cause_name(static_cast<Cause>(i)))] = seconds(cause_ns[i]);
  }
  return causes;
}

template <typename Parts>
Json array_of(const Parts& parts) {
  Json array = Json::array();
  for (const auto& part : parts) array.push_back(to_object(part));
  return array;
}

}  // namespace

std::string to_json(const StallRecord& record) {
  Json json;
  json["version"] = 1;
  json["id"] = record.id;
  json["phase"] = record.phase;
  json["start"] = wall_time(record.start_wall_ns);
  json["start_monotonic_ns"] = record.start_monotonic_ns;
  json["duration_seconds"] = seconds(record.duration_ns);
  json["at_least"] = record.at_least;
  json["pid"] = record.pid;
  json["tid"] = record.tid;
  json["process"] = record.labels.process;
  json["runtime"] = record.labels.runtime;
  json["namespace"] = record.labels.namespace_;
  json["pod"] = record.labels.pod;
  json["container"] = record.labels.container;
  json["cause"] = cause_name(record.cause);
  json["causes"] = causes_of(record.cause_ns);
  json["syscalls"] = array_of(record.syscalls);
  json["coroutines"] = to_object(record.coroutines);
  json["delayed_events"] = record.delayed_events;
  json["harm_seconds"] = seconds(record.harm_ns);
  json["holds"] = array_of(record.holds);
  if (record.death) json["death"] = to_object(*record.death);
  json["advice"] = record.holds.empty() ? std::string() : record.holds.front().advice;
  return json.dump(-1, ' ', false, Json::error_handler_t::replace);
}

}  // namespace loopstall::stalls
