// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <map>
#include <memory>
#include <set>
#include <string>

#include "host/procfs.h"
#include "session/target.h"
#include "stacks/code_origin.h"
#include "stacks/import_root.h"
#include "stacks/memory_reader.h"
#include "stacks/python_symbolizer.h"

namespace loopstall::session {

/// Reads one process: turns its raw stacks into named ones. Slow (files, foreign memory): for the
/// resolver's threads.
class ProcessReader {
 public:
  ProcessReader(const host::Procfs& procfs, TargetPtr target,
                const std::vector<std::string>& application_packages,
                const std::set<std::string>& transparent_functions);

  /// `errors` gets the reasons of frames without a name, and how many.
  stalls::KnownStackPtr name(const stacks::RawStack& stack,
                             std::map<std::string, uint64_t>& errors);
  const stacks::MemoryReader& memory() const { return memory_; }
  const Target& target() const { return *target_; }

 private:
  stacks::Frame name_frame(const stacks::RawFrame& frame, std::map<std::string, uint64_t>& errors);

  TargetPtr target_;
  const std::set<std::string>& transparent_;
  stacks::ProcessMemory memory_;
  stacks::PythonSymbolizer symbolizer_;
  stacks::CodeOrigin origin_;
  stacks::ImportRoots import_roots_;
};

/// The labels of a process: its name from its command line, its executable and, for workers that
/// multiprocessing spawned, its parent's; its pod and container by label_container().
loops::LoopLabels read_labels(const host::Procfs& procfs, pid_t pid);

}  // namespace loopstall::session
