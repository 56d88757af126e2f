// SPDX-License-Identifier: Apache-2.0
#include "cli/doctor_command.h"

#include <fmt/format.h>

#include "base/clock.h"
#include "base/log.h"
#include "doctor/examination.h"

namespace loopstall::cli {

base::Result<void> run_doctor(const DoctorRequest& request) {
  base::set_log_level(base::LogLevel::error);  // what a hook lacks is in the report
  const auto report = doctor::examine({request.pids, request.btf_path}, base::system_clock());
  if (!report) return tl::unexpected(report.error());
  fmt::print("{}", request.json ? doctor::to_json(*report) : doctor::to_text(*report));
  if (report->problems() == 0) return {};
  return base::fail(base::ErrorKind::environment,
                    "the agent cannot measure here; the lines that say \"prevents\" have the fix");
}

}  // namespace loopstall::cli
