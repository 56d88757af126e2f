// SPDX-License-Identifier: Apache-2.0
#include "cli/cli.h"

#include "cli/agent_command.h"
#include "cli/check_command.h"
#include "cli/command_line.h"
#include "cli/doctor_command.h"
#include "cli/dump_command.h"
#include "cli/record_command.h"
#include "cli/replay_command.h"
#include "cli/top_command.h"
#include "cli/version_command.h"
#include "config/options.h"

namespace loopstall::cli {

int run(int argc, char** argv) {
  return run_command_line(argc, argv,
                          Commands{.agent = run_agent,
                                   .doctor = run_doctor,
                                   .replay = run_replay,
                                   .dump = run_dump,
                                   .top = run_top,
                                   .record = run_record,
                                   .check = run_check,
                                   .version = print_version},
                          config::process_environment);
}

}  // namespace loopstall::cli
