// SPDX-License-Identifier: Apache-2.0
#include "cli/version_command.h"

#include <fmt/format.h>

#include "exposition/build_info.h"

namespace loopstall::cli {

void print_version() {
  const exposition::BuildInfo& build = exposition::this_build();
  const std::string revision = build.revision.empty() ? "" : fmt::format(" ({})", build.revision);
  fmt::print("loopstall {}{}\n", build.version, revision);
}

}  // namespace loopstall::cli
