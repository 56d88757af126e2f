// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "base/result.h"
#include "cli/command_line.h"

namespace loopstall::cli {

/// Prints what the machine has and lacks, and each process's verdict. Fails with
/// ErrorKind::environment where the agent could not measure here.
base::Result<void> run_doctor(const DoctorRequest& request);

}  // namespace loopstall::cli
