// SPDX-License-Identifier: Apache-2.0
#include "session/recording_format.h"

namespace loopstall::session::recording {
namespace {

constexpr int kMaxDepth = 20;

template <typename Archive>
void describe_config(Archive& archive, config::Config& config) {
  archive("stall_threshold", config.stall_threshold_ns);
  archive("min_block", config.min_block_ns);
  archive("sample_rate", config.sample_rate_hz);
  archive("max_loops", config.max_loops);
  archive("pids", config.pids);
  archive("functions_per_container", config.functions_per_container);
  archive("max_function_series", config.max_function_series);
}

base::Result<config::Config> no_recording(std::string_view why) {
  return base::fail(base::ErrorKind::usage, "this is no recording of loopstall ({})", why);
}

}  // namespace

namespace {

Json encode_advice(const std::vector<config::AdviceEntry>& advice) {
  Json entries = Json::array();
  for (const config::AdviceEntry& entry : advice) {
    entries.push_back({{"library", entry.library},
                       {"function", entry.function},
                       {"causes", entry.causes},
                       {"text", entry.text}});
  }
  return entries;
}

/// Recordings of before 0.2 have none.
std::vector<config::AdviceEntry> decode_advice(const Json& header) {
  std::vector<config::AdviceEntry> advice;
  const auto found = header.find("advice");
  if (found == header.end()) return advice;
  for (const Json& entry : *found) {
    advice.push_back(
        {entry.at("library"), entry.at("function"), entry.at("causes"), entry.at("text"), 0});
  }
  return advice;
}

}  // namespace

std::string header(const config::Config& config) {
  Writer writer;
  config::Config copy = config;
  describe_config(writer, copy);
  return Json{{"loopstall_recording", kVersion},
              {"config", writer.take()},
              {"with_children", config.with_children},
              {"advice", encode_advice(config.advice)}}
      .dump();
}

base::Result<config::Config> read_header(const std::string& line) {
  try {
    const Json json = parse_line(line);
    const auto version = Codec<int>::decode(json.at("loopstall_recording"));
    if (version != kVersion) {
      return base::fail(base::ErrorKind::usage,
                        "the recording is of version {}, and this loopstall reads version {}; "
                        "replay it with the one that made it",
                        version, kVersion);
    }
    config::Config config;
    Reader reader(json.at("config"));
    describe_config(reader, config);
    config.with_children = json.value("with_children", false);
    config.advice = decode_advice(json);
    if (config.sample_rate_hz == 0) return no_recording("its sampling rate is 0");
    return config;
  } catch (const std::exception& error) {
    return no_recording(error.what());
  }
}

Json parse_line(const std::string& line) {
  const auto shallow = [](int depth, Json::parse_event_t, Json&) {
    if (depth > kMaxDepth) throw std::runtime_error("it is nested too deep");
    return true;
  };
  return Json::parse(line, shallow);
}

namespace {

Json encode_budget(const stalls::BudgetState& budget) {
  return {{"used", budget.used},
          {"allowed", budget.allowed},
          {"detail", static_cast<int>(budget.detail)}};
}

/// Recordings of before 0.2 have none.
stalls::BudgetState decode_budget(const Json& step) {
  const auto found = step.find("budget");
  if (found == step.end()) return {};
  const int detail = decode<int>(found->at("detail"));
  if (detail < 0 || detail >= static_cast<int>(stalls::kDetailNames.size())) {
    throw std::runtime_error("it has a level of detail that does not exist");
  }
  return {decode<double>(found->at("used")), decode<double>(found->at("allowed")),
          static_cast<stalls::Detail>(detail)};
}

}  // namespace

Json encode_step(const Step& step) {
  return {{"now", step.monotonic_ns},
          {"wall", step.wall_ns},
          {"events", encode(step.events)},
          {"results", encode(step.results)},
          {"publishes", step.publishes},
          {"sweeps", step.sweeps},
          {"budget", encode_budget(step.budget)},
          {"answers", Json::object()}};
}

Step decode_step(const Json& json) {
  return {decode<uint64_t>(json.at("now")),
          decode<uint64_t>(json.at("wall")),
          decode<std::vector<probes::Event>>(json.at("events")),
          decode<std::vector<ResolverResult>>(json.at("results")),
          decode<bool>(json.at("publishes")),
          decode<bool>(json.at("sweeps")),
          decode_budget(json)};
}

}  // namespace loopstall::session::recording
