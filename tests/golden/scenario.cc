// SPDX-License-Identifier: Apache-2.0
#include "scenario.h"

#include <cmath>
#include <cstring>
#include <fstream>
#include <sstream>
#include <stdexcept>
#include <string_view>

#include "probes/syscalls.h"
#include "stalls/cause.h"

namespace loopstall::golden {
namespace {

constexpr uint64_t kFirstCode = 0x7f0000001000;

[[noreturn]] void fail(const std::string& what) { throw std::runtime_error(what); }

uint32_t cause_number(std::string_view name) {
  for (uint32_t number = 0; number < LS_CAUSES; ++number) {
    if (stalls::cause_name(static_cast<stalls::Cause>(number)) == name) return number;
  }
  fail("no cause " + std::string(name));
}

uint32_t syscall_number(std::string_view name) {
  for (const probes::SyscallRule& rule : probes::syscall_rules()) {
    if (rule.name == name) return rule.number;
  }
  fail("no system call " + std::string(name));
}

uint32_t fd_kind_number(std::string_view name) {
  for (uint32_t kind = 0; kind < LS_FD_KINDS; ++kind) {
    if (probes::fd_kind_name(kind) == name) return kind;
  }
  fail("no kind of descriptor " + std::string(name));
}

/// The KEY=VALUE words of one line. Each has to be asked for.
class Words {
 public:
  explicit Words(std::istringstream& line) {
    for (std::string word; line >> word;) {
      const std::size_t equals = word.find('=');
      if (equals == std::string::npos) fail("no value: " + word);
      values_[word.substr(0, equals)] = word.substr(equals + 1);
    }
  }

  std::string take(const std::string& key, const std::string& otherwise = {}) {
    const auto found = values_.find(key);
    if (found == values_.end()) return otherwise;
    std::string value = std::move(found->second);
    values_.erase(found);
    return value;
  }
  bool has(const std::string& key) const { return values_.contains(key); }
  uint64_t number(const std::string& key) { return std::stoull(take(key, "0")); }
  uint64_t ns(const std::string& key) {
    return static_cast<uint64_t>(std::llround(std::stod(take(key, "0")) * 1e6));
  }
  void by_cause(__u64 (&values)[LS_CAUSES], const std::string& prefix = {}) {
    for (uint32_t cause = 0; cause < LS_CAUSES; ++cause) {
      const std::string key =
          prefix + std::string(stalls::cause_name(static_cast<stalls::Cause>(cause)));
      if (has(key)) values[cause] = ns(key);
    }
  }
  void expect_none_left() const {
    if (!values_.empty()) fail("unknown key " + values_.begin()->first);
  }

 private:
  std::map<std::string, std::string> values_;
};

class Parser {
 public:
  Scenario parse(std::istream& in) {
    int number = 0;
    for (std::string line; std::getline(in, line);) {
      ++number;
      try {
        parse_line(line.substr(0, line.find('#')));
      } catch (const std::exception& error) {
        fail("line " + std::to_string(number) + ": " + error.what());
      }
    }
    return std::move(scenario_);
  }

 private:
  void parse_line(const std::string& text) {
    std::istringstream line(text);
    std::string kind;
    if (!(line >> kind)) return;
    if (kind == "frame") return add_frame(line);
    Words words(line);
    if (kind == "account") {
      add_reading(words);
    } else if (kind == "turn_end") {
      add_turn_end(words);
    } else if (kind == "delayed") {
      const ls_event_header header = header_of(LS_EVENT_DELAYED, words);
      add(ls_delayed_event{header, words.number("count")}, sizeof(ls_delayed_event));
    } else if (kind == "block" || kind == "tick" || kind == "holder") {
      add_stack(kind, words);
    } else {
      fail("unknown word " + kind);
    }
    words.expect_none_left();
  }

  void add_frame(std::istringstream& line) {
    static const std::map<std::string, stacks::Ownership> kOwners = {
        {"application", stacks::Ownership::own_file},
        {"third_party", stacks::Ownership::installed},
        {"well_known", stacks::Ownership::listed},
        {"stdlib", stacks::Ownership::stdlib_folder},
        {"synthetic", stacks::Ownership::generated}};
    static const std::map<std::string, stacks::FrameKind> kKinds = {
        {"generator", stacks::FrameKind::generator},
        {"coroutine", stacks::FrameKind::coroutine},
        {"async_generator", stacks::FrameKind::async_generator}};
    std::string stack, origin;
    stacks::Frame frame;
    if (!(line >> stack >> frame.function >> frame.file >> frame.path >> frame.line >> origin)) {
      fail("frame STACK FUNCTION FILE PATH LINE ORIGIN [KIND]");
    }
    frame.ownership = kOwners.at(origin);
    frame.origin = stacks::origin_of(frame.ownership);
    std::string kind;
    if (line >> kind) frame.kind = kKinds.at(kind);
    const uint64_t code = kFirstCode + 0x100 * scenario_.code.size();
    scenario_.code[code] = std::move(frame);
    stacks_[stack].push_back({code, 4, 1});
  }

  ls_event_header header_of(uint32_t type, Words& words) {
    return {type, 1, 1, 100, 100, 0, words.ns("t"), words.number("turn")};
  }

  void add_stack(const std::string& kind, Words& words) {
    ls_stack_event event{};
    event.header = header_of(kind == "block"  ? LS_EVENT_BLOCK
                             : kind == "tick" ? LS_EVENT_TICK
                                              : LS_EVENT_HOLDER,
                             words);
    event.start_ns = words.ns("start");
    event.blocked_ns = words.ns("blocked");
    event.runqueue_ns = words.ns("runqueue");
    event.weight_ns = words.ns("weight");
    event.cause = cause_number(words.take("cause", "cpu"));
    event.syscall = words.has("syscall") ? syscall_number(words.take("syscall")) : LS_NO_SYSCALL;
    event.fd_kind = fd_kind_number(words.take("fd_kind"));
    event.coroutine = words.number("coroutine");
    event.flags = words.number("gc") != 0 ? LS_STACK_IN_GC : 0;
    if (words.has("stack")) {
      for (const ls_frame& frame : stacks_.at(words.take("stack"))) {
        event.frames[event.frame_count++] = frame;
      }
    }
    add(event, offsetof(ls_stack_event, frames) + event.frame_count * sizeof(ls_frame));
  }

  void add_turn_end(Words& words) {
    ls_turn_event event{};
    event.header = header_of(LS_EVENT_TURN_END, words);
    event.start_ns = words.ns("start");
    event.phase = words.take("phase", "serving") == "serving" ? LS_SERVING : LS_STARTUP;
    event.flags = words.number("at_least") != 0 ? LS_TURN_AT_LEAST : 0;
    event.is_long = static_cast<uint32_t>(words.number("stall"));
    event.dominant_cause = cause_number(words.take("dominant", "cpu"));
    words.by_cause(event.cause_ns);
    add(event, sizeof event);
  }

  void add_reading(Words& words) {
    static const std::map<std::string, uint32_t> kStates = {{"idle", LS_SLOT_IDLE},
                                                            {"running", LS_SLOT_RUNNING},
                                                            {"off_cpu", LS_SLOT_OFF_CPU},
                                                            {"ended", LS_SLOT_ENDED}};
    const uint64_t time_ns = words.ns("t");
    slot_.generation = 1;
    slot_.state = kStates.at(words.take("state", "idle"));
    slot_.accounted_ns = words.has("accounted") ? words.ns("accounted") : time_ns;
    if (words.has("cause")) slot_.current_cause = cause_number(words.take("cause"));
    slot_.turn_start_ns = words.ns("turn_start");
    if (words.has("turn")) slot_.turn_number = words.number("turn");
    slot_.phase = words.take("phase", "serving") == "serving" ? LS_SERVING : LS_STARTUP;
    words.by_cause(slot_.busy_ns, "busy.");
    words.by_cause(slot_.stall_ns, "stall_time.");
    for (uint32_t cause = 0; cause < LS_CAUSES; ++cause) {
      const std::string key =
          "stalls." + std::string(stalls::cause_name(static_cast<stalls::Cause>(cause)));
      if (words.has(key)) slot_.stalls[cause] = words.number(key);
    }
    if (words.has("idle")) slot_.idle_ns = words.ns("idle");
    if (words.has("startup")) slot_.startup_ns = words.ns("startup");
    if (words.has("ready")) slot_.ready_events = words.number("ready");
    if (words.has("delayed")) slot_.delayed_events = words.number("delayed");
    for (uint32_t bucket = 0; bucket < LS_BUCKETS; ++bucket) {
      const std::string key = "bucket." + std::to_string(bucket);
      if (words.has(key)) slot_.turn_buckets[bucket].count = words.number(key);
      const std::string time = "bucket_time." + std::to_string(bucket);
      if (words.has(time)) slot_.turn_buckets[bucket].ns = words.ns(time);
    }
    uint32_t entry = 0;
    for (const probes::SyscallRule& rule : probes::syscall_rules()) {
      const std::string key = "syscall." + std::string(rule.name);
      if (words.has(key)) slot_.syscalls[entry++] = {rule.number + 1, 0, words.ns(key)};
    }
    scenario_.steps.push_back(Reading{time_ns, slot_});
  }

  template <typename T>
  void add(const T& event, std::size_t size) {
    Record record;
    record.bytes.resize(size);
    std::memcpy(record.bytes.data(), &event, size);
    scenario_.steps.push_back(std::move(record));
  }

  Scenario scenario_;
  std::map<std::string, std::vector<ls_frame>> stacks_;
  ls_slot slot_{};
};

}  // namespace

Scenario read_scenario(const std::filesystem::path& path) {
  std::ifstream in(path);
  if (!in) fail("cannot read " + path.string());
  return Parser().parse(in);
}

}  // namespace loopstall::golden
