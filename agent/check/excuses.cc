// SPDX-License-Identifier: Apache-2.0
#include "check/excuses.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>

namespace loopstall::check {
namespace {

using Json = nlohmann::json;

bool is_for(const config::Allowance& allowance, const Finding& finding) {
  return allowance.function == finding.function &&
         (allowance.file.empty() || allowance.file == finding.file);
}

void apply(const config::Allowance& allowance, const std::string& today, Finding& finding) {
  if (today > allowance.expires) {
    finding.excuse =
        fmt::format("it was allowed until {} ({})", allowance.expires, allowance.reason);
    return;
  }
  finding.standing = Standing::allowed;
  finding.excuse = fmt::format("{}, until {}", allowance.reason, allowance.expires);
}

}  // namespace

FindingId id_of(const Finding& finding) {
  return {std::string(rule_name(finding.rule)), finding.function, finding.file};
}

base::Result<std::set<FindingId>> read_baseline(const std::string& json) {
  std::set<FindingId> known;
  try {
    const Json report = Json::parse(json);
    for (const Json& finding : report.at("findings")) {
      known.emplace(finding.at("rule").get<std::string>(),
                    finding.at("function").get<std::string>(),
                    finding.at("file").get<std::string>());
    }
  } catch (const Json::exception&) {
    return base::fail(base::ErrorKind::usage,
                      "it is no report of loopstall check; make one with --format json");
  }
  return known;
}

void excuse(Judgement& judgement, const std::vector<config::Allowance>& allowed,
            const std::string& today, const std::set<FindingId>& baseline) {
  for (Finding& finding : judgement.findings) {
    for (const config::Allowance& allowance : allowed) {
      if (is_for(allowance, finding)) apply(allowance, today, finding);
      if (finding.standing == Standing::allowed) break;
    }
    const bool is_known = baseline.contains(id_of(finding));
    if (finding.standing == Standing::fails && is_known) finding.standing = Standing::known;
  }
}

}  // namespace loopstall::check
