// SPDX-License-Identifier: Apache-2.0
#include "config/options.h"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cctype>
#include <cstdlib>
#include <string_view>

#include "config/config_file.h"
#include "config/text_file.h"
#include "config/values.h"

namespace loopstall::config {
namespace {

using base::ErrorKind;
using base::fail;
using base::Result;

constexpr DurationBounds kStallThreshold = {1'000'000, 3'600'000'000'000, "100ms"};
constexpr DurationBounds kMinBlock = {10'000, 1'000'000'000, "1ms"};
constexpr CountBounds kSampleRate = {1, 1000};
constexpr CountBounds kMaxLoops = {1, 65536};
constexpr CountBounds kPid = {1, 4'194'304};  // PID_MAX_LIMIT, include/linux/threads.h
constexpr CountBounds kFunctionsPerContainer = {1, 1000};
constexpr CountBounds kMaxFunctionSeries = {1, 100'000};
constexpr const char* kFileVariable = "LOOPSTALL_CONFIG";

/// Puts one value into the configuration. `name` is what the user calls it.
using Apply = Result<void> (*)(Config& config, std::string_view name, std::string_view text);

/// Moves a parsed value to its place, or passes the error on.
template <typename Value, typename Field>
Result<void> store(Result<Value> value, Field& field) {
  if (!value) return tl::unexpected(value.error());
  field = std::move(*value);
  return {};
}

template <typename Value>
Result<void> append(Result<Value> value, std::vector<Value>& field) {
  if (!value) return tl::unexpected(value.error());
  field.push_back(std::move(*value));
  return {};
}

Result<std::vector<AdviceEntry>> advice_value(std::string_view name, std::string_view path) {
  const auto text = text_file(name, std::string(path));
  if (!text) return tl::unexpected(text.error());
  auto entries = read_advice_file(*text);
  if (!entries) return fail(ErrorKind::usage, "{}: {}: {}", name, path, entries.error().message);
  return entries;
}

struct Option {
  Audience audience;
  const char* names;  ///< as CLI11 declares them; the long one is last
  const char* value;  ///< its value in the help text
  const char* shown_default;
  bool repeated;
  const char* help;
  Apply apply;
};

// The one place where an option is declared: its flag, its variable, its help and its check.
constexpr Option kOptions[] = {
    {Audience::agent, "--listen", "ADDRESS:PORT", "0.0.0.0:9877", false,
     "Serve /metrics, /healthz and /readyz here",
     [](Config& c, std::string_view n, std::string_view t) {
       return store(listen_value(n, t), c.listen);
     }},
    {Audience::agent, "--admin-listen", "ADDRESS:PORT", "127.0.0.1:9878", false,
     "Serve the page and /api/v1 here; they show the stacks of every process",
     [](Config& c, std::string_view n, std::string_view t) {
       return store(listen_value(n, t), c.admin_listen);
     }},
    {Audience::everyone, "--stall-threshold", "DURATION", "100ms", false,
     "A turn at least this long is a stall",
     [](Config& c, std::string_view n, std::string_view t) {
       return store(duration_value(n, t, kStallThreshold), c.stall_threshold_ns);
     }},
    {Audience::everyone, "--min-block", "DURATION", "1ms", false,
     "Blocks at least this long are recorded exactly, shorter ones are sampled",
     [](Config& c, std::string_view n, std::string_view t) {
       return store(duration_value(n, t, kMinBlock), c.min_block_ns);
     }},
    {Audience::everyone, "-r,--sample-rate", "auto|HZ", "auto", false,
     "Stack samples per second of a loop's CPU time; auto is 99, for the agent fewer where the "
     "machine's timer is dear",
     [](Config& c, std::string_view n, std::string_view t) {
       return store(rate_value(n, t, kSampleRate), c.sample_rate_hz);
     }},
    {Audience::agent, "--stall-log", "PATH", nullptr, false,
     "Append one JSON line per stall to this file; - is standard output",
     [](Config& c, std::string_view, std::string_view t) {
       c.stall_log = t;
       return Result<void>();
     }},
    {Audience::agent, "--record", "PATH", nullptr, false,
     "Record what is measured to this file, for loopstall replay; it must not exist",
     [](Config& c, std::string_view, std::string_view t) {
       c.record = t;
       return Result<void>();
     }},
    {Audience::everyone, "--btf", "PATH", nullptr, false,
     "Read the kernel's types here instead of from the kernel",
     [](Config& c, std::string_view, std::string_view t) {
       c.btf_path = t;
       return Result<void>();
     }},
    {Audience::everyone, "--hook", "MODE", "auto", false,
     "Turn boundaries: auto, fentry, kprobe, tracepoint or tp_btf",
     [](Config& c, std::string_view n, std::string_view t) {
       return store(hook_value(n, t), c.hook);
     }},
    {Audience::agent, "--max-loops", "COUNT", "2048", false, "Loops observed at a time, at most",
     [](Config& c, std::string_view n, std::string_view t) {
       return store(count_value(n, t, kMaxLoops), c.max_loops);
     }},
    {Audience::everyone, "-p,--pid", "PID", nullptr, true,
     "Observe only this process; may be given again",
     [](Config& c, std::string_view n, std::string_view t) {
       return append(count_value(n, t, kPid), c.pids);
     }},
    {Audience::everyone, "--transparent", "FUNCTION", nullptr, true,
     "Never blame this function (a wrapper), but its caller; may be given again",
     [](Config& c, std::string_view n, std::string_view t) {
       return append(name_value(n, t), c.transparent_functions);
     }},
    {Audience::everyone, "--application-package", "NAME", nullptr, true,
     "Count this installed package as application code; may be given again",
     [](Config& c, std::string_view n, std::string_view t) {
       return append(name_value(n, t), c.application_packages);
     }},
    {Audience::everyone, "--advice", "PATH", nullptr, false,
     "A YAML file of your team's own advice, which comes before loopstall's",
     [](Config& c, std::string_view n, std::string_view t) {
       return store(advice_value(n, t), c.advice);
     }},
    {Audience::agent, "--functions-per-container", "COUNT", "20", false,
     "Functions with series of their own, per container",
     [](Config& c, std::string_view n, std::string_view t) {
       return store(count_value(n, t, kFunctionsPerContainer), c.functions_per_container);
     }},
    {Audience::agent, "--max-function-series", "COUNT", "5000", false,
     "Functions with series of their own, on the whole node",
     [](Config& c, std::string_view n, std::string_view t) {
       return store(count_value(n, t, kMaxFunctionSeries), c.max_function_series);
     }},
    {Audience::agent, "--budget", "PERCENT", "1%", false,
     "CPU time that the agent may use, of one core; above it, it measures less",
     [](Config& c, std::string_view n, std::string_view t) {
       return store(percent_value(n, t), c.budget);
     }},
    {Audience::agent, "--budget-per-core", "PERCENT", "0.5%", false,
     "CPU time that it may use besides, of each core on which it observes loops",
     [](Config& c, std::string_view n, std::string_view t) {
       return store(percent_value(n, t), c.budget_per_core);
     }},
    {Audience::agent, "--drop-capabilities", "YES|NO", "yes", false,
     "Give up the capabilities that are not needed once all is attached",
     [](Config& c, std::string_view n, std::string_view t) {
       return store(yes_no_value(n, t), c.drop_capabilities);
     }},
    {Audience::agent, "--log-level", "LEVEL", "info", false, "debug, info, warning or error",
     [](Config& c, std::string_view n, std::string_view t) {
       return store(log_level_value(n, t), c.log_level);
     }},
    {Audience::agent, "--log-format", "FORMAT", "logfmt", false, "logfmt or json, one line each",
     [](Config& c, std::string_view n, std::string_view t) {
       return store(log_format_value(n, t), c.log_format);
     }},
};

std::string flag_of(const Option& option) {
  const std::string_view names = option.names;
  const std::size_t comma = names.rfind(',');
  return std::string(comma == std::string_view::npos ? names : names.substr(comma + 1));
}

/// --stall-log -> LOOPSTALL_STALL_LOG
std::string variable_of(const Option& option) {
  std::string variable = "LOOPSTALL_" + flag_of(option).substr(2);
  std::transform(variable.begin(), variable.end(), variable.begin(), [](unsigned char c) {
    return c == '-' ? '_' : static_cast<char>(std::toupper(c));
  });
  return variable;
}

std::string help_of(const Option& option) {
  std::string help = option.help;
  if (option.shown_default != nullptr) help += fmt::format(" [default: {}]", option.shown_default);
  return help + fmt::format(" [env: {}]", variable_of(option));
}

std::vector<std::string> split_at_commas(std::string_view text) {
  std::vector<std::string> parts;
  std::size_t start = 0;
  while (start <= text.size()) {
    const std::size_t comma = std::min(text.find(',', start), text.size());
    parts.emplace_back(text.substr(start, comma - start));
    start = comma + 1;
  }
  return parts;
}

/// --stall-log -> stall-log
std::string key_of(const Option& option) { return flag_of(option).substr(2); }

std::string yaml_of(const std::vector<std::string>& values, bool is_list) {
  std::string text;
  for (const std::string& value : values) {
    text += (text.empty() ? "" : ", ") + base::quoted(value);
  }
  return is_list ? "[" + text + "]" : text;
}

struct File {
  std::string path;
  FileValues values;
};

/// All options may be in it: it is for every command.
Result<File> values_of_file(const std::string& given, const Environment& environment) {
  File file{given, {}};
  if (const char* path = environment(kFileVariable); file.path.empty() && path != nullptr) {
    file.path = path;
  }
  if (file.path.empty()) return file;
  const auto text = text_file("--config", file.path);
  if (!text) return tl::unexpected(text.error());
  std::vector<FileKey> keys;
  for (const Option& option : kOptions) keys.push_back({key_of(option), option.repeated});
  auto values = read_config_file(*text, keys);
  if (!values) return fail(ErrorKind::usage, "{}: {}", file.path, values.error().message);
  file.values = std::move(*values);
  return file;
}

Result<void> check_together(const Config& config) {
  if (config.min_block_ns > config.stall_threshold_ns) {
    return fail(ErrorKind::usage, "--min-block must not be longer than --stall-threshold");
  }
  if (config.listen == config.admin_listen && !config.listen.ends_with(":0")) {
    return fail(ErrorKind::usage, "--listen and --admin-listen must differ, both are {}",
                config.listen);
  }
  return {};
}

}  // namespace

struct Options::Given {
  const Option* option;
  std::vector<std::string> values;
};

struct Options::Held {
  const Option* option;
  std::vector<std::string> values;  // none: the default
  std::string name;                 // by which the user gave them, in an error
  std::string source;               // for people
};

Options::Options(CLI::App& command, Audience audience)
    : file_(std::make_unique<std::string>()), prints_(std::make_unique<bool>(false)) {
  for (const Option& option : kOptions) {
    if (option.audience == Audience::agent && audience != Audience::agent) continue;
    auto& given = given_.emplace_back(std::make_unique<Given>(Given{&option, {}}));
    CLI::Option* declared = command.add_option(option.names, given->values, help_of(option));
    declared->type_name(option.value)->type_size(1)->allow_extra_args(option.repeated);
    // Of a flag given twice the last one counts, as with most commands, so that scripts can append.
    declared->multi_option_policy(option.repeated ? CLI::MultiOptionPolicy::TakeAll
                                                  : CLI::MultiOptionPolicy::TakeLast);
    declared->expected(1, option.repeated ? CLI::detail::expected_max_vector_size : 1);
  }
  command
      .add_option("--config", *file_,
                  fmt::format("Read options from this YAML file [env: {}]", kFileVariable))
      ->type_name("PATH");
  command.add_flag("--print-config", *prints_, "Print what holds, and from where, and exit");
}

Options::~Options() = default;
Options::Options(Options&&) noexcept = default;
Options& Options::operator=(Options&&) noexcept = default;

base::Result<std::vector<Options::Held>> Options::held(const Environment& environment) const {
  const auto file = values_of_file(*file_, environment);
  if (!file) return tl::unexpected(file.error());
  std::vector<Held> all;
  for (const auto& given : given_) {
    const Option& option = *given->option;
    Held& held = all.emplace_back(Held{&option, given->values, flag_of(option), "flag"});
    if (!held.values.empty()) continue;
    const std::string variable = variable_of(option);
    const char* text = environment(variable.c_str());
    const auto in_file = file->values.find(key_of(option));
    if (text != nullptr && *text != '\0') {
      held.values = option.repeated ? split_at_commas(text) : std::vector<std::string>{text};
      held.name = variable;
      held.source = variable;
    } else if (in_file != file->values.end()) {
      held.values = in_file->second.values;
      held.name = fmt::format("{}: line {}: {}", file->path, in_file->second.line, key_of(option));
      held.source = file->path;
    } else {
      held.source = "default";
    }
  }
  return all;
}

base::Result<Config> Options::config(const Environment& environment) const {
  const auto all = held(environment);
  if (!all) return tl::unexpected(all.error());
  return config_of(*all);
}

base::Result<Config> Options::config_of(const std::vector<Held>& all) {
  Config config;
  for (const Held& held : all) {
    for (const std::string& value : held.values) {
      if (auto applied = held.option->apply(config, held.name, value); !applied) {
        return tl::unexpected(applied.error());
      }
    }
  }
  if (auto together = check_together(config); !together) return tl::unexpected(together.error());
  return config;
}

base::Result<std::string> Options::printed(const Environment& environment) const {
  const auto all = held(environment);
  if (!all) return tl::unexpected(all.error());
  if (const auto config = config_of(*all); !config) return tl::unexpected(config.error());
  std::string text;
  for (const Held& held : *all) {
    const Option& option = *held.option;
    if (!held.values.empty()) {
      text += fmt::format("{}: {}  # {}\n", key_of(option), yaml_of(held.values, option.repeated),
                          held.source);
    } else if (option.shown_default != nullptr) {
      text += fmt::format("{}: {}  # {}\n", key_of(option), yaml_of({option.shown_default}, false),
                          held.source);
    } else {
      text += fmt::format("# {}: none\n", key_of(option));
    }
  }
  return text;
}

const char* process_environment(const char* name) {
  return std::getenv(name);  // NOLINT(concurrency-mt-unsafe): read before any thread starts
}

}  // namespace loopstall::config
