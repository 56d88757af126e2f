// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <array>
#include <string>
#include <vector>

#include "exposition/json_values.h"
#include "profile/formats.h"
#include "profile/words.h"

namespace loopstall::profile {
namespace {

using exposition::Json;

constexpr const char* kSchema = "https://www.speedscope.app/file-format-schema.json";

/// Places first, then the causes.
Json frames_json(const Profile& profile) {
  Json frames = Json::array();
  for (const Place& place : profile.places) {
    Json frame = {{"name", place.function}};
    if (!place.file.empty()) frame["file"] = place.file;
    if (place.line > 0) frame["line"] = place.line;
    frames.push_back(std::move(frame));
  }
  for (std::size_t cause = 0; cause < stalls::kCauseCount; ++cause) {
    frames.push_back({{"name", bracketed(static_cast<stalls::Cause>(cause))}});
  }
  return frames;
}

Json profile_json(const Profile& profile, std::size_t service) {
  Json stacks = Json::array(), weights = Json::array();
  uint64_t total_ns = 0;
  for (const Sample& sample : profile.samples) {
    if (sample.service != service) continue;
    Json stack = sample.places;
    stack.push_back(profile.places.size() + stalls::index(sample.cause));
    stacks.push_back(std::move(stack));
    weights.push_back(sample.ns);
    total_ns += sample.ns;
  }
  return {{"type", "sampled"},
          {"name", name_of(profile.services[service].labels)},
          {"unit", "nanoseconds"},
          {"startValue", 0},
          {"endValue", total_ns},
          {"samples", std::move(stacks)},
          {"weights", std::move(weights)}};
}

}  // namespace

std::string to_speedscope(const Profile& profile) {
  Json profiles = Json::array();
  for (std::size_t service = 0; service < profile.services.size(); ++service) {
    profiles.push_back(profile_json(profile, service));
  }
  return exposition::dump({{"$schema", kSchema},
                           {"name", profile.title},
                           {"exporter", "loopstall"},
                           {"activeProfileIndex", 0},
                           {"shared", {{"frames", frames_json(profile)}}},
                           {"profiles", std::move(profiles)}}) +
         "\n";
}

}  // namespace loopstall::profile
