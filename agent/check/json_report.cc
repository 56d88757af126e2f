// SPDX-License-Identifier: Apache-2.0
#include "check/formats.h"
#include "exposition/json_values.h"

namespace loopstall::check {
namespace {

using exposition::Json;
using exposition::seconds;

constexpr int kVersion = 1;

Json finding_json(const Finding& finding, const Locate& locate) {
  return {{"rule", rule_name(finding.rule)},
          {"standing", standing_name(finding.standing)},
          {"function", finding.function},
          {"file", finding.file},
          {"line", finding.line},
          {"location", locate(finding)},
          {"entry", finding.entry},
          {"cause", stalls::cause_name(finding.cause)},
          {"value", finding.value},
          {"limit", finding.limit},
          {"message", sentence_of(finding)},
          {"excuse", finding.excuse},
          {"advice", finding.advice},
          {"labels", exposition::labels_json(finding.labels)}};
}

Json criteria_json(const Criteria& criteria) {
  Json blocked = Json::object();
  for (const auto& [cause, limit] : criteria.max_blocked_ms) {
    blocked[std::string(stalls::cause_name(cause))] = limit;
  }
  return {{"max_occupancy", criteria.max_occupancy},
          {"all_causes", criteria.all_causes},
          {"max_hold_seconds", seconds(criteria.max_hold_ns)},
          {"max_blocked_ms_per_1000_turns", std::move(blocked)}};
}

}  // namespace

std::string to_json(const Judgement& judgement, const Criteria& criteria, const Locate& locate) {
  Json json = {{"version", kVersion},
               {"verdict", verdict_of(judgement)},
               {"seconds", seconds(judgement.window_ns)},
               {"turns", judgement.turns},
               {"utilization", judgement.utilization},
               {"criteria", criteria_json(criteria)},
               {"findings", Json::array()},
               {"functions", Json::array()}};
  for (const Finding& finding : judgement.findings) {
    json["findings"].push_back(finding_json(finding, locate));
  }
  for (const JudgedFunction& judged : judgement.functions) {
    json["functions"].push_back({{"function", judged.function},
                                 {"file", judged.file},
                                 {"occupancy", judged.occupancy},
                                 {"longest_hold_seconds", seconds(judged.longest_ns)},
                                 {"process", judged.labels.process}});
  }
  return exposition::dump(json, 2) + "\n";
}

}  // namespace loopstall::check
