// SPDX-License-Identifier: Apache-2.0
#include "config/advice_file.h"

#include <yaml-cpp/yaml.h>

#include <utility>

#include "config/yaml_entries.h"

namespace loopstall::config {
namespace {

using base::ErrorKind;
using base::fail;
using base::Result;

constexpr std::size_t kMaxTextBytes = 500;
constexpr std::size_t kMaxEntries = 1'000;

Result<std::vector<std::string>> texts(const std::string& key, const YAML::Node& value) {
  if (!value.IsSequence()) {
    auto one = scalar(key, value);
    if (!one) return tl::unexpected(one.error());
    return std::vector<std::string>{std::move(*one)};
  }
  std::vector<std::string> all;
  for (const YAML::Node& item : value) {
    auto one = scalar(key, item);
    if (!one) return tl::unexpected(one.error());
    all.push_back(std::move(*one));
  }
  return all;
}

Result<void> put(const std::string& key, const YAML::Node& value, AdviceEntry& entry) {
  if (key == "causes") {
    auto causes = texts(key, value);
    if (!causes) return tl::unexpected(causes.error());
    entry.causes = std::move(*causes);
    return {};
  }
  auto text = scalar(key, value);
  if (!text) return tl::unexpected(text.error());
  if (key == "library") {
    entry.library = std::move(*text);
  } else if (key == "function") {
    entry.function = std::move(*text);
  } else if (key == "text") {
    entry.text = std::move(*text);
  } else {
    return fail(ErrorKind::usage, "there is no key {}; it has library, function, causes and text",
                key);
  }
  return {};
}

Result<void> check(const AdviceEntry& entry) {
  if (entry.library.empty() && entry.function.empty()) {
    return fail(ErrorKind::usage, "an entry needs a library or a function");
  }
  if (entry.text.empty() || entry.text.size() > kMaxTextBytes) {
    return fail(ErrorKind::usage, "an entry needs a text of at most {} bytes", kMaxTextBytes);
  }
  return {};
}

}  // namespace

Result<std::vector<AdviceEntry>> read_advice_file(const std::string& text) {
  std::vector<AdviceEntry> all;
  AdviceEntry entry;
  const auto take = [&](const std::string& key, const YAML::Node& value) {
    return put(key, value, entry);
  };
  const auto end = [&](int line) -> Result<void> {
    if (auto checked = check(entry); !checked) return checked;
    if (all.size() == kMaxEntries) {
      return fail(ErrorKind::usage, "there are more than {} entries", kMaxEntries);
    }
    entry.line = line;
    all.push_back(std::exchange(entry, {}));
    return {};
  };
  if (auto read = read_entries(text, "advice", take, end); !read) {
    return tl::unexpected(read.error());
  }
  return all;
}

}  // namespace loopstall::config
