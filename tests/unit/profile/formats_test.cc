// SPDX-License-Identifier: Apache-2.0
#include "profile/formats.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <nlohmann/json.hpp>

namespace loopstall::profile {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

constexpr uint64_t kMs = 1'000'000;

stacks::Frame frame(std::string function, std::string file, int line) {
  stacks::Frame one;
  one.function = std::move(function);
  one.file = std::move(file);
  one.line = line;
  one.origin = stacks::Origin::application;
  return one;
}

/// Innermost first; the culprit is `culprit`.
stalls::KnownStackPtr stack_of(std::vector<stacks::Frame> frames, std::size_t culprit) {
  stalls::KnownStack known;
  known.attribution.culprit = culprit;
  known.attribution.function = frames[culprit].function;
  known.attribution.file = frames[culprit].file;
  known.stack.frames = std::move(frames);
  return std::make_shared<const stalls::KnownStack>(std::move(known));
}

loops::LoopLabels labels(std::string process) {
  loops::LoopLabels one;
  one.process = std::move(process);
  return one;
}

stalls::Snapshot snapshot_of(std::vector<std::string> processes) {
  stalls::Snapshot snapshot;
  for (std::string& process : processes) {
    snapshot.services.emplace_back().labels = labels(std::move(process));
  }
  return snapshot;
}

stalls::StackTime time(stalls::KnownStackPtr stack, stalls::Cause cause, uint64_t ns) {
  return {stack, stack->attribution.function, stack->attribution.file, cause, ns};
}

Profile profile_of(std::vector<stalls::StackTime> times) {
  return make_profile(snapshot_of({"app"}), {{labels("app"), std::move(times)}});
}

TEST(Profile, EqualStacksAreOne) {
  const auto make = [] {
    return stack_of({frame("recv", "ssl.py", 3), frame("ask", "a.py", 7)}, 1);
  };
  const Profile profile = profile_of({time(make(), stalls::Cause::network, 2 * kMs),
                                      time(make(), stalls::Cause::network, 3 * kMs),
                                      time(make(), stalls::Cause::cpu, kMs)});
  ASSERT_EQ(profile.places.size(), 2u);
  ASSERT_EQ(profile.samples.size(), 2u);
  EXPECT_EQ(profile.samples[1].ns, 5 * kMs);
  EXPECT_EQ(profile.places[profile.samples[1].places.front()].function, "ask") << "outermost first";
  EXPECT_EQ(profile.places[profile.samples[1].blamed].line, 7);
}

TEST(Profile, TimeWithoutAStackIsItsOwners) {
  const Profile profile = profile_of({{nullptr, "~machine", "", stalls::Cause::runqueue, 4 * kMs}});
  ASSERT_EQ(profile.samples.size(), 1u);
  EXPECT_EQ(profile.places[profile.samples[0].blamed].function, "~machine");
  EXPECT_EQ(to_collapsed(profile), "app;~machine;[runqueue] 4000\n");
}

TEST(Profile, OneServiceIsNotTheOther) {
  const auto stack = stack_of({frame("ask", "a.py", 7)}, 0);
  const Profile profile = make_profile(snapshot_of({"one", "two"}),
                                       {{labels("one"), {time(stack, stalls::Cause::cpu, kMs)}},
                                        {labels("two"), {time(stack, stalls::Cause::cpu, kMs)}},
                                        {labels("gone"), {time(stack, stalls::Cause::cpu, kMs)}}});
  EXPECT_EQ(to_collapsed(profile), "one;ask (a.py:7);[cpu] 1000\ntwo;ask (a.py:7);[cpu] 1000\n");
}

TEST(Collapsed, NamesEndNeitherTheirFrameNorTheirLine) {
  const auto stack = stack_of({frame("a;b\nc 9", "x.py", 0)}, 0);
  EXPECT_EQ(to_collapsed(profile_of({time(stack, stalls::Cause::cpu, kMs)})),
            "app;a,b?c 9 (x.py);[cpu] 1000\n");
}

TEST(Speedscope, WeightsAddUpAndCausesAreInnermost) {
  const auto stack = stack_of({frame("recv", "ssl.py", 3), frame("ask", "a.py", 7)}, 1);
  const auto json = nlohmann::json::parse(to_speedscope(profile_of(
      {time(stack, stalls::Cause::network, 2 * kMs), time(stack, stalls::Cause::cpu, kMs)})));
  const auto& shown = json["profiles"][0];
  EXPECT_EQ(shown["endValue"], 3 * kMs);
  EXPECT_EQ(shown["weights"][0].get<uint64_t>() + shown["weights"][1].get<uint64_t>(), 3 * kMs);
  const auto& frames = json["shared"]["frames"];
  EXPECT_EQ(frames[shown["samples"][1].back().get<std::size_t>()]["name"], "[network]");
  EXPECT_EQ(frames[shown["samples"][1][0].get<std::size_t>()]["name"], "ask");
}

TEST(Html, NamesAreNoMarkup) {
  const auto stack = stack_of({frame("</script><img src=x>", "&.py", 1)}, 0);
  const std::string page = to_html(profile_of({time(stack, stalls::Cause::cpu, kMs)}));
  EXPECT_THAT(page, Not(HasSubstr("<img")));
  EXPECT_THAT(page, HasSubstr("\\u003c/script\\u003e\\u003cimg src=x\\u003e"));
  EXPECT_THAT(page, Not(HasSubstr("/*data*/")));
  EXPECT_THAT(page, HasSubstr("default-src 'none'")) << "it works offline";
}

TEST(Pprof, IsCompressed) {
  const std::string packed =
      to_pprof(profile_of({time(stack_of({frame("ask", "a.py", 7)}, 0), stalls::Cause::cpu, kMs)}));
  ASSERT_GT(packed.size(), 20u);
  EXPECT_EQ(packed.substr(0, 2), "\x1f\x8b");
}

TEST(Formats, FollowFromNamesAndEndings) {
  EXPECT_EQ(format_of("pprof"), Format::pprof);
  EXPECT_EQ(format_of("svg"), std::nullopt);
  EXPECT_EQ(format_of_path("/tmp/a.b/x.pb.gz"), Format::pprof);
  EXPECT_EQ(format_of_path("x.speedscope.json"), Format::speedscope);
  EXPECT_EQ(format_of_path("x.folded"), Format::collapsed);
  EXPECT_EQ(format_of_path("x.lsr"), Format::lsr);
  EXPECT_EQ(format_of_path(".html"), std::nullopt) << "a name without an ending";
  EXPECT_EQ(format_of_path("html"), std::nullopt);
}

}  // namespace
}  // namespace loopstall::profile
