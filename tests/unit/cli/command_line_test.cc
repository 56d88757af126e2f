// SPDX-License-Identifier: Apache-2.0
#include "cli/command_line.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <optional>
#include <stdexcept>
#include <string>
#include <vector>

namespace loopstall::cli {
namespace {

using ::testing::HasSubstr;
using ::testing::StartsWith;

struct Outcome {
  int status = -1;
  std::string out;
  std::string err;
  std::optional<config::Config> agent;  ///< what the agent command was given
  std::optional<DoctorRequest> doctor;  ///< what the doctor command was given
  std::optional<ReplayRequest> replay;  ///< what the replay command was given
  std::optional<DumpRequest> dump;      ///< what the dump command was given
  std::optional<TopRequest> top;        ///< what the top command was given
  std::optional<RecordRequest> record;  ///< what the record command was given
  std::optional<CheckRequest> check;    ///< what the check command was given
  int versions = 0;                     ///< how often the version was printed
};

Outcome run_with(std::vector<const char*> words, const base::Result<void>& agent_result = {}) {
  Outcome outcome;
  const Commands commands{.agent =
                              [&](const config::Config& config) {
                                outcome.agent = config;
                                return agent_result;
                              },
                          .doctor =
                              [&](const DoctorRequest& request) {
                                outcome.doctor = request;
                                return base::Result<void>();
                              },
                          .replay =
                              [&](const ReplayRequest& request) {
                                outcome.replay = request;
                                return base::Result<void>();
                              },
                          .dump =
                              [&](const DumpRequest& request) {
                                outcome.dump = request;
                                return base::Result<void>();
                              },
                          .top =
                              [&](const TopRequest& request) {
                                outcome.top = request;
                                return base::Result<void>();
                              },
                          .record =
                              [&](const RecordRequest& request) {
                                outcome.record = request;
                                return base::Result<void>();
                              },
                          .check =
                              [&](const CheckRequest& request) {
                                outcome.check = request;
                                return base::Result<int>(4);
                              },
                          .version = [&] { ++outcome.versions; }};
  words.insert(words.begin(), "loopstall");
  words.push_back(nullptr);
  ::testing::internal::CaptureStdout();
  ::testing::internal::CaptureStderr();
  outcome.status = run_command_line(static_cast<int>(words.size()) - 1, words.data(), commands,
                                    [](const char*) { return nullptr; });
  outcome.out = ::testing::internal::GetCapturedStdout();
  outcome.err = ::testing::internal::GetCapturedStderr();
  return outcome;
}

void expect_usage(const std::vector<const char*>& words, const std::string& sentence) {
  const Outcome outcome = run_with(words);
  EXPECT_EQ(outcome.status, 2);
  EXPECT_EQ(outcome.err, "loopstall: " + sentence + "\n");
  EXPECT_EQ(outcome.out, "");
  EXPECT_FALSE(outcome.agent.has_value()) << "nothing runs after a wrong word";
}

TEST(CommandLine, DoctorGetsWhatToLookAt) {
  const Outcome outcome = run_with({"doctor", "--json", "-p", "7", "--pid", "8", "--btf", "/x"});
  ASSERT_TRUE(outcome.doctor);
  EXPECT_TRUE(outcome.doctor->json);
  EXPECT_EQ(outcome.doctor->pids, (std::vector<uint32_t>{7, 8}));
  EXPECT_EQ(outcome.doctor->btf_path, "/x");
  EXPECT_FALSE(outcome.agent.has_value());
  EXPECT_EQ(run_with({"doctor", "-p", "x"}).status, 2);
  EXPECT_THAT(run_with({"doctor", "--jsn"}).err, HasSubstr("did you mean --json?"));
}

TEST(CommandLine, AgentGetsItsConfiguration) {
  const Outcome outcome = run_with({"agent", "--stall-threshold", "200ms", "-p", "7"});
  EXPECT_EQ(outcome.status, 0);
  EXPECT_EQ(outcome.err, "");
  ASSERT_TRUE(outcome.agent.has_value());
  EXPECT_EQ(outcome.agent->stall_threshold_ns, 200'000'000u);
  EXPECT_EQ(outcome.agent->pids, std::vector<uint32_t>{7});
}

TEST(CommandLine, ReplayGetsItsFile) {
  const Outcome outcome = run_with({"replay", "measured.ndjson", "--stalls"});
  EXPECT_EQ(outcome.status, 0);
  ASSERT_TRUE(outcome.replay);
  EXPECT_EQ(outcome.replay->file, "measured.ndjson");
  EXPECT_TRUE(outcome.replay->stalls);
  EXPECT_FALSE(run_with({"replay", "measured.ndjson"}).replay->stalls);
  const Outcome without = run_with({"replay"});
  EXPECT_EQ(without.status, 2);
  EXPECT_THAT(without.err, HasSubstr("FILE"));
  EXPECT_EQ(run_with({"replay", "one", "two"}).status, 2);
}

TEST(CommandLine, DumpGetsWhereToLook) {
  const Outcome outcome = run_with({"dump", "-p", "7", "--json", "--stall-threshold", "1s"});
  ASSERT_TRUE(outcome.dump) << outcome.err;
  EXPECT_EQ(outcome.dump->config.pids, std::vector<uint32_t>{7});
  EXPECT_EQ(outcome.dump->config.stall_threshold_ns, 1'000'000'000u);
  EXPECT_TRUE(outcome.dump->json);
  EXPECT_THAT(run_with({"dump", "--listen", "127.0.0.1:1"}).err, HasSubstr("has no option"))
      << "it serves nothing";
}

TEST(CommandLine, TopGetsItsOrder) {
  const Outcome outcome = run_with({"top", "--sort", "harm", "-d", "2s", "--no-color"});
  ASSERT_TRUE(outcome.top) << outcome.err;
  EXPECT_EQ(outcome.top->order, terminal::Order::harm);
  EXPECT_EQ(outcome.top->duration_ns, 2'000'000'000u);
  EXPECT_TRUE(outcome.top->no_color);
  EXPECT_EQ(run_with({"top"}).top->order, terminal::Order::occupancy);
  expect_usage({"top", "--sort", "size"}, "--sort must be occupancy, hold or harm, not \"size\"");
  EXPECT_EQ(run_with({"top", "-d", "soon"}).status, 2);
}

TEST(CommandLine, CheckGetsItsRuleAndItsCommand) {
  const Outcome outcome = run_with({"check",
                                    "--max-occupancy",
                                    "2.5%",
                                    "--max-hold",
                                    "50ms",
                                    "--max-blocked",
                                    "network=20",
                                    "--max-blocked",
                                    "sleep=0",
                                    "--all-causes",
                                    "--load",
                                    "wrk x",
                                    "-d",
                                    "5s",
                                    "--format",
                                    "junit",
                                    "-o",
                                    "out.xml",
                                    "--baseline",
                                    "b.json",
                                    "--allow",
                                    "a.yaml",
                                    "--",
                                    "uvicorn",
                                    "app.main:app",
                                    "--port",
                                    "80",
                                    "-p",
                                    "x"});
  ASSERT_TRUE(outcome.check) << outcome.err;
  EXPECT_EQ(outcome.status, 4) << "the command's own exit status";
  const CheckRequest& request = *outcome.check;
  EXPECT_EQ(request.command,
            (std::vector<std::string>{"uvicorn", "app.main:app", "--port", "80", "-p", "x"}))
      << "its words are its own";
  EXPECT_DOUBLE_EQ(request.criteria.max_occupancy, 0.025);
  EXPECT_EQ(request.criteria.max_hold_ns, 50'000'000u);
  EXPECT_TRUE(request.criteria.all_causes);
  EXPECT_DOUBLE_EQ(request.criteria.max_blocked_ms.at(stalls::Cause::network), 20);
  EXPECT_DOUBLE_EQ(request.criteria.max_blocked_ms.at(stalls::Cause::sleep), 0);
  EXPECT_EQ(request.load, "wrk x");
  EXPECT_EQ(request.duration_ns, 5'000'000'000u);
  EXPECT_EQ(request.format, check::Format::junit);
  EXPECT_EQ(request.output, "out.xml");
  EXPECT_EQ(request.baseline, "b.json");
  EXPECT_EQ(request.allow, "a.yaml");
  expect_usage({"top", "--", "uvicorn"},
               "only loopstall check and loopstall record take a command (-- COMMAND)");
  EXPECT_EQ(run_with({"check", "-p", "7"}).check->config.pids, std::vector<uint32_t>{7});
}

TEST(CommandLine, CheckRefusesWhatItCannotJudgeBy) {
  expect_usage(
      {"check", "-p", "7", "--max-blocked", "coffee=20"},
      "--max-blocked needs a cause and milliseconds in 1,000 turns, such as network=20, not "
      "\"coffee=20\"");
  for (const char* limit : {"network", "network=", "network=-1", "network=1x", "network=nan"}) {
    EXPECT_EQ(run_with({"check", "-p", "7", "--max-blocked", limit}).status, 2) << limit;
  }
  expect_usage({"check", "-p", "7", "--format", "xml"},
               "--format must be text, json, junit or sarif, not \"xml\"");
  EXPECT_EQ(run_with({"check", "-p", "7", "--max-occupancy", "5"}).status, 2);
  EXPECT_THAT(run_with({"check"}).err, HasSubstr("-p PID"));
  EXPECT_THAT(run_with({"check", "-p", "7", "--", "uvicorn"}).err, HasSubstr("one of both"));
  EXPECT_THAT(run_with({"check", "--max-hodl", "5ms", "--", "uvicorn"}).err,
              HasSubstr("did you mean --max-hold?"));
}

TEST(CommandLine, RecordGetsItsServiceAndItsFormat) {
  const Outcome outcome = run_with({"record", "-d", "5s", "-r", "499", "-o", "x.json",
                                    "--subprocesses", "--", "uvicorn", "-o", "y"});
  ASSERT_TRUE(outcome.record) << outcome.err;
  EXPECT_EQ(outcome.record->command, (std::vector<std::string>{"uvicorn", "-o", "y"}));
  EXPECT_EQ(outcome.record->duration_ns, 5'000'000'000u);
  EXPECT_EQ(outcome.record->format, profile::Format::speedscope);
  EXPECT_EQ(outcome.record->output, "x.json");
  EXPECT_EQ(outcome.record->config.sample_rate_hz, 499u);
  EXPECT_TRUE(outcome.record->config.with_children);
  const Outcome other = run_with({"record", "-p", "7", "-o", "x.json", "-f", "html"});
  ASSERT_TRUE(other.record) << other.err;
  EXPECT_EQ(other.record->format, profile::Format::html) << "what is said wins over the ending";
  EXPECT_FALSE(other.record->config.with_children);
}

TEST(CommandLine, RecordRefusesWhatItCannotWrite) {
  expect_usage({"record", "-p", "7"},
               "loopstall record needs a file to write, such as -o profile.html");
  expect_usage({"record", "-p", "7", "-o", "x", "-f", "svg"},
               "--format must be html, speedscope, pprof, collapsed or lsr, not \"svg\"");
  EXPECT_THAT(run_with({"record", "-p", "7", "-o", "x"}).err, HasSubstr("say it with --format"));
  EXPECT_THAT(run_with({"record", "-o", "x.html"}).err, HasSubstr("-p PID"));
  EXPECT_THAT(run_with({"record", "-p", "7", "-o", "x.html", "--", "y"}).err,
              HasSubstr("one of both"));
  EXPECT_THAT(run_with({"record", "-p", "7", "--subproceses"}).err,
              HasSubstr("did you mean --subprocesses?"));
}

TEST(CommandLine, VersionAsCommandAndAsFlag) {
  for (const char* word : {"version", "--version"}) {
    const Outcome outcome = run_with({word});
    EXPECT_EQ(outcome.status, 0) << word;
    EXPECT_EQ(outcome.versions, 1) << word;
  }
}

TEST(CommandLine, HelpGoesToStandardOutput) {
  const Outcome general = run_with({"--help"});
  EXPECT_EQ(general.status, 0);
  EXPECT_THAT(general.out, HasSubstr("agent"));
  EXPECT_THAT(general.out, HasSubstr("version"));
  const Outcome agent = run_with({"agent", "--help"});
  EXPECT_EQ(agent.status, 0);
  EXPECT_THAT(agent.out, HasSubstr("--stall-threshold"));
  EXPECT_FALSE(agent.agent.has_value());
}

TEST(CommandLine, UnknownOptions) {
  expect_usage({"agent", "--lisen", "127.0.0.1:1"},
               "loopstall agent has no option \"--lisen\"; did you mean --listen?");
  expect_usage({"agent", "--stall_threshold=1s"},
               "loopstall agent has no option \"--stall_threshold\"; "
               "did you mean --stall-threshold?");
  expect_usage({"agent", "--frobnicate"},
               "loopstall agent has no option \"--frobnicate\"; loopstall agent --help lists them");
  expect_usage({"agent", "-z"},
               "loopstall agent has no option \"-z\"; loopstall agent --help lists them");
  expect_usage({"--versoin"}, "loopstall has no option \"--versoin\"; did you mean --version?");
}

TEST(CommandLine, AnUnknownOptionBeforeAKnownOne) {
  expect_usage({"agent", "--bogus", "--sample-rate", "10"},
               "loopstall agent has no option \"--bogus\"; loopstall agent --help lists them");
}

TEST(CommandLine, UnknownCommands) {
  expect_usage({"agnet"}, "there is no command \"agnet\"; did you mean agent?");
  expect_usage({"frobnicate"}, "there is no command \"frobnicate\"; loopstall --help lists them");
  expect_usage({}, "a command is needed; loopstall --help lists them");
}

TEST(CommandLine, ArgumentsThatNobodyAskedFor) {
  expect_usage({"agent", "1234"},
               "loopstall agent takes no argument \"1234\"; loopstall agent --help lists its "
               "options");
}

TEST(CommandLine, MissingValues) {
  expect_usage({"agent", "--listen"}, "--listen needs a value");
  expect_usage({"agent", "--pid"}, "--pid needs a value");
}

TEST(CommandLine, WrongValues) {
  expect_usage({"agent", "--stall-threshold", "100"},
               "--stall-threshold needs a duration with a unit, such as 100ms, not '100'");
}

TEST(CommandLine, WordsCannotDriveTheTerminal) {
  const Outcome outcome = run_with({"agent", "--a\x1b[31m\nb"});
  EXPECT_EQ(outcome.status, 2);
  EXPECT_THAT(outcome.err, StartsWith("loopstall: loopstall agent has no option"));
  EXPECT_EQ(outcome.err.find('\x1b'), std::string::npos);
  EXPECT_EQ(outcome.err.find('\n'), outcome.err.size() - 1);
}

TEST(CommandLine, TheKindOfFailureIsTheExitStatus) {
  using base::ErrorKind;
  for (const auto& [kind, status] : std::vector<std::pair<ErrorKind, int>>{
           {ErrorKind::usage, 2}, {ErrorKind::environment, 3}, {ErrorKind::internal, 70}}) {
    const Outcome outcome = run_with({"agent"}, base::fail(kind, "port {} is busy", 9877));
    EXPECT_EQ(outcome.status, status);
    EXPECT_EQ(outcome.err, "loopstall: port 9877 is busy\n");
  }
}

TEST(CommandLine, AnExceptionIsADefectOfOurs) {
  const Commands commands{
      .agent = [](const config::Config&) -> base::Result<void> { throw std::runtime_error("bad"); },
      .version = [] {}};
  const char* words[] = {"loopstall", "agent", nullptr};
  ::testing::internal::CaptureStderr();
  EXPECT_EQ(run_command_line(2, words, commands, [](const char*) { return nullptr; }), 70);
  EXPECT_EQ(::testing::internal::GetCapturedStderr(), "loopstall: internal error: bad\n");
}

}  // namespace
}  // namespace loopstall::cli
