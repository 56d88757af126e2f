// SPDX-License-Identifier: Apache-2.0
#include "cli/command_line.h"

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <array>
#include <cstdio>
#include <exception>
#include <optional>
#include <string>
#include <string_view>

#include "cli/check_words.h"
#include "cli/record_words.h"
#include "cli/service_words.h"
#include "cli/unknown_word.h"

namespace loopstall::cli {
namespace {

using base::ErrorKind;
using base::fail;
using base::Result;

constexpr int kInternalStatus = 70;  // EX_SOFTWARE of sysexits.h; 1 is what `check` found
constexpr int kUsageStatus = 2;
constexpr int kEnvironmentStatus = 3;

constexpr std::size_t kHelpColumn = 36;  // the longest option and its value

constexpr const char* kDescription =
    "Finds the event loops on this machine, measures each turn of them from outside, and says\n"
    "which function held them, for how long, and waiting for what.";

constexpr const char* kFooter =
    "Exit status: 0 after SIGINT or SIGTERM, 2 for a wrong command line, 3 when the machine lacks\n"
    "something (privileges, BTF, a free port), 70 for a defect of loopstall. check: 1 when the "
    "rule is\n"
    "broken, 4 when there is nothing to judge.";

/// The words and their meaning; `agent` and `version` belong to `app`.
struct Grammar {
  CLI::App app{kDescription, "loopstall"};
  CLI::App* agent = nullptr;
  CLI::App* doctor = nullptr;
  CLI::App* top = nullptr;
  CLI::App* dump = nullptr;
  CLI::App* record = nullptr;
  CLI::App* check = nullptr;
  CLI::App* replay = nullptr;
  CLI::App* version = nullptr;
  DoctorRequest doctor_request;
  ReplayRequest replay_request;
  TopRequest top_request;
  std::string top_order;
  std::string top_duration;
  DumpRequest dump_request;
  RecordWords record_words;
  CheckWords check_words;
  std::vector<std::string> service;  // the command after --
  bool version_flag = false;

  std::array<CLI::App*, 9> all() {
    return {agent, top, record, dump, check, doctor, replay, version, &app};
  }
};

void declare_top(Grammar& grammar) {
  grammar.top =
      grammar.app.add_subcommand("top", "Show live what holds the loops; q leaves, keys are shown");
  grammar.top
      ->add_option("--sort", grammar.top_order,
                   "Order of the functions: occupancy, hold or harm [default: occupancy]")
      ->type_name("ORDER");
  grammar.top
      ->add_option("-d,--duration", grammar.top_duration,
                   "Without a terminal: how long to look before printing [default: 5s]")
      ->type_name("DURATION");
  grammar.top->add_flag("--no-color", grammar.top_request.no_color,
                        "Without colours; also by NO_COLOR");
}

void declare_dump(Grammar& grammar) {
  grammar.dump =
      grammar.app.add_subcommand("dump", "Print where each loop is now, and who holds it");
  grammar.dump->add_flag("--json", grammar.dump_request.json, "Print JSON");
}

void declare(Grammar& grammar) {
  grammar.app.footer(kFooter);
  grammar.app.get_formatter()->column_width(kHelpColumn);
  grammar.app.add_flag("--version", grammar.version_flag, "Print the version and exit");
  grammar.agent = grammar.app.add_subcommand("agent", "Measure, and serve metrics until stopped");
  declare_top(grammar);
  grammar.record = grammar.app.add_subcommand(
      "record", "Write what held the loops for a while: a flame graph, or a profile");
  declare_record(*grammar.record, grammar.record_words);
  declare_dump(grammar);
  grammar.check = grammar.app.add_subcommand(
      "check", "Judge a service by your team's rule; for CI: exit status 1 when it is broken");
  declare_check(*grammar.check, grammar.check_words);
  grammar.doctor = grammar.app.add_subcommand(
      "doctor", "Say what this machine lacks, and which processes can be measured");
  grammar.doctor->add_option("-p,--pid", grammar.doctor_request.pids,
                             "Look at this process only; may be given again");
  grammar.doctor->add_option("--btf", grammar.doctor_request.btf_path,
                             "BTF file to use instead of the kernel's own");
  grammar.doctor->add_flag("--json", grammar.doctor_request.json, "Print JSON");
  grammar.replay =
      grammar.app.add_subcommand("replay", "Show what a recording (agent --record) had measured");
  grammar.replay->add_option("FILE", grammar.replay_request.file, "The recording")->required();
  grammar.replay->add_flag("--stalls", grammar.replay_request.stalls,
                           "Print the stall records instead of the metrics at the end");
  grammar.version = grammar.app.add_subcommand("version", "Print the version");
  // What CLI11 does not know comes back to us, which can say what was meant.
  for (CLI::App* command : grammar.all()) command->allow_extras();
}

/// CLI11 says "--listen: 1 required ADDRESS:PORT missing".
std::string sentence_of(const CLI::ParseError& error) {
  const std::string what = error.what();
  if (dynamic_cast<const CLI::ArgumentMismatch*>(&error) != nullptr) {
    return fmt::format("{} needs a value", what.substr(0, what.find(':')));
  }
  return what.substr(0, what.find('\n'));
}

Result<void> check_words(Grammar& grammar) {
  for (const CLI::App* command : grammar.all()) {
    const auto unknown = command->remaining();
    if (!unknown.empty()) {
      return fail(ErrorKind::usage, "{}", unknown_word_message(*command, unknown.front()));
    }
  }
  return {};
}

/// The options of the commands that measure.
struct MeasuringOptions {
  explicit MeasuringOptions(Grammar& grammar)
      : agent(*grammar.agent, config::Audience::agent),
        top(*grammar.top, config::Audience::everyone),
        record(*grammar.record, config::Audience::everyone),
        dump(*grammar.dump, config::Audience::everyone),
        check(*grammar.check, config::Audience::everyone) {}

  config::Options agent;
  config::Options top;
  config::Options record;
  config::Options dump;
  config::Options check;
};

/// What --sort and --duration say.
Result<void> read_top(Grammar& grammar) {
  if (!grammar.top_order.empty()) {
    const auto order = terminal::order_of(grammar.top_order);
    if (!order) {
      return fail(ErrorKind::usage, "--sort must be occupancy, hold or harm, not {}",
                  base::quoted(grammar.top_order));
    }
    grammar.top_request.order = *order;
  }
  const auto duration = read_duration(grammar.top_duration, grammar.top_request.duration_ns);
  if (!duration) return tl::unexpected(duration.error());
  grammar.top_request.duration_ns = *duration;
  return {};
}

/// None where --print-config was all that was asked.
Result<std::optional<config::Config>> read_config(const config::Options& options,
                                                  const config::Environment& environment) {
  if (options.prints()) {
    const auto text = options.printed(environment);
    if (!text) return tl::unexpected(text.error());
    fmt::print("{}", *text);
    return std::nullopt;
  }
  auto config = options.config(environment);
  if (!config) return tl::unexpected(config.error());
  return std::move(*config);
}

template <typename Request>
Result<void> measure(const std::function<Result<void>(const Request&)>& command, Request& request,
                     const config::Options& options, const config::Environment& environment) {
  auto config = read_config(options, environment);
  if (!config) return tl::unexpected(config.error());
  if (!*config) return {};
  request.config = std::move(**config);
  return command(request);
}

Result<int> run_check(Grammar& grammar, const config::Options& options, const Commands& commands,
                      const config::Environment& environment) {
  auto config = read_config(options, environment);
  if (!config) return tl::unexpected(config.error());
  if (!*config) return 0;
  auto request = read_check(grammar.check_words, grammar.service, std::move(**config));
  if (!request) return tl::unexpected(request.error());
  return commands.check(*request);
}

Result<void> run_record(Grammar& grammar, const config::Options& options, const Commands& commands,
                        const config::Environment& environment) {
  auto config = read_config(options, environment);
  if (!config) return tl::unexpected(config.error());
  if (!*config) return {};
  auto request = read_record(grammar.record_words, grammar.service, std::move(**config));
  if (!request) return tl::unexpected(request.error());
  return commands.record(*request);
}

Result<int> succeeded(Result<void> done) {
  if (!done) return tl::unexpected(done.error());
  return 0;
}

Result<void> dispatch_others(Grammar& grammar, const MeasuringOptions& options,
                             const Commands& commands, const config::Environment& environment) {
  if (grammar.version_flag || grammar.version->parsed()) {
    commands.version();
    return {};
  }
  if (grammar.doctor->parsed()) return commands.doctor(grammar.doctor_request);
  if (grammar.replay->parsed()) return commands.replay(grammar.replay_request);
  if (grammar.record->parsed()) {
    return run_record(grammar, options.record, commands, environment);
  }
  if (grammar.dump->parsed()) {
    return measure(commands.dump, grammar.dump_request, options.dump, environment);
  }
  if (grammar.top->parsed()) {
    if (auto read = read_top(grammar); !read) return read;
    return measure(commands.top, grammar.top_request, options.top, environment);
  }
  if (!grammar.agent->parsed()) {
    return fail(ErrorKind::usage, "a command is needed; loopstall --help lists them");
  }
  const auto config = read_config(options.agent, environment);
  if (!config) return tl::unexpected(config.error());
  return *config ? commands.agent(**config) : Result<void>();
}

/// The exit status.
Result<int> dispatch(Grammar& grammar, const MeasuringOptions& options, const Commands& commands,
                     const config::Environment& environment) {
  if (auto words = check_words(grammar); !words) return tl::unexpected(words.error());
  const bool takes_command = grammar.check->parsed() || grammar.record->parsed();
  if (!takes_command && !grammar.service.empty()) {
    return fail(ErrorKind::usage,
                "only loopstall check and loopstall record take a command (-- COMMAND)");
  }
  if (grammar.check->parsed()) return run_check(grammar, options.check, commands, environment);
  return succeeded(dispatch_others(grammar, options, commands, environment));
}

int report(std::string_view sentence, int status) {
  fmt::print(stderr, "loopstall: {}\n", sentence);
  return status;
}

int parse_and_dispatch(int argc, const char* const* argv, const Commands& commands,
                       const config::Environment& environment) {
  Grammar grammar;
  declare(grammar);
  const MeasuringOptions options(grammar);
  const char* const* const end = argv + argc;
  const char* const* const mark =
      std::find_if(argv, end, [](const char* word) { return std::string_view(word) == "--"; });
  if (mark != end) grammar.service.assign(mark + 1, end);
  try {
    grammar.app.parse(static_cast<int>(mark - argv), argv);
  } catch (const CLI::ParseError& error) {
    if (error.get_exit_code() == 0) return grammar.app.exit(error);  // --help
    return report(sentence_of(error), kUsageStatus);
  }
  const auto done = dispatch(grammar, options, commands, environment);
  return done ? *done : report(done.error().message, exit_status(done.error().kind));
}

}  // namespace

int exit_status(ErrorKind kind) {
  switch (kind) {
    case ErrorKind::usage:
      return kUsageStatus;
    case ErrorKind::environment:
    case ErrorKind::target:
      return kEnvironmentStatus;
    case ErrorKind::internal:
      return kInternalStatus;
  }
  return kInternalStatus;
}

int run_command_line(int argc, const char* const* argv, const Commands& commands,
                     const config::Environment& environment) {
  try {
    return parse_and_dispatch(argc, argv, commands, environment);
  } catch (const std::exception& error) {
    return report(fmt::format("internal error: {}", error.what()), kInternalStatus);
  }
}

}  // namespace loopstall::cli
