// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "base/result.h"

namespace loopstall::probes {

inline constexpr char kKernelBtf[] = "/sys/kernel/btf/vmlinux";

/// Names of the capabilities that the agent needs and this process lacks, with commas.
std::string missing_capabilities();

/// Checks what loading needs before the kernel can refuse it in worse words: capabilities and BTF.
base::Result<void> check_requirements(const std::string& btf_path);

}  // namespace loopstall::probes
