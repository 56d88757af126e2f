// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "base/result.h"
#include "config/config.h"
#include "stalls/own_advice.h"

namespace loopstall::session {

/// Fails with ErrorKind::usage: a cause that there is not.
base::Result<stalls::OwnAdvice> own_advice(const config::Config& config);

}  // namespace loopstall::session
