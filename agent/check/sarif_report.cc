// SPDX-License-Identifier: Apache-2.0
#include <array>

#include "check/formats.h"
#include "exposition/build_info.h"
#include "exposition/json_values.h"

namespace loopstall::check {
namespace {

using exposition::Json;

struct RuleText {
  Rule rule;
  const char* name;
  const char* description;
  const char* meaning;
  const char* help;
};

constexpr std::array<RuleText, 3> kRules = {{
    {Rule::occupancy, "LoopOccupancy",
     "One function keeps an event loop waiting for too much of its time.",
     "While the function waits for something else than the loop's own events, no coroutine of that "
     "thread goes on. Its share of the loop's time is above the limit (--max-occupancy).",
     "Await an asynchronous counterpart of the call, or put it into a thread with "
     "asyncio.to_thread()."},
    {Rule::hold, "LongHold", "One function holds an event loop for too long at a time.",
     "All coroutines of that thread were late by at least this long (--max-hold).",
     "Await an asynchronous counterpart of the call, put it into a thread, or, where it computes, "
     "into a process."},
    {Rule::blocked, "BlockedTime", "An event loop waits too much for one cause.",
     "In a thousand turns of the loop more time was spent waiting for that cause than is allowed "
     "(--max-blocked).",
     "See which functions wait for it with loopstall top, and await them or put them into a "
     "thread."},
}};

Json rules_json() {
  Json rules = Json::array();
  for (const RuleText& text : kRules) {
    rules.push_back({{"id", rule_name(text.rule)},
                     {"name", text.name},
                     {"shortDescription", {{"text", text.description}}},
                     {"fullDescription", {{"text", text.meaning}}},
                     {"help", {{"text", text.help}}},
                     {"defaultConfiguration", {{"level", "error"}}}});
  }
  return rules;
}

Json location_json(const Finding& finding, const std::string& uri) {
  Json physical = {{"artifactLocation", {{"uri", uri}, {"uriBaseId", "%SRCROOT%"}}}};
  if (finding.line > 0) physical["region"] = {{"startLine", finding.line}};
  return {{"physicalLocation", std::move(physical)},
          {"logicalLocations",
           Json::array({{{"fullyQualifiedName", finding.function}, {"kind", "function"}}})}};
}

Json result_json(const Finding& finding, const Locate& locate) {
  std::string message = sentence_of(finding) + ".";
  if (!finding.advice.empty()) message += " " + finding.advice;
  const auto rule = static_cast<std::size_t>(finding.rule);
  Json result = {
      {"ruleId", rule_name(finding.rule)},
      {"ruleIndex", rule},
      {"level", finding.standing == Standing::fails ? "error" : "note"},
      {"message", {{"text", std::move(message)}}},
      {"partialFingerprints", {{"loopstall/v1", finding.function + "|" + finding.file}}}};
  const std::string uri = locate(finding);
  if (!uri.empty()) result["locations"] = Json::array({location_json(finding, uri)});
  if (finding.standing != Standing::fails) {
    result["suppressions"] =
        Json::array({{{"kind", "external"},
                      {"justification", finding.standing == Standing::known ? "the baseline has it"
                                                                            : finding.excuse}}});
  }
  return result;
}

}  // namespace

std::string to_sarif(const Judgement& judgement, const Criteria&, const Locate& locate) {
  Json results = Json::array();
  for (const Finding& finding : judgement.findings) results.push_back(result_json(finding, locate));
  const Json driver = {{"name", "loopstall"},
                       {"semanticVersion", exposition::this_build().version},
                       {"rules", rules_json()}};
  const Json json = {
      {"$schema", "https://json.schemastore.org/sarif-2.1.0.json"},
      {"version", "2.1.0"},
      {"runs",
       Json::array({{{"tool", {{"driver", driver}}},
                     {"invocations", Json::array({{{"executionSuccessful",
                                                    verdict_of(judgement) != "unjudged"}}})},
                     {"results", std::move(results)}}})}};
  return exposition::dump(json, 2) + "\n";
}

}  // namespace loopstall::check
