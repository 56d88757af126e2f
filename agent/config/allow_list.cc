// SPDX-License-Identifier: Apache-2.0
#include "config/allow_list.h"

#include <yaml-cpp/yaml.h>

#include <regex>

namespace loopstall::config {
namespace {

using base::ErrorKind;
using base::fail;
using base::Result;

int line_of(const YAML::Node& node) { return node.Mark().line + 1; }

/// Whether it is a day of the calendar, as months go.
bool is_day(const std::string& text) {
  static const std::regex kForm(R"(\d{4}-(0[1-9]|1[0-2])-(0[1-9]|[12]\d|3[01]))");
  return std::regex_match(text, kForm);
}

Result<void> put(const std::string& key, const YAML::Node& value, Allowance& allowance) {
  if (!value.IsScalar())
    return fail(ErrorKind::usage, "line {}: {} needs a text", line_of(value), key);
  if (key == "function") {
    allowance.function = value.Scalar();
  } else if (key == "file") {
    allowance.file = value.Scalar();
  } else if (key == "reason") {
    allowance.reason = value.Scalar();
  } else if (key == "expires") {
    allowance.expires = value.Scalar();
  } else {
    return fail(ErrorKind::usage,
                "line {}: there is no key {}; it has function, file, reason and expires",
                line_of(value), key);
  }
  return {};
}

Result<Allowance> read_allowance(const YAML::Node& node) {
  if (!node.IsMap()) {
    return fail(ErrorKind::usage, "line {}: an entry has function, reason and expires",
                line_of(node));
  }
  Allowance allowance;
  for (const auto& member : node) {
    if (auto done = put(member.first.Scalar(), member.second, allowance); !done) {
      return tl::unexpected(done.error());
    }
  }
  if (allowance.function.empty() || allowance.reason.empty()) {
    return fail(ErrorKind::usage, "line {}: an entry needs a function and a reason", line_of(node));
  }
  if (!is_day(allowance.expires)) {
    return fail(ErrorKind::usage,
                "line {}: an entry needs the last day that it holds, expires: YYYY-MM-DD",
                line_of(node));
  }
  return allowance;
}

}  // namespace

Result<std::vector<Allowance>> read_allow_list(const std::string& text) {
  std::vector<Allowance> allowed;
  try {
    const YAML::Node root = YAML::Load(text);
    const bool has_list =
        root.IsMap() && root.size() == 1 && root["allow"] && root["allow"].IsSequence();
    if (!has_list) return fail(ErrorKind::usage, "it needs one key, allow, with a list");
    for (const YAML::Node& node : root["allow"]) {
      auto allowance = read_allowance(node);
      if (!allowance) return tl::unexpected(allowance.error());
      allowed.push_back(std::move(*allowance));
    }
  } catch (const YAML::Exception& error) {
    return fail(ErrorKind::usage, "line {}: {}", error.mark.line + 1, error.msg);
  }
  return allowed;
}

}  // namespace loopstall::config
