// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "base/result.h"

namespace loopstall::probes {

inline constexpr char kKernelBtf[] = "/sys/kernel/btf/vmlinux";

/// Names of the capabilities that the agent needs, with commas.
std::string needed_capabilities();

/// Those that this process lacks.
std::string missing_capabilities();

/// Whether the kernel lets this process sample CPU time, by trying: Debian's and Ubuntu's kernels
/// refuse CAP_PERFMON, and ask for CAP_SYS_ADMIN, where perf_event_paranoid is 3 or more.
bool may_sample();

/// Whether types in BTF can be read from that file: as the kernel shows them, or in an ELF file.
bool holds_types(const std::string& btf_path);

/// Fails where one of those is missing, before the kernel can refuse in worse words.
base::Result<void> check_capabilities();

}  // namespace loopstall::probes
