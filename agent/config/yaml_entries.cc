// SPDX-License-Identifier: Apache-2.0
#include "config/yaml_entries.h"

#include <yaml-cpp/yaml.h>

namespace loopstall::config {
namespace {

using base::ErrorKind;
using base::fail;
using base::Result;

Result<void> at_line(int line, Result<void> done) {
  if (done) return done;
  return fail(done.error().kind, "line {}: {}", line, done.error().message);
}

Result<void> read_entry(const YAML::Node& entry, const TakeMember& take, const EndEntry& end) {
  if (!entry.IsMap()) return fail(ErrorKind::usage, "line {}: an entry has keys", line_of(entry));
  for (const auto& member : entry) {
    auto done = take(member.first.Scalar(), member.second);
    if (!done) return at_line(line_of(member.second), std::move(done));
  }
  return at_line(line_of(entry), end(line_of(entry)));
}

}  // namespace

int line_of(const YAML::Node& node) { return node.Mark().line + 1; }

Result<void> read_entries(const std::string& text, const std::string& key, const TakeMember& take,
                          const EndEntry& end) {
  try {
    const YAML::Node root = YAML::Load(text);
    const bool has_list = root.IsMap() && root.size() == 1 && root[key] && root[key].IsSequence();
    if (!has_list) return fail(ErrorKind::usage, "it needs one key, {}, with a list", key);
    for (const YAML::Node& entry : root[key]) {
      if (auto done = read_entry(entry, take, end); !done) return done;
    }
  } catch (const YAML::Exception& error) {
    return fail(ErrorKind::usage, "line {}: {}", error.mark.line + 1, error.msg);
  }
  return {};
}

Result<std::string> scalar(const std::string& key, const YAML::Node& value) {
  if (!value.IsScalar()) return fail(ErrorKind::usage, "{} needs a text", key);
  return value.Scalar();
}

}  // namespace loopstall::config
