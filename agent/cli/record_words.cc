// SPDX-License-Identifier: Apache-2.0
#include "cli/record_words.h"

#include <CLI/CLI.hpp>
#include <utility>

#include "base/log.h"
#include "cli/service_words.h"

namespace loopstall::cli {
namespace {

using base::ErrorKind;
using base::fail;
using base::Result;

Result<profile::Format> read_format(const RecordWords& words) {
  if (words.output.empty()) {
    return fail(ErrorKind::usage,
                "loopstall record needs a file to write, such as -o profile.html");
  }
  if (words.format.empty()) {
    const auto format = profile::format_of_path(words.output);
    if (format) return *format;
    return fail(ErrorKind::usage,
                "what to write does not follow from the name {}: say it with --format (html, "
                "speedscope, pprof, collapsed or lsr)",
                base::quoted(words.output));
  }
  const auto format = profile::format_of(words.format);
  if (format) return *format;
  return fail(ErrorKind::usage,
              "--format must be html, speedscope, pprof, collapsed or lsr, not {}",
              base::quoted(words.format));
}

}  // namespace

void declare_record(CLI::App& command, RecordWords& words) {
  command.footer(
      "The service is one that runs (-p PID) or a command: loopstall record [OPTIONS] -- "
      "COMMAND\nctrl-C ends the recording and keeps it.");
  command.add_option("-d,--duration", words.duration, "For how long to record [default: 60s]")
      ->type_name("DURATION");
  command.add_option("-o,--output", words.output, "Write the profile here")->type_name("PATH");
  command
      .add_option("-f,--format", words.format,
                  "html, speedscope, pprof, collapsed or lsr (for loopstall replay) [default: by "
                  "the output's ending]")
      ->type_name("FORMAT");
  command.add_flag("--subprocesses", words.subprocesses,
                   "Record the workers too that the process has or starts");
}

Result<RecordRequest> read_record(const RecordWords& words, const std::vector<std::string>& service,
                                  config::Config config) {
  RecordRequest request;
  const auto format = read_format(words);
  if (!format) return tl::unexpected(format.error());
  request.format = *format;
  request.output = words.output;
  const auto duration = read_duration(words.duration, request.duration_ns);
  if (!duration) return tl::unexpected(duration.error());
  request.duration_ns = *duration;
  if (auto one = check_one_service("record", service, config); !one) {
    return tl::unexpected(one.error());
  }
  request.command = service;
  request.config = std::move(config);
  request.config.with_children = words.subprocesses;
  return request;
}

}  // namespace loopstall::cli
