// SPDX-License-Identifier: Apache-2.0
#include "config/config_file.h"

#include <yaml-cpp/yaml.h>

#include <algorithm>

#include "base/log.h"
#include "base/nearest.h"
#include "config/yaml_entries.h"

namespace loopstall::config {
namespace {

using base::ErrorKind;
using base::fail;
using base::Result;

const FileKey* find(const std::vector<FileKey>& keys, const std::string& name) {
  const auto found =
      std::find_if(keys.begin(), keys.end(), [&](const FileKey& key) { return key.name == name; });
  return found == keys.end() ? nullptr : &*found;
}

tl::unexpected<base::Error> unknown(const std::string& name, int line,
                                    const std::vector<FileKey>& keys) {
  std::vector<std::string> names;
  for (const FileKey& key : keys) names.push_back(key.name);
  const std::string near = base::nearest(name, names);
  return fail(ErrorKind::usage, "line {}: there is no option {}; {}", line, base::quoted(name),
              near.empty() ? "loopstall agent --help lists them" : "did you mean " + near + "?");
}

Result<FileValue> read_value(const FileKey& key, const YAML::Node& node) {
  FileValue value;
  value.line = line_of(node);
  if (node.IsScalar()) {
    value.values = {node.Scalar()};
    return value;
  }
  if (!key.repeated || !node.IsSequence()) {
    return fail(ErrorKind::usage, "line {}: {} needs {}", value.line, key.name,
                key.repeated ? "a value or a list of values" : "one value");
  }
  for (const YAML::Node& element : node) {
    if (!element.IsScalar()) {
      return fail(ErrorKind::usage, "line {}: {} needs a list of values", line_of(element),
                  key.name);
    }
    value.values.push_back(element.Scalar());
  }
  return value;
}

Result<FileValues> read(const YAML::Node& root, const std::vector<FileKey>& keys) {
  FileValues values;
  if (root.IsNull()) return values;
  if (!root.IsMap()) return fail(ErrorKind::usage, "line 1: it needs keys with values");
  for (const auto& member : root) {
    if (!member.first.IsScalar()) {
      return fail(ErrorKind::usage, "line {}: a key is the name of an option",
                  line_of(member.first));
    }
    const std::string& name = member.first.Scalar();
    const FileKey* key = find(keys, name);
    if (key == nullptr) return unknown(name, line_of(member.first), keys);
    auto value = read_value(*key, member.second);
    if (!value) return tl::unexpected(value.error());
    if (!values.emplace(name, std::move(*value)).second) {
      return fail(ErrorKind::usage, "line {}: {} is there twice", line_of(member.first), name);
    }
  }
  return values;
}

}  // namespace

Result<FileValues> read_config_file(const std::string& text, const std::vector<FileKey>& keys) {
  try {
    return read(YAML::Load(text), keys);
  } catch (const YAML::Exception& error) {
    return fail(ErrorKind::usage, "line {}: {}", error.mark.line + 1, error.msg);
  }
}

}  // namespace loopstall::config
