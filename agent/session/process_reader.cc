// SPDX-License-Identifier: Apache-2.0
#include "session/process_reader.h"

#include <unistd.h>

#include <climits>
#include <utility>

#include "loops/process_name.h"
#include "session/container_labels.h"
#include "stacks/process_code.h"

namespace loopstall::session {
namespace {

constexpr int kMaxAncestors = 4;

std::string base_name(const std::string& path) { return path.substr(path.rfind('/') + 1); }

std::string read_link(const std::string& path) {
  char target[PATH_MAX];
  const ssize_t size = readlink(path.c_str(), target, sizeof target);
  return size <= 0 ? std::string() : std::string(target, static_cast<std::size_t>(size));
}

stacks::ProcessCode describe_code(const host::Procfs& procfs, const Target& target) {
  const pid_t pid = target.python.pid;
  stacks::ProcessCode code;
  code.root = procfs.path(pid, "root");
  code.cwd = read_link(procfs.path(pid, "cwd"));
  code.stdlib_dir = target.python.stdlib_directory;
  if (const auto cmdline = procfs.cmdline(pid)) {
    loops::PythonProgram program = loops::python_program(*cmdline);
    code.script = std::move(program.script);
    code.main_is_string = program.main_is_string;
    if (!program.app_dir.empty()) code.import_roots.push_back(std::move(program.app_dir));
  }
  return code;
}

std::string service_name(const host::Procfs& procfs, pid_t pid) {
  for (int i = 0; i < kMaxAncestors && pid > 0; ++i) {
    const auto cmdline = procfs.cmdline(pid);
    const auto exe = procfs.exe(pid);
    if (!cmdline) break;
    std::string name = loops::process_name(*cmdline, exe ? base_name(*exe) : std::string());
    if (!name.empty()) return name;
    const auto status = procfs.status(pid);
    if (!status) break;
    pid = status->ppid;
  }
  return std::string(stacks::kUnknown);
}

}  // namespace

ProcessReader::ProcessReader(const host::Procfs& procfs, TargetPtr target,
                             const std::vector<std::string>& application_packages,
                             const std::set<std::string>& transparent_functions)
    : target_(std::move(target)),
      transparent_(transparent_functions),
      memory_(target_->python.pid),
      symbolizer_(memory_, *target_->python.layout),
      origin_(describe_code(procfs, *target_), {application_packages}),
      import_roots_(describe_code(procfs, *target_)) {}

stacks::Frame ProcessReader::name_frame(const stacks::RawFrame& frame,
                                        std::map<std::string, uint64_t>& errors) {
  stacks::Frame named;
  auto location = symbolizer_.resolve(frame);
  if (!location) {
    ++errors[std::string(location.error())];
    // As if it were the application's: nothing further out may be blamed in its place.
    named.function = std::string(stacks::kUnknown);
    named.ownership = stacks::Ownership::unread;
    named.origin = stacks::origin_of(named.ownership);
    return named;
  }
  named.function = std::move(location->qualname);
  named.line = location->line;
  named.kind = location->kind;
  named.wraps = location->wraps;
  named.ownership = origin_.classify(location->filename);
  named.origin = stacks::origin_of(named.ownership);
  if (named.ownership == stacks::Ownership::template_text) named.line = 0;
  named.file = import_roots_.label(location->filename);
  named.transparent =
      transparent_.contains(named.function) || transparent_.contains(location->name);
  named.path = std::move(location->filename);
  return named;
}

stalls::KnownStackPtr ProcessReader::name(const stacks::RawStack& stack,
                                          std::map<std::string, uint64_t>& errors) {
  auto known = std::make_shared<stalls::KnownStack>();
  known->stack.truncated = stack.truncated;
  for (const stacks::RawFrame& frame : stack.frames) {
    known->stack.frames.push_back(name_frame(frame, errors));
  }
  known->attribution =
      stack.in_gc ? stacks::attribute_collection(known->stack) : stacks::attribute(known->stack);
  return known;
}

loops::LoopLabels read_labels(const host::Procfs& procfs, pid_t pid) {
  loops::LoopLabels labels;
  labels.process = service_name(procfs, pid);
  label_container(procfs, pid, labels);
  return labels;
}

}  // namespace loopstall::session
