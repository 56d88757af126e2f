// SPDX-License-Identifier: Apache-2.0
#include "session/own_advice.h"

#include <string>
#include <vector>

#include "base/log.h"
#include "base/nearest.h"

namespace loopstall::session {
namespace {

std::vector<std::string> cause_names() {
  std::vector<std::string> names;
  for (std::size_t i = 0; i < stalls::kCauseCount; ++i) {
    names.emplace_back(stalls::cause_name(static_cast<stalls::Cause>(i)));
  }
  return names;
}

base::Result<stalls::Causes> causes_of(const config::AdviceEntry& entry) {
  static const std::vector<std::string> kNames = cause_names();
  stalls::Causes causes = 0;
  for (const std::string& name : entry.causes) {
    std::size_t cause = 0;
    while (cause < kNames.size() && kNames[cause] != name) ++cause;
    if (cause == kNames.size()) {
      const std::string near = base::nearest(name, kNames);
      return base::fail(base::ErrorKind::usage, "--advice: line {}: there is no cause {}{}",
                        entry.line, base::quoted(name),
                        near.empty() ? "" : "; did you mean " + near + "?");
    }
    causes |= stalls::on(static_cast<stalls::Cause>(cause));
  }
  return causes;
}

}  // namespace

base::Result<stalls::OwnAdvice> own_advice(const config::Config& config) {
  stalls::OwnAdvice all;
  for (const config::AdviceEntry& entry : config.advice) {
    const auto causes = causes_of(entry);
    if (!causes) return tl::unexpected(causes.error());
    all.push_back({entry.library, entry.function, *causes, entry.text});
  }
  return all;
}

}  // namespace loopstall::session
