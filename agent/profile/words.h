// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "profile/profile.h"

namespace loopstall::profile {

/// "app.main:app", or with its container's names where it has any.
std::string name_of(const loops::LoopLabels& labels);

/// "save_log (app/services/log.py:12)".
std::string text_of(const Place& place);

/// "[network]".
std::string bracketed(stalls::Cause cause);

}  // namespace loopstall::profile
