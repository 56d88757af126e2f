// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "base/result.h"
#include "check/judgement.h"
#include "check/report.h"
#include "config/config.h"
#include "config/options.h"
#include "profile/formats.h"
#include "terminal/top_state.h"

namespace loopstall::cli {

/// What to look at.
struct DoctorRequest {
  std::vector<uint32_t> pids;  ///< empty: all processes
  std::string btf_path;        ///< empty: the kernel's own
  bool json = false;           ///< else text for people
};

/// What to show of a recording.
struct ReplayRequest {
  std::string file;
  bool stalls = false;  ///< the stall records; else the metrics
};

/// Where to look.
struct DumpRequest {
  config::Config config;
  bool json = false;  ///< else text for people
};

/// What to show live.
struct TopRequest {
  config::Config config;
  terminal::Order order = terminal::Order::occupancy;
  bool no_color = false;
  uint64_t duration_ns = 5'000'000'000;  ///< of a plain snapshot
};

/// What to judge, and by what.
struct CheckRequest {
  config::Config config;
  std::vector<std::string> command;  ///< of the service; empty: it runs already (config.pids)
  std::string load;                  ///< a shell's command that loads it; empty: none
  uint64_t duration_ns = 60'000'000'000;
  check::Criteria criteria;
  std::string baseline;  ///< paths; empty: none
  std::string allow;
  check::Format format = check::Format::text;
  std::string output;  ///< path; empty: standard output
};

/// What to record, and how to write it.
struct RecordRequest {
  config::Config config;
  std::vector<std::string> command;  ///< of the service; empty: it runs already (config.pids)
  uint64_t duration_ns = 60'000'000'000;
  profile::Format format = profile::Format::html;
  std::string output;  ///< path
};

/// What the words can ask for. Tests put their own here.
struct Commands {
  std::function<base::Result<void>(const config::Config&)> agent;
  std::function<base::Result<void>(const DoctorRequest&)> doctor;
  std::function<base::Result<void>(const ReplayRequest&)> replay;
  std::function<base::Result<void>(const DumpRequest&)> dump;
  std::function<base::Result<void>(const TopRequest&)> top;
  std::function<base::Result<void>(const RecordRequest&)> record;
  std::function<base::Result<int>(const CheckRequest&)> check;  ///< its exit status
  std::function<void()> version;
};

/// Reads the words and runs the command; returns the exit status of cli::run().
int run_command_line(int argc, const char* const* argv, const Commands& commands,
                     const config::Environment& environment);

/// The exit status that a failure of this kind ends the process with.
int exit_status(base::ErrorKind kind);

}  // namespace loopstall::cli
