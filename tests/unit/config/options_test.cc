// SPDX-License-Identifier: Apache-2.0
#include "config/options.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstdio>
#include <fstream>
#include <map>
#include <string>
#include <vector>

namespace loopstall::config {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

using Variables = std::map<std::string, std::string>;

base::Result<Config> parse(std::vector<std::string> words, const Variables& variables = {}) {
  CLI::App app;
  const Options options(app, Audience::agent);
  std::reverse(words.begin(), words.end());  // as CLI11 wants them
  app.parse(words);
  return options.config([&](const char* name) -> const char* {
    const auto found = variables.find(name);
    return found == variables.end() ? nullptr : found->second.c_str();
  });
}

Config parsed(const std::vector<std::string>& words, const Variables& variables = {}) {
  const auto config = parse(words, variables);
  EXPECT_TRUE(config.has_value()) << config.error().message;
  return config.value_or(Config{});
}

std::string refusal(const std::vector<std::string>& words, const Variables& variables = {}) {
  const auto config = parse(words, variables);
  if (config) return "accepted";
  EXPECT_EQ(config.error().kind, base::ErrorKind::usage);
  return config.error().message;
}

TEST(Options, DefaultsAreThoseOfTheDocumentation) {
  const Config config = parsed({});
  EXPECT_EQ(config.listen, "0.0.0.0:9877");
  EXPECT_EQ(config.admin_listen, "127.0.0.1:9878");
  EXPECT_EQ(config.stall_threshold_ns, 100'000'000u);
  EXPECT_EQ(config.min_block_ns, 1'000'000u);
  EXPECT_EQ(config.sample_rate_hz, kAutomaticRate);
  EXPECT_EQ(config.stall_log, "");
  EXPECT_EQ(config.btf_path, "");
  EXPECT_EQ(config.hook, HookMode::automatic);
  EXPECT_EQ(config.max_loops, 2048u);
  EXPECT_THAT(config.pids, IsEmpty());
  EXPECT_THAT(config.transparent_functions, IsEmpty());
  EXPECT_THAT(config.application_packages, IsEmpty());
  EXPECT_EQ(config.functions_per_container, 20u);
  EXPECT_EQ(config.max_function_series, 5000u);
  EXPECT_DOUBLE_EQ(config.budget, 0.01);
  EXPECT_DOUBLE_EQ(config.budget_per_core, 0.005);
  EXPECT_EQ(config.log_level, base::LogLevel::info);
}

TEST(Options, HelpShowsTheDefaultsThatHold) {
  CLI::App app;
  const Options options(app, Audience::agent);
  const std::string help = app.help();
  for (const char* shown :
       {"[default: 0.0.0.0:9877]", "[default: 127.0.0.1:9878]", "[default: 100ms]",
        "[default: 1ms]", "[default: auto]", "[default: 2048]", "[default: 20]", "[default: 5000]",
        "[default: info]", "[env: LOOPSTALL_STALL_LOG]"}) {
    EXPECT_THAT(help, HasSubstr(shown));
  }
}

// What the help calls a default is what holds without the flag.
TEST(Options, EveryShownDefaultIsAcceptedAndChangesNothing) {
  const Config config = parsed({"--listen",
                                "0.0.0.0:9877",
                                "--admin-listen",
                                "127.0.0.1:9878",
                                "--stall-threshold",
                                "100ms",
                                "--min-block",
                                "1ms",
                                "--sample-rate",
                                "auto",
                                "--hook",
                                "auto",
                                "--max-loops",
                                "2048",
                                "--functions-per-container",
                                "20",
                                "--max-function-series",
                                "5000",
                                "--drop-capabilities",
                                "yes",
                                "--log-level",
                                "info"});
  const Config defaults = parsed({});
  EXPECT_EQ(config.listen, defaults.listen);
  EXPECT_EQ(config.admin_listen, defaults.admin_listen);
  EXPECT_EQ(config.stall_threshold_ns, defaults.stall_threshold_ns);
  EXPECT_EQ(config.min_block_ns, defaults.min_block_ns);
  EXPECT_EQ(config.sample_rate_hz, defaults.sample_rate_hz);
  EXPECT_EQ(config.hook, defaults.hook);
  EXPECT_EQ(config.max_loops, defaults.max_loops);
  EXPECT_EQ(config.functions_per_container, defaults.functions_per_container);
  EXPECT_EQ(config.max_function_series, defaults.max_function_series);
  EXPECT_EQ(config.drop_capabilities, defaults.drop_capabilities);
  EXPECT_EQ(config.log_level, defaults.log_level);
}

TEST(Options, EveryFlagReachesItsField) {
  const Config config = parsed({"--listen",
                                "127.0.0.1:1",
                                "--admin-listen",
                                "127.0.0.1:2",
                                "--stall-threshold=50ms",
                                "--min-block",
                                "500us",
                                "--sample-rate",
                                "199",
                                "--stall-log",
                                "/tmp/stalls",
                                "--btf",
                                "/boot/btf",
                                "--hook",
                                "tp_btf",
                                "--max-loops",
                                "7",
                                "-p",
                                "11",
                                "--transparent",
                                "Client.get",
                                "--application-package",
                                "corelib",
                                "--functions-per-container",
                                "3",
                                "--max-function-series",
                                "4",
                                "--budget",
                                "2.5%",
                                "--budget-per-core",
                                "0.25%",
                                "--drop-capabilities",
                                "no",
                                "--log-level",
                                "debug",
                                "--log-format",
                                "json"});
  EXPECT_FALSE(config.drop_capabilities);
  EXPECT_EQ(config.log_format, base::LogFormat::json);
  EXPECT_EQ(config.listen, "127.0.0.1:1");
  EXPECT_EQ(config.admin_listen, "127.0.0.1:2");
  EXPECT_EQ(config.stall_threshold_ns, 50'000'000u);
  EXPECT_EQ(config.min_block_ns, 500'000u);
  EXPECT_EQ(config.sample_rate_hz, 199u);
  EXPECT_EQ(config.stall_log, "/tmp/stalls");
  EXPECT_EQ(config.btf_path, "/boot/btf");
  EXPECT_EQ(config.hook, HookMode::tp_btf);
  EXPECT_EQ(config.max_loops, 7u);
  EXPECT_THAT(config.pids, ElementsAre(11u));
  EXPECT_THAT(config.transparent_functions, ElementsAre("Client.get"));
  EXPECT_THAT(config.application_packages, ElementsAre("corelib"));
  EXPECT_EQ(config.functions_per_container, 3u);
  EXPECT_EQ(config.max_function_series, 4u);
  EXPECT_DOUBLE_EQ(config.budget, 0.025);
  EXPECT_DOUBLE_EQ(config.budget_per_core, 0.0025);
  EXPECT_EQ(config.log_level, base::LogLevel::debug);
}

TEST(Options, StandardOutputAsStallLog) { EXPECT_EQ(parsed({"--stall-log", "-"}).stall_log, "-"); }

TEST(Options, RepeatedFlagsCollect) {
  EXPECT_THAT(parsed({"-p", "1", "--pid", "2", "3"}).pids, ElementsAre(1u, 2u, 3u));
  EXPECT_THAT(parsed({"--transparent", "a", "--transparent", "b"}).transparent_functions,
              ElementsAre("a", "b"));
}

TEST(Options, OfOtherFlagsTheLastCounts) {
  EXPECT_EQ(parsed({"--sample-rate", "10", "--sample-rate", "20"}).sample_rate_hz, 20u);
}

TEST(Options, EnvironmentStandsInForFlags) {
  const Config config = parsed({"--min-block", "2ms"}, {{"LOOPSTALL_STALL_THRESHOLD", "1s"},
                                                        {"LOOPSTALL_MIN_BLOCK", "3ms"},
                                                        {"LOOPSTALL_PID", "4,5"},
                                                        {"LOOPSTALL_SAMPLE_RATE", ""}});
  EXPECT_EQ(config.stall_threshold_ns, 1'000'000'000u);
  EXPECT_EQ(config.min_block_ns, 2'000'000u) << "the flag wins";
  EXPECT_THAT(config.pids, ElementsAre(4u, 5u));
  EXPECT_EQ(config.sample_rate_hz, kAutomaticRate) << "empty is unset";
}

/// A file of a test's own.
class OptionsFile : public ::testing::Test {
 protected:
  std::string write(const std::string& text) const {
    std::ofstream(path) << text;
    return path;
  }
  ~OptionsFile() override { std::remove(path.c_str()); }

  const std::string path =
      ::testing::TempDir() + "loopstall-" + std::to_string(::getpid()) + ".yaml";
};

TEST_F(OptionsFile, StandsInForVariablesAndFlags) {
  write("stall-threshold: 1s\nmin-block: 3ms\nsample-rate: 50\npid: [4, 5]\n");
  const Config config =
      parsed({"--config", path, "--min-block", "2ms"}, {{"LOOPSTALL_SAMPLE_RATE", "60"}});
  EXPECT_EQ(config.stall_threshold_ns, 1'000'000'000u);
  EXPECT_EQ(config.min_block_ns, 2'000'000u) << "the flag wins";
  EXPECT_EQ(config.sample_rate_hz, 60u) << "the variable wins";
  EXPECT_THAT(config.pids, ElementsAre(4u, 5u));
  EXPECT_EQ(config.max_loops, 2048u) << "the default";
}

TEST_F(OptionsFile, ByItsVariable) {
  write("max-loops: 7\n");
  EXPECT_EQ(parsed({}, {{"LOOPSTALL_CONFIG", path}}).max_loops, 7u);
}

TEST_F(OptionsFile, AWrongValueIsNamedWithItsLine) {
  write("\nsample-rate: fast\n");
  EXPECT_EQ(
      refusal({"--config", path}),
      path + ": line 2: sample-rate must be auto or a whole number from 1 to 1000, not 'fast'");
  write("stall-treshold: 1s\n");
  EXPECT_THAT(refusal({"--config", path}), HasSubstr("did you mean stall-threshold?"));
}

TEST_F(OptionsFile, AdviceIsReadFromItsFile) {
  write("advice: [{library: soap/, text: Use soap.aio.}]\n");
  const Config config = parsed({"--advice", path});
  ASSERT_EQ(config.advice.size(), 1u);
  EXPECT_EQ(config.advice[0].library, "soap/");
  write("advice: [{libary: soap/}]\n");
  EXPECT_EQ(refusal({"--advice", path}),
            "--advice: " + path +
                ": line 1: there is no key libary; it has library, function, causes and text");
  EXPECT_THAT(refusal({"--advice", "/proc"}), HasSubstr("--advice cannot read /proc"));
}

TEST_F(OptionsFile, WhatCannotBeReadIsRefused) {
  EXPECT_EQ(refusal({"--config", path}),
            "--config cannot read " + path + ": No such file or directory");
  EXPECT_THAT(refusal({"--config", "/proc"}), HasSubstr("--config cannot read /proc"));
  write(std::string(1'000'001, '#'));
  EXPECT_THAT(refusal({"--config", path}), HasSubstr("more than 1 MB"));
}

TEST_F(OptionsFile, WhatIsPrintedHoldsAgain) {
  write("transparent: [\"a b\", c]\n");
  CLI::App app;
  const Options options(app, Audience::agent);
  std::vector<std::string> words = {"--print-config", "2ms", "--min-block", path, "--config"};
  app.parse(words);
  EXPECT_TRUE(options.prints());
  const auto text = options.printed([](const char* name) -> const char* {
    return std::string_view(name) == "LOOPSTALL_SAMPLE_RATE" ? "60" : nullptr;
  });
  ASSERT_TRUE(text) << text.error().message;
  EXPECT_THAT(*text, HasSubstr("min-block: \"2ms\"  # flag\n"));
  EXPECT_THAT(*text, HasSubstr("sample-rate: \"60\"  # LOOPSTALL_SAMPLE_RATE\n"));
  EXPECT_THAT(*text, HasSubstr("transparent: [\"a b\", \"c\"]  # " + path + "\n"));
  EXPECT_THAT(*text, HasSubstr("stall-threshold: \"100ms\"  # default\n"));
  EXPECT_THAT(*text, HasSubstr("# stall-log: none\n"));
  write(*text);
  const Config again = parsed({"--config", path});
  EXPECT_EQ(again.min_block_ns, 2'000'000u);
  EXPECT_EQ(again.sample_rate_hz, 60u);
  EXPECT_THAT(again.transparent_functions, ElementsAre("a b", "c"));
}

TEST(Options, AWrongVariableIsNamed) {
  EXPECT_EQ(refusal({}, {{"LOOPSTALL_SAMPLE_RATE", "fast"}}),
            "LOOPSTALL_SAMPLE_RATE must be auto or a whole number from 1 to 1000, not 'fast'");
}

TEST(Options, BoundsAreInclusive) {
  EXPECT_EQ(parsed({"--sample-rate", "20", "--sample-rate", "auto"}).sample_rate_hz,
            kAutomaticRate);
  EXPECT_EQ(parsed({"--sample-rate", "1"}).sample_rate_hz, 1u);
  EXPECT_EQ(parsed({"--sample-rate", "1000"}).sample_rate_hz, 1000u);
  EXPECT_EQ(parsed({"--stall-threshold", "1ms"}).stall_threshold_ns, 1'000'000u);
  EXPECT_EQ(parsed({"--stall-threshold", "1h"}).stall_threshold_ns, 3'600'000'000'000u);
}

TEST(Options, OneSentencePerMistake) {
  EXPECT_EQ(refusal({"--stall-threshold", "100"}),
            "--stall-threshold needs a duration with a unit, such as 100ms, not '100'");
  EXPECT_EQ(refusal({"--stall-threshold", "999us"}),
            "--stall-threshold must be from 1ms to 1h, not '999us'");
  EXPECT_EQ(refusal({"--stall-threshold", "61m"}),
            "--stall-threshold must be from 1ms to 1h, not '61m'");
  EXPECT_EQ(refusal({"--drop-capabilities", "maybe"}),
            "--drop-capabilities must be yes or no, not 'maybe'");
  EXPECT_EQ(refusal({"--sample-rate", "0"}),
            "--sample-rate must be auto or a whole number from 1 to 1000, not '0'");
  EXPECT_EQ(refusal({"--sample-rate", "1001"}),
            "--sample-rate must be auto or a whole number from 1 to 1000, not '1001'");
  EXPECT_EQ(refusal({"--max-loops", "-5"}),
            "--max-loops must be a whole number from 1 to 65536, not '-5'");
  EXPECT_EQ(refusal({"-p", "0"}), "--pid must be a whole number from 1 to 4194304, not '0'");
  EXPECT_EQ(refusal({"--hook", "uprobe"}),
            "--hook must be one of auto, fentry, kprobe, tracepoint, tp_btf, not 'uprobe'");
  EXPECT_EQ(refusal({"--log-level", "loud"}),
            "--log-level must be one of debug, info, warning, error, not 'loud'");
  EXPECT_EQ(refusal({"--transparent", ""}),
            "--transparent needs a name of 1 to 256 printable bytes");
}

TEST(Options, Percentages) {
  EXPECT_DOUBLE_EQ(parsed({"--budget", "100%"}).budget, 1);
  EXPECT_DOUBLE_EQ(parsed({"--budget", "0.001%"}).budget, 0.00001);
  for (const std::string text : {"1", "0%", "100.1%", "nan%", "-1%", "%", "1%%", "one%"}) {
    EXPECT_EQ(refusal({"--budget=" + text}),
              "--budget must be a percentage from 0.001% to 100%, such as 1%, not '" + text + "'");
  }
}

TEST(Options, OptionsThatContradictEachOther) {
  EXPECT_EQ(refusal({"--min-block", "1s"}),
            "--min-block must not be longer than --stall-threshold");
  EXPECT_EQ(refusal({"--listen", "127.0.0.1:9878"}),
            "--listen and --admin-listen must differ, both are 127.0.0.1:9878");
}

TEST(Options, ListenAddresses) {
  EXPECT_EQ(parsed({"--listen", ":80"}).listen, "0.0.0.0:80");
  EXPECT_EQ(parsed({"--listen", "localhost:80"}).listen, "127.0.0.1:80");
  EXPECT_EQ(parsed({"--listen", "10.0.0.1:0"}).listen, "10.0.0.1:0");
  EXPECT_EQ(parsed({"--listen", "127.0.0.1:0", "--admin-listen", "127.0.0.1:0"}).listen,
            "127.0.0.1:0");
  EXPECT_EQ(refusal({"--listen", "9877"}),
            "--listen needs an address and a port, such as 0.0.0.0:9877, not '9877'");
  EXPECT_EQ(refusal({"--listen", "0.0.0.0:65536"}),
            "--listen needs an address and a port, such as 0.0.0.0:9877, not '0.0.0.0:65536'");
  EXPECT_EQ(refusal({"--listen", "https://0.0.0.0:9877"}),
            "--listen serves plain HTTP: put a proxy that speaks TLS before it, and give it an "
            "address and a port, such as 127.0.0.1:9877");
  EXPECT_EQ(parsed({"--listen", "[::1]:9877"}).listen, "[::1]:9877");
  for (const char* address : {"example.org", "::1", "[127.0.0.1]", "[::1", "1.2.3", "[]"}) {
    EXPECT_EQ(refusal({"--listen", fmt::format("{}:9877", address)}),
              fmt::format("--listen needs an IP address before the port ([…] for IPv6), not '{}'",
                          address));
  }
}

}  // namespace
}  // namespace loopstall::config
