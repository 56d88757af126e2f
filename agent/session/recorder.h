// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <cstdio>
#include <map>
#include <memory>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/result.h"
#include "config/config.h"
#include "session/outside.h"
#include "session/step.h"

namespace loopstall::session {

/// Between a measurement and the machine: writes down every answer that the measurement gets, and
/// each step's events, one JSON line a step (docs/recording.md). Ends quietly at its size limit.
class Recorder : public Outside {
 public:
  struct FileCloser {
    void operator()(std::FILE* file) const { std::fclose(file); }
  };
  using File = std::unique_ptr<std::FILE, FileCloser>;

  /// Creates the file, which must not exist: mode 0600, for it has the names of all that runs.
  /// Fails with ErrorKind::environment.
  static base::Result<File> create_file(const std::string& path);

  /// Begins the recording. `live` must outlive it.
  Recorder(File file, const config::Config& config, Outside& live);
  ~Recorder() override;

  /// The step that is about to be taken.
  void begin_step(const Step& step);
  /// It was taken: writes it down.
  void end_step();

  uint64_t monotonic_ns() override { return live_.monotonic_ns(); }
  uint64_t wall_ns() override { return live_.wall_ns(); }
  uint32_t slot_count() override;
  std::optional<stalls::LoopAccount> read_slot(uint32_t slot) override;
  uint64_t clock_ns() override;
  std::optional<probes::OpenSpan> open_span(uint32_t slot, uint32_t generation,
                                            uint64_t begun_before_ns,
                                            uint64_t known_since_ns) override;
  std::optional<AuditReading> read_for_audit(uint32_t slot, uint32_t pid, uint32_t tid) override;
  void prepare_slot(uint32_t slot, uint32_t generation, uint64_t since_ns) override;
  void prepare_slot_in_turn(uint32_t slot, uint32_t generation, uint64_t since_ns,
                            stalls::Cause cause) override;
  void finish_slot(uint32_t slot, uint64_t end_ns, const probes::LoopUnheard& unheard) override;
  bool retire_slot(uint32_t slot) override;
  void release_slot(uint32_t slot) override;
  bool describe(const stacks::PythonProcess& process) override;
  void ignore(uint32_t pid, uint64_t start_boot_ns, const probes::IgnoredUntil& until) override;
  void forget_process(uint32_t pid) override;
  bool accept(const probes::WaitIdentity& wait, uint32_t slot, uint32_t generation,
              uint32_t runtime) override;
  void refuse(const probes::WaitIdentity& wait) override;
  void withdraw(const probes::WaitIdentity& wait) override;
  void remember(uint32_t pid, uint64_t signature, std::optional<uint32_t> runtime) override;
  bool offer_slot(uint32_t slot, uint32_t generation) override;
  void watch_polls(bool watch) override;
  void seed(std::span<const probes::Seed> seeds) override;
  std::vector<stalls::HookChoice> hooks() override;
  probes::Probes::Health kernel_health() override;
  std::optional<uint64_t> start_of(uint32_t pid) override;
  std::string executable_of(uint32_t pid) override;
  bool descends_from(uint32_t pid, const std::vector<uint32_t>& ancestors) override;
  bool has_thread(uint32_t pid, uint32_t tid) override;
  void inspect(uint32_t pid) override;
  void count_pool(uint32_t pid) override;
  void forget_names(uint32_t pid) override;
  bool resolve(uint32_t pid, uint64_t stack_id, const stacks::RawStack& stack) override;
  bool seed_canary(uint32_t slot, uint32_t generation) override;
  std::vector<CanaryHold> take_canary_holds() override;
  uint64_t first_record() override;
  void log(std::shared_ptr<const stalls::StallRecord> record) override;
  uint64_t suppressed_records() override;

 private:
  template <typename T>
  T note(std::string&& question, T answer);
  void write(const std::string& line);

  File file_;  // null once it has ended
  Outside& live_;
  uint64_t written_ = 0;
  std::unique_ptr<nlohmann::json> line_;  // of the step that is being taken
};

}  // namespace loopstall::session
