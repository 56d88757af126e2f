// SPDX-License-Identifier: Apache-2.0
#include "profile/words.h"

#include <fmt/format.h>

namespace loopstall::profile {

std::string name_of(const loops::LoopLabels& labels) {
  if (labels.pod.empty() && labels.container.empty()) return labels.process;
  return fmt::format(
      "{} ({})", labels.process,
      labels.pod.empty() ? labels.container : fmt::format("{}/{}", labels.namespace_, labels.pod));
}

std::string text_of(const Place& place) {
  if (place.file.empty()) return place.function;
  if (place.line <= 0) return fmt::format("{} ({})", place.function, place.file);
  return fmt::format("{} ({}:{})", place.function, place.file, place.line);
}

std::string bracketed(stalls::Cause cause) {
  return fmt::format("[{}]", stalls::cause_name(cause));
}

}  // namespace loopstall::profile
