// SPDX-License-Identifier: Apache-2.0
#include "session/replay.h"

#include <fmt/format.h>

#include <istream>
#include <string>
#include <utility>

#include "session/measurement.h"
#include "session/recording_format.h"

namespace loopstall::session {
namespace {

using recording::Json;

/// The machine as it answered: each question in the order in which it was asked within its step.
class RecordedOutside : public Outside {
 public:
  void begin_step(const Step& step, Json&& answers) {
    monotonic_ns_ = step.monotonic_ns;
    wall_ns_ = step.wall_ns;
    answers_ = std::move(answers);
    next_.clear();
  }
  const std::vector<std::shared_ptr<const stalls::StallRecord>>& records() const {
    return records_;
  }
  uint64_t unanswered() const { return unanswered_; }

  uint64_t monotonic_ns() override { return monotonic_ns_; }
  uint64_t wall_ns() override { return wall_ns_; }
  uint32_t slot_count() override {
    return std::min<uint32_t>(answer<uint32_t>("slot_count"), kMaxSlots);
  }
  std::optional<stalls::LoopAccount> read_slot(uint32_t slot) override {
    return answer<std::optional<stalls::LoopAccount>>(fmt::format("account {}", slot));
  }
  uint64_t clock_ns() override { return answer<uint64_t>("clock"); }
  std::optional<probes::OpenSpan> open_span(uint32_t slot, uint32_t, uint64_t, uint64_t) override {
    return answer<std::optional<probes::OpenSpan>>(fmt::format("span {}", slot));
  }
  std::optional<AuditReading> read_for_audit(uint32_t slot, uint32_t, uint32_t) override {
    return answer<std::optional<AuditReading>>(fmt::format("audit {}", slot));
  }
  void prepare_slot(uint32_t, uint32_t, uint64_t) override {}
  void prepare_slot_in_turn(uint32_t, uint32_t, uint64_t, stalls::Cause) override {}
  void finish_slot(uint32_t, uint64_t, const probes::LoopUnheard&) override {}
  bool retire_slot(uint32_t slot) override { return answer<bool>(fmt::format("retire {}", slot)); }
  void release_slot(uint32_t) override {}
  bool describe(const stacks::PythonProcess& process) override {
    return answer<bool>(fmt::format("describe {}", process.pid));
  }
  void ignore(uint32_t, uint64_t, const probes::IgnoredUntil&) override {}
  void forget_process(uint32_t) override {}
  bool accept(const probes::WaitIdentity&, uint32_t slot, uint32_t, uint32_t) override {
    return answer<bool>(fmt::format("accept {}", slot));
  }
  void refuse(const probes::WaitIdentity&) override {}
  void withdraw(const probes::WaitIdentity&) override {}
  void remember(uint32_t, uint64_t, std::optional<uint32_t>) override {}
  bool offer_slot(uint32_t slot, uint32_t) override {
    return answer<bool>(fmt::format("offer {}", slot));
  }
  void watch_polls(bool) override {}
  void seed(std::span<const probes::Seed>) override {}
  std::vector<stalls::HookChoice> hooks() override {
    return answer<std::vector<stalls::HookChoice>>("hooks");
  }
  probes::Probes::Health kernel_health() override {
    return answer<probes::Probes::Health>("kernel");
  }
  std::optional<uint64_t> start_of(uint32_t pid) override {
    return answer<std::optional<uint64_t>>(fmt::format("start {}", pid));
  }
  std::string executable_of(uint32_t pid) override {
    return answer<std::string>(fmt::format("executable {}", pid));
  }
  bool descends_from(uint32_t pid, const std::vector<uint32_t>&) override {
    return answer<bool>(fmt::format("descends {}", pid));
  }
  bool has_thread(uint32_t, uint32_t tid) override {
    return answer<bool>(fmt::format("thread {}", tid));
  }
  void inspect(uint32_t) override {}
  void count_pool(uint32_t) override {}
  void forget_names(uint32_t) override {}
  bool resolve(uint32_t, uint64_t stack_id, const stacks::RawStack&) override {
    return answer<bool>(fmt::format("resolve {}", stack_id));
  }
  bool seed_canary(uint32_t, uint32_t) override { return answer<bool>("canary"); }
  std::vector<CanaryHold> take_canary_holds() override {
    return answer<std::vector<CanaryHold>>("canary_holds");
  }
  uint64_t first_record() override { return answer<uint64_t>("first_record"); }
  void log(std::shared_ptr<const stalls::StallRecord> record) override {
    records_.push_back(std::move(record));
  }
  uint64_t suppressed_records() override { return answer<uint64_t>("suppressed"); }

 private:
  static constexpr uint32_t kMaxSlots = 65'537;  // --max-loops and the canary's

  template <typename T>
  T answer(const std::string& question) {
    const auto found = answers_.find(question);
    std::size_t& next = next_[question];
    if (found == answers_.end() || next >= found->size()) {
      ++unanswered_;
      return T{};
    }
    return recording::decode<T>(found->at(next++));
  }

  uint64_t monotonic_ns_ = 0;
  uint64_t wall_ns_ = 0;
  Json answers_ = Json::object();
  std::map<std::string, std::size_t> next_;  // of each question in this step
  std::vector<std::shared_ptr<const stalls::StallRecord>> records_;
  uint64_t unanswered_ = 0;
};

/// The next line; false at the end, also inside a line that was cut off or is longer than any.
bool next_line(std::istream& recording, std::string& line) {
  line.clear();
  for (int c = recording.get(); c != std::istream::traits_type::eof(); c = recording.get()) {
    if (c == '\n') return true;
    if (line.size() >= recording::kMaxLineBytes) return false;
    line.push_back(static_cast<char>(c));
  }
  return false;
}

/// False when there is none.
bool next_step(std::istream& recording, RecordedOutside& outside, Step& step, bool& is_whole) {
  std::string line;
  if (!next_line(recording, line)) return false;
  is_whole = line == recording::kEnd;
  if (is_whole) return false;
  Json json = recording::parse_line(line);
  step = recording::decode_step(json);
  outside.begin_step(step, std::move(json.at("answers")));
  return true;
}

Replayed take_all(std::istream& recording, const config::Config& config) {
  RecordedOutside outside;
  Replayed replayed;
  Step step;
  if (!next_step(recording, outside, step, replayed.is_whole)) {
    throw std::runtime_error("it has no step");
  }
  Measurement measurement(config, outside);
  measurement.watch_canary();
  replayed.snapshot = measurement.snapshot();
  while (next_step(recording, outside, step, replayed.is_whole)) {
    const bool publishes = step.publishes;
    take_step(measurement, std::move(step));
    if (publishes) replayed.snapshot = measurement.snapshot();
  }
  replayed.records = outside.records();
  replayed.unanswered = outside.unanswered();
  return replayed;
}

}  // namespace

base::Result<Replayed> replay(std::istream& recording) {
  std::string line;
  if (!next_line(recording, line)) {
    return base::fail(base::ErrorKind::usage, "this is no recording of loopstall (it has no line)");
  }
  const auto config = recording::read_header(line);
  if (!config) return tl::unexpected(config.error());
  try {
    return take_all(recording, *config);
  } catch (const std::exception& error) {
    return base::fail(base::ErrorKind::usage, "the recording does not hang together: {}",
                      error.what());
  }
}

}  // namespace loopstall::session
