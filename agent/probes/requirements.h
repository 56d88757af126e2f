// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "base/result.h"

namespace loopstall::probes {

/// Checks what loading needs before the kernel can refuse it in worse words: capabilities and BTF.
base::Result<void> check_requirements(const std::string& btf_path);

}  // namespace loopstall::probes
