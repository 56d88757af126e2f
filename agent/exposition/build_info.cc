// SPDX-License-Identifier: Apache-2.0
#include "exposition/build_info.h"

namespace loopstall::exposition {

const BuildInfo& this_build() {
  static const BuildInfo build{LOOPSTALL_VERSION, LOOPSTALL_REVISION};
  return build;
}

}  // namespace loopstall::exposition
