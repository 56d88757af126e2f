// SPDX-License-Identifier: Apache-2.0
#include "session/recorder.h"

#include <fcntl.h>
#include <fmt/format.h>

#include <cerrno>
#include <cstring>
#include <utility>

#include "base/log.h"
#include "session/recording_codec.h"
#include "session/recording_format.h"

namespace loopstall::session {

using recording::Json;

base::Result<Recorder::File> Recorder::create_file(const std::string& path) {
  const int fd = ::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
  if (fd < 0) {
    return base::fail(base::ErrorKind::environment,
                      "cannot create the recording {}: {}; give a path that does not exist with "
                      "--record",
                      path, std::strerror(errno));
  }
  return File(::fdopen(fd, "w"));
}

Recorder::Recorder(File file, const config::Config& config, Outside& live)
    : file_(std::move(file)), live_(live), line_(std::make_unique<Json>()) {
  write(recording::header(config));
  begin_step({live.monotonic_ns(), live.wall_ns(), {}, {}, true, false});
}

Recorder::~Recorder() {
  if (file_) write(std::string(recording::kEnd));
}

void Recorder::begin_step(const Step& step) {
  if (file_) *line_ = recording::encode_step(step);
}

void Recorder::end_step() {
  if (!file_) return;
  write(line_->dump(-1, ' ', false, Json::error_handler_t::replace));
  *line_ = Json();
}

void Recorder::write(const std::string& line) {
  const bool fits = written_ + line.size() < recording::kMaxBytes;
  const bool is_written = fits && std::fputs(line.c_str(), file_.get()) >= 0 &&
                          std::fputc('\n', file_.get()) != EOF && std::fflush(file_.get()) == 0;
  written_ += line.size() + 1;
  if (is_written) return;
  base::log_warning("the recording ends: {}",
                    fits ? std::strerror(errno) : "it has reached its greatest size");
  file_.reset();
}

template <typename T>
T Recorder::note(std::string&& question, T answer) {
  if (file_) (*line_)["answers"][std::move(question)].push_back(recording::encode(answer));
  return answer;
}

uint32_t Recorder::slot_count() { return note("slot_count", live_.slot_count()); }

std::optional<stalls::LoopAccount> Recorder::read_slot(uint32_t slot) {
  return note(fmt::format("account {}", slot), live_.read_slot(slot));
}

uint64_t Recorder::clock_ns() { return note("clock", live_.clock_ns()); }

std::optional<probes::OpenSpan> Recorder::open_span(uint32_t slot, uint32_t generation,
                                                    uint64_t begun_before_ns,
                                                    uint64_t known_since_ns) {
  return note(fmt::format("span {}", slot),
              live_.open_span(slot, generation, begun_before_ns, known_since_ns));
}

std::optional<AuditReading> Recorder::read_for_audit(uint32_t slot, uint32_t pid, uint32_t tid) {
  return note(fmt::format("audit {}", slot), live_.read_for_audit(slot, pid, tid));
}

void Recorder::prepare_slot(uint32_t slot, uint32_t generation, uint64_t since_ns) {
  live_.prepare_slot(slot, generation, since_ns);
}

void Recorder::prepare_slot_in_turn(uint32_t slot, uint32_t generation, uint64_t since_ns,
                                    stalls::Cause cause) {
  live_.prepare_slot_in_turn(slot, generation, since_ns, cause);
}

void Recorder::finish_slot(uint32_t slot, uint64_t end_ns, const probes::LoopUnheard& unheard) {
  live_.finish_slot(slot, end_ns, unheard);
}

bool Recorder::retire_slot(uint32_t slot) {
  return note(fmt::format("retire {}", slot), live_.retire_slot(slot));
}

void Recorder::release_slot(uint32_t slot) { live_.release_slot(slot); }

bool Recorder::describe(const stacks::PythonProcess& process) {
  return note(fmt::format("describe {}", process.pid), live_.describe(process));
}

void Recorder::ignore(uint32_t pid, uint64_t start_boot_ns, const probes::IgnoredUntil& until) {
  live_.ignore(pid, start_boot_ns, until);
}

void Recorder::forget_process(uint32_t pid) { live_.forget_process(pid); }

bool Recorder::accept(const probes::WaitIdentity& wait, uint32_t slot, uint32_t generation,
                      uint32_t runtime) {
  return note(fmt::format("accept {}", slot), live_.accept(wait, slot, generation, runtime));
}

void Recorder::refuse(const probes::WaitIdentity& wait) { live_.refuse(wait); }

void Recorder::withdraw(const probes::WaitIdentity& wait) { live_.withdraw(wait); }

void Recorder::remember(uint32_t pid, uint64_t signature, std::optional<uint32_t> runtime) {
  live_.remember(pid, signature, runtime);
}

bool Recorder::offer_slot(uint32_t slot, uint32_t generation) {
  return note(fmt::format("offer {}", slot), live_.offer_slot(slot, generation));
}

void Recorder::watch_polls(bool watch) { live_.watch_polls(watch); }

void Recorder::seed(std::span<const probes::Seed> seeds) { live_.seed(seeds); }

std::vector<stalls::HookChoice> Recorder::hooks() { return note("hooks", live_.hooks()); }

probes::Probes::Health Recorder::kernel_health() { return note("kernel", live_.kernel_health()); }

std::optional<uint64_t> Recorder::start_of(uint32_t pid) {
  return note(fmt::format("start {}", pid), live_.start_of(pid));
}

std::string Recorder::executable_of(uint32_t pid) {
  return note(fmt::format("executable {}", pid), live_.executable_of(pid));
}

bool Recorder::descends_from(uint32_t pid, const std::vector<uint32_t>& ancestors) {
  return note(fmt::format("descends {}", pid), live_.descends_from(pid, ancestors));
}

bool Recorder::has_thread(uint32_t pid, uint32_t tid) {
  return note(fmt::format("thread {}", tid), live_.has_thread(pid, tid));
}

void Recorder::inspect(uint32_t pid) { live_.inspect(pid); }

void Recorder::count_pool(uint32_t pid) { live_.count_pool(pid); }

void Recorder::forget_names(uint32_t pid) { live_.forget_names(pid); }

bool Recorder::resolve(uint32_t pid, uint64_t stack_id, const stacks::RawStack& stack) {
  return note(fmt::format("resolve {}", stack_id), live_.resolve(pid, stack_id, stack));
}

bool Recorder::seed_canary(uint32_t slot, uint32_t generation) {
  return note("canary", live_.seed_canary(slot, generation));
}

std::vector<CanaryHold> Recorder::take_canary_holds() {
  return note("canary_holds", live_.take_canary_holds());
}

uint64_t Recorder::first_record() { return note("first_record", live_.first_record()); }

void Recorder::log(std::shared_ptr<const stalls::StallRecord> record) {
  live_.log(std::move(record));
}

uint64_t Recorder::suppressed_records() { return note("suppressed", live_.suppressed_records()); }

}  // namespace loopstall::session
