// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

namespace loopstall::exposition {

/// What was built. `revision` is empty unless the build was told (CMake's LOOPSTALL_REVISION).
struct BuildInfo {
  std::string version;
  std::string revision;
};

const BuildInfo& this_build();

}  // namespace loopstall::exposition
