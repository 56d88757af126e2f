// SPDX-License-Identifier: Apache-2.0
#include "doctor/report.h"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>

namespace loopstall::doctor {
namespace {

using Json = nlohmann::ordered_json;

const char* word(Verdict verdict) {
  switch (verdict) {
    case Verdict::ok:
      return "ok";
    case Verdict::limits:
      return "limits";
    case Verdict::prevents:
      return "prevents";
  }
  return "";
}

std::string line_of(const Check& check) {
  std::string line =
      fmt::format("{:<9}{:<20} {}\n", word(check.verdict), check.name, check.finding);
  if (!check.fix.empty()) line += fmt::format("{:<9}fix: {}\n", "", check.fix);
  return line;
}

/// As `loopstall_targets` has it.
std::string state_of(const ProcessFinding& process) {
  if (!process.refusal.empty()) return process.refusal;
  return process.loops.empty() ? "no_loop" : "measured";
}

std::string verdict_on(const ProcessFinding& process, bool is_prevented) {
  if (!process.refusal.empty()) {
    return fmt::format("not measured ({}): {}", process.refusal, explain(process.refusal));
  }
  if (process.loops.empty())
    return "no event loop seen; one that begins is found at its first wait";
  std::string loops;
  for (const LoopFinding& loop : process.loops) {
    loops += fmt::format("{}{} loop on tid {}", loops.empty() ? "" : ", ", loop.runtime, loop.tid);
  }
  return loops + (is_prevented ? ", not measured: see above" : ", measured");
}

Json to_object(const Check& check) {
  return {{"name", check.name},
          {"verdict", word(check.verdict)},
          {"finding", check.finding},
          {"fix", check.fix}};
}

Json to_object(const ProcessFinding& process) {
  Json loops = Json::array();
  for (const LoopFinding& loop : process.loops) {
    loops.push_back({{"tid", loop.tid}, {"runtime", loop.runtime}});
  }
  return {{"pid", process.pid},
          {"process", process.name},
          {"python", process.python},
          {"state", state_of(process)},
          {"loops", loops},
          {"explanation", process.refusal.empty() ? "" : explain(process.refusal)}};
}

template <typename Parts>
Json array_of(const Parts& parts) {
  Json array = Json::array();
  for (const auto& part : parts) array.push_back(to_object(part));
  return array;
}

}  // namespace

std::size_t Report::problems() const {
  return static_cast<std::size_t>(
      std::count_if(checks.begin(), checks.end(),
                    [](const Check& check) { return check.verdict == Verdict::prevents; }));
}

std::string to_text(const Report& report) {
  std::string text;
  for (const Check& check : report.checks) text += line_of(check);
  text += "\n";
  for (const ProcessFinding& process : report.processes.pythons) {
    text += fmt::format("pid {} {}{}{}: {}\n", process.pid, process.python,
                        process.python.empty() ? "" : " ", process.name,
                        verdict_on(process, report.problems() > 0));
  }
  text += fmt::format("{} other processes have no Python\n", report.processes.others);
  return text;
}

std::string to_json(const Report& report) {
  const Json json = {{"checks", array_of(report.checks)},
                     {"processes", array_of(report.processes.pythons)},
                     {"other_processes", report.processes.others}};
  return json.dump(2, ' ', false, Json::error_handler_t::replace) + "\n";
}

}  // namespace loopstall::doctor
