// SPDX-License-Identifier: Apache-2.0
#include "cli/check_words.h"

#include <CLI/CLI.hpp>
#include <optional>
#include <string_view>
#include <utility>

#include "base/log.h"
#include "check/blocked_limit.h"
#include "cli/service_words.h"
#include "config/values.h"

namespace loopstall::cli {
namespace {

using base::ErrorKind;
using base::fail;
using base::Result;

constexpr config::DurationBounds kMaxHold = {1'000'000, 3'600'000'000'000, "100ms"};

Result<check::Criteria> read_criteria(const CheckWords& words) {
  check::Criteria criteria;
  criteria.all_causes = words.all_causes;
  if (!words.max_occupancy.empty()) {
    const auto occupancy = config::percent_value("--max-occupancy", words.max_occupancy);
    if (!occupancy) return tl::unexpected(occupancy.error());
    criteria.max_occupancy = *occupancy;
  }
  if (!words.max_hold.empty()) {
    const auto hold = config::duration_value("--max-hold", words.max_hold, kMaxHold);
    if (!hold) return tl::unexpected(hold.error());
    criteria.max_hold_ns = *hold;
  }
  for (const std::string& text : words.max_blocked) {
    const auto limit = check::parse_blocked_limit(text);
    if (!limit) {
      return fail(ErrorKind::usage,
                  "--max-blocked needs a cause and milliseconds in 1,000 turns, such as "
                  "network=20, not {}",
                  base::quoted(text));
    }
    criteria.max_blocked_ms[limit->first] = limit->second;
  }
  return criteria;
}

Result<check::Format> read_format(const std::string& name) {
  if (name.empty()) return check::Format::text;
  const auto format = check::format_of(name);
  if (format) return *format;
  return fail(ErrorKind::usage, "--format must be text, json, junit or sarif, not {}",
              base::quoted(name));
}

}  // namespace

void declare_check(CLI::App& command, CheckWords& words) {
  command.footer(
      "The service is one that runs (-p PID) or a command: loopstall check [OPTIONS] -- COMMAND");
  command
      .add_option(
          "--load", words.load,
          "A shell command that puts load on the service once it serves; its end ends the check")
      ->type_name("COMMAND");
  command.add_option("-d,--duration", words.duration, "For how long to measure [default: 60s]")
      ->type_name("DURATION");
  command
      .add_option("--max-occupancy", words.max_occupancy,
                  "Of the loops' time that one function may keep them waiting [default: 5%]")
      ->type_name("PERCENT");
  command
      .add_option("--max-hold", words.max_hold,
                  "For how long one function may hold a loop at a time [default: 100ms]")
      ->type_name("DURATION");
  command
      .add_option("--max-blocked", words.max_blocked,
                  "How long the loops may wait for a cause in 1,000 turns; may be given again")
      ->type_name("CAUSE=MS");
  command.add_flag("--all-causes", words.all_causes,
                   "Judge occupancy by computing too, which grows with the load");
  command
      .add_option("--baseline", words.baseline,
                  "A report (--format json) whose findings are known and pass")
      ->type_name("PATH");
  command
      .add_option("--allow", words.allow,
                  "A YAML file of functions that are allowed, with reason and expiry")
      ->type_name("PATH");
  command.add_option("-f,--format", words.format, "text, json, junit or sarif [default: text]")
      ->type_name("FORMAT");
  command.add_option("-o,--output", words.output, "Write the report here")->type_name("PATH");
}

Result<CheckRequest> read_check(const CheckWords& words, const std::vector<std::string>& service,
                                config::Config config) {
  CheckRequest request;
  auto criteria = read_criteria(words);
  if (!criteria) return tl::unexpected(criteria.error());
  request.criteria = std::move(*criteria);
  const auto format = read_format(words.format);
  if (!format) return tl::unexpected(format.error());
  request.format = *format;
  const auto duration = read_duration(words.duration, request.duration_ns);
  if (!duration) return tl::unexpected(duration.error());
  request.duration_ns = *duration;
  if (auto one = check_one_service("check", service, config); !one) {
    return tl::unexpected(one.error());
  }
  request.command = service;
  request.load = words.load;
  request.baseline = words.baseline;
  request.allow = words.allow;
  request.output = words.output;
  request.config = std::move(config);
  return request;
}

}  // namespace loopstall::cli
