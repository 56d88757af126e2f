// SPDX-License-Identifier: Apache-2.0
#include "config/allow_list.h"

#include <yaml-cpp/yaml.h>

#include <regex>
#include <utility>

#include "config/yaml_entries.h"

namespace loopstall::config {
namespace {

using base::ErrorKind;
using base::fail;
using base::Result;

/// Whether it is a day of the calendar, as months go.
bool is_day(const std::string& text) {
  static const std::regex kForm(R"(\d{4}-(0[1-9]|1[0-2])-(0[1-9]|[12]\d|3[01]))");
  return std::regex_match(text, kForm);
}

Result<void> put(const std::string& key, const YAML::Node& value, Allowance& allowance) {
  auto text = scalar(key, value);
  if (!text) return tl::unexpected(text.error());
  if (key == "function") {
    allowance.function = std::move(*text);
  } else if (key == "file") {
    allowance.file = std::move(*text);
  } else if (key == "reason") {
    allowance.reason = std::move(*text);
  } else if (key == "expires") {
    allowance.expires = std::move(*text);
  } else {
    return fail(ErrorKind::usage, "there is no key {}; it has function, file, reason and expires",
                key);
  }
  return {};
}

Result<void> check(const Allowance& allowance) {
  if (allowance.function.empty() || allowance.reason.empty()) {
    return fail(ErrorKind::usage, "an entry needs a function and a reason");
  }
  if (!is_day(allowance.expires)) {
    return fail(ErrorKind::usage, "an entry needs the last day that it holds, expires: YYYY-MM-DD");
  }
  return {};
}

}  // namespace

Result<std::vector<Allowance>> read_allow_list(const std::string& text) {
  std::vector<Allowance> allowed;
  Allowance allowance;
  const auto take = [&](const std::string& key, const YAML::Node& value) {
    return put(key, value, allowance);
  };
  const auto end = [&](int) {
    auto checked = check(allowance);
    if (checked) allowed.push_back(std::exchange(allowance, {}));
    return checked;
  };
  if (auto read = read_entries(text, "allow", take, end); !read) {
    return tl::unexpected(read.error());
  }
  return allowed;
}

}  // namespace loopstall::config
