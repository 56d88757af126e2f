// SPDX-License-Identifier: Apache-2.0
#include "check/judgement.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <optional>
#include <utility>

#include "base/proportion.h"
#include "stalls/snapshot_change.h"

namespace loopstall::check {
namespace {

using base::grown;
using stalls::Cause;
using stalls::FunctionSeries;
using stalls::ServiceSnapshot;

// A service that was asked less than this, and did less, was not tried.
constexpr uint64_t kMinReadyEvents = 20;
constexpr double kMinUtilization = 0.01;

constexpr std::array<std::string_view, 3> kRules = {"loop-occupancy", "long-hold", "blocked-time"};
constexpr std::array<std::string_view, 3> kStandings = {"fails", "known", "allowed"};

/// What one function did between the snapshots by one cause.
struct Part {
  const FunctionSeries* series = nullptr;  // of the later one
  uint64_t busy_ns = 0;
};

/// One function of one service.
using Suspect = std::vector<Part>;
using Suspects = std::map<std::pair<std::string, std::string>, Suspect>;

bool is_reserved(const std::string& function) { return function.starts_with('~'); }

Suspects suspects_of(const ServiceSnapshot& before, const ServiceSnapshot& after) {
  const stalls::SeriesIndex series_before(before);
  Suspects suspects;
  for (const FunctionSeries& series : after.functions) {
    suspects[{series.function, series.file}].push_back(
        {&series, grown(series.busy_ns, series_before.same_as(series).busy_ns)});
  }
  return suspects;
}

/// Everything that is needed to judge one service.
struct Hearing {
  const Criteria& criteria;
  const ServiceSnapshot& service;
  Suspects suspects;
  stalls::ServiceChange change;
};

bool is_judged(const Criteria& criteria, Cause cause) {
  return stalls::cause_is_blocking(cause) ||
         (criteria.all_causes && !stalls::cause_is_machines(cause));
}

Finding finding_of(Rule rule, const Hearing& hearing, const FunctionSeries& series) {
  Finding finding;
  finding.rule = rule;
  finding.labels = hearing.service.labels;
  finding.function = series.function;
  finding.file = series.file;
  finding.path = series.path;
  finding.line = series.line;
  finding.entry = series.entry;
  finding.cause = series.cause;
  finding.advice = series.advice;
  return finding;
}

uint64_t judged_ns(const Hearing& hearing, const Suspect& suspect) {
  uint64_t ns = 0;
  for (const Part& part : suspect) {
    if (is_judged(hearing.criteria, part.series->cause)) ns += part.busy_ns;
  }
  return ns;
}

/// The part by the judged cause that took most.
const FunctionSeries& worst_part(const Hearing& hearing, const Suspect& suspect) {
  const auto weight = [&](const Part& part) {
    return std::pair(is_judged(hearing.criteria, part.series->cause), part.busy_ns);
  };
  return *std::max_element(suspect.begin(), suspect.end(), [&](const Part& one, const Part& other) {
            return weight(one) < weight(other);
          })->series;
}

/// The series with its longest hold, what the machine took left out; null without any.
const FunctionSeries* longest_hold(const Suspect& suspect) {
  const FunctionSeries* longest = nullptr;
  for (const Part& part : suspect) {
    if (stalls::cause_is_machines(part.series->cause) || part.series->longest_ns == 0) continue;
    if (longest == nullptr || part.series->longest_ns > longest->longest_ns) longest = part.series;
  }
  return longest;
}

std::optional<Finding> occupancy_of(const Hearing& hearing, const Suspect& suspect) {
  const double occupancy = base::share(judged_ns(hearing, suspect), hearing.change.life_ns);
  if (occupancy <= hearing.criteria.max_occupancy) return std::nullopt;
  Finding finding = finding_of(Rule::occupancy, hearing, worst_part(hearing, suspect));
  finding.value = occupancy;
  finding.limit = hearing.criteria.max_occupancy;
  return finding;
}

std::optional<Finding> hold_of(const Hearing& hearing, const Suspect& suspect) {
  const FunctionSeries* longest = longest_hold(suspect);
  if (longest == nullptr || longest->longest_ns <= hearing.criteria.max_hold_ns) {
    return std::nullopt;
  }
  Finding finding = finding_of(Rule::hold, hearing, *longest);
  finding.value = static_cast<double>(longest->longest_ns) / 1e9;
  finding.limit = static_cast<double>(hearing.criteria.max_hold_ns) / 1e9;
  return finding;
}

/// The function that took most of the cause.
const FunctionSeries* worst_of(const Hearing& hearing, Cause cause) {
  Part worst;
  for (const auto& [function, suspect] : hearing.suspects) {
    for (const Part& part : suspect) {
      const bool is_worse = worst.series == nullptr || part.busy_ns > worst.busy_ns;
      if (part.series->cause == cause && is_worse) worst = part;
    }
  }
  return worst.series;
}

std::optional<Finding> blocked_by(const Hearing& hearing, Cause cause, double limit_ms) {
  const auto blocked_ms = static_cast<double>(hearing.change.busy_ns[stalls::index(cause)]) / 1e6;
  const double value =
      hearing.change.turns == 0 ? 0 : blocked_ms * 1000 / static_cast<double>(hearing.change.turns);
  const FunctionSeries* worst = worst_of(hearing, cause);
  if (value <= limit_ms || worst == nullptr) return std::nullopt;
  Finding finding = finding_of(Rule::blocked, hearing, *worst);
  finding.value = value;
  finding.limit = limit_ms;
  return finding;
}

void hear(const Hearing& hearing, Judgement& judgement) {
  const auto keep = [&](std::optional<Finding>&& finding) {
    if (finding) judgement.findings.push_back(std::move(*finding));
  };
  for (const auto& [function, suspect] : hearing.suspects) {
    if (is_reserved(function.first)) continue;
    const FunctionSeries* longest = longest_hold(suspect);
    judgement.functions.push_back({hearing.service.labels, function.first, function.second,
                                   base::share(judged_ns(hearing, suspect), hearing.change.life_ns),
                                   longest == nullptr ? 0 : longest->longest_ns});
    keep(occupancy_of(hearing, suspect));
    keep(hold_of(hearing, suspect));
  }
  for (const auto& [cause, limit_ms] : hearing.criteria.max_blocked_ms) {
    keep(blocked_by(hearing, cause, limit_ms));
  }
}

/// How many times the limit.
double excess(const Finding& finding) {
  return finding.limit > 0 ? finding.value / finding.limit : finding.value * 1e9;
}

}  // namespace

std::string_view rule_name(Rule rule) { return kRules.at(static_cast<std::size_t>(rule)); }

std::string_view standing_name(Standing standing) {
  return kStandings.at(static_cast<std::size_t>(standing));
}

std::string sentence_of(const Finding& finding) {
  const std::string_view cause = stalls::cause_name(finding.cause);
  switch (finding.rule) {
    case Rule::occupancy:
      return fmt::format(
          "{} held the event loop for {:.1f} % of its time, at most {:.1f} % is accepted ({})",
          finding.function, 100 * finding.value, 100 * finding.limit, cause);
    case Rule::hold:
      return fmt::format(
          "{} held the event loop for {:.0f} ms at a time, at most {:.0f} ms is accepted ({})",
          finding.function, 1000 * finding.value, 1000 * finding.limit, cause);
    case Rule::blocked:
      return fmt::format(
          "the event loop waited {:.0f} ms in 1,000 turns for {}, at most {:.0f} ms is accepted; "
          "{} most of it",
          finding.value, cause, finding.limit, finding.function);
  }
  return {};
}

bool Judgement::fails() const {
  return std::any_of(findings.begin(), findings.end(),
                     [](const Finding& finding) { return finding.standing == Standing::fails; });
}

bool Judgement::is_idle() const {
  return ready_events < kMinReadyEvents && utilization < kMinUtilization;
}

Judgement judge(const stalls::Snapshot& before, const stalls::Snapshot& after,
                const Criteria& criteria) {
  Judgement judgement;
  judgement.window_ns = grown(after.monotonic_ns, before.monotonic_ns);
  uint64_t busy_ns = 0;
  uint64_t life_ns = 0;
  for (const ServiceSnapshot& service : after.services) {
    const ServiceSnapshot& was = stalls::service_of(before, service.labels);
    const Hearing hearing{criteria, service, suspects_of(was, service),
                          stalls::change_between(was, service)};
    busy_ns += stalls::sum(hearing.change.busy_ns);
    life_ns += hearing.change.life_ns;
    judgement.turns += hearing.change.turns;
    judgement.ready_events += grown(service.ready_events, was.ready_events);
    hear(hearing, judgement);
  }
  judgement.utilization = base::share(busy_ns, life_ns);
  std::stable_sort(
      judgement.findings.begin(), judgement.findings.end(),
      [](const Finding& one, const Finding& other) { return excess(one) > excess(other); });
  return judgement;
}

}  // namespace loopstall::check
