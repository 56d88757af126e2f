// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <sys/types.h>

#include <atomic>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <tl/expected.hpp>
#include <vector>

#include "host/procfs.h"
#include "host/target_file.h"
#include "stacks/memory_reader.h"
#include "stacks/python_layout.h"
#include "stacks/task_name.h"

namespace loopstall::stacks {

/// A process with an initialised CPython whose structures were found and checked.
struct PythonProcess {
  pid_t pid = 0;
  uint64_t start_boot_ns = 0;  ///< with pid: identity
  PythonVersion version;
  uint32_t version_hex = 0;              ///< PY_VERSION_HEX; 0 when only major and minor are known
  const PythonLayout* layout = nullptr;  ///< never null; `own_layout`, or static
  std::shared_ptr<const PythonLayout> own_layout;  ///< as this very build says; null before 3.13
  Libc libc = Libc::unknown;
  uint64_t runtime_address = 0;        ///< of _PyRuntime
  uint64_t interpreter_address = 0;    ///< the first interpreter's state
  uint64_t gil_address = 0;            ///< the first interpreter's GIL structure
  uint64_t gc_collecting_address = 0;  ///< of the int that is not 0 while a collection runs
  uint64_t code_type_address = 0;      ///< of PyCode_Type; 0 when it is not exported
  uint32_t tss_key = 0;                ///< the pthread key that holds each thread's PyThreadState
  ThreadSlot thread_slot;              ///< where that key's value lies
  bool uvloop = false;                 ///< uvloop's loop extension is mapped
  std::optional<TaskLayout> tasks;     ///< of asyncio's; before 3.14, or without it, nothing
  uint64_t text_type_address = 0;      ///< of PyUnicode_Type; 0 when it is not exported
  uint64_t number_type_address = 0;    ///< of PyLong_Type; 0 when it is not exported
  std::string binary;                  ///< the file that defines _PyRuntime, as the target names it
  std::string stdlib_directory;        ///< such as /usr/lib/python3.11; empty when not derivable
};

/// Why a process is not measured as Python.
enum class PythonRefusal : uint8_t {
  not_python,  ///< no mapped file defines the runtime: the usual case, not an error
  process_gone,
  not_initialised,    ///< the interpreter is still starting or already ending: try again
  unreadable_files,   ///< its mappings, or a file that is named like Python
  files_hang,         ///< reading its files takes seconds, as on a mount whose server is gone
  no_runtime_symbol,  ///< it is named like Python, but nothing defines _PyRuntime
  unknown_version,
  unsupported_version,
  unknown_layout,  ///< the build says that it keeps things where our readers do not look
  free_threaded,
  debug_build,          ///< Py_TRACE_REFS: every object is larger
  unsupported_machine,  ///< the layouts are those of x86-64
  unknown_libc,
  too_costly,  ///< it maps more files, or larger ones, than any program needs
  unreadable_memory,
  self_check_failed,  ///< what was read does not hang together: another layout than the table's
};

/// The stable label value, as in `reason="self_check_failed"`.
std::string_view token(PythonRefusal refusal);

/// Finds CPython in processes by content: a mapped file that defines the object `_PyRuntime` or has
/// a section `.PyRuntime`, whatever it is called.
/// What files are is remembered by their identity, so many processes of one binary cost one parse.
/// Thread-safe: it opens files of targets, which may hang, so several threads may be in it.
class PythonInspector {
 public:
  using OpenMemory = std::function<std::unique_ptr<MemoryReader>(pid_t)>;

  /// `procfs` must outlive it. `open_memory` defaults to ProcessMemory.
  explicit PythonInspector(const host::Procfs& procfs, OpenMemory open_memory = {});

  tl::expected<PythonProcess, PythonRefusal> inspect(pid_t pid);

  /// Files parsed so far, for tests and the agent's own account.
  uint64_t files_parsed() const { return files_parsed_.load(std::memory_order_relaxed); }

 private:
  struct Binary;  ///< what a file says about itself

  /// Null if the file is no Python. `bytes_read` grows by what was read of it.
  std::shared_ptr<const Binary> binary(host::TargetFile file, uint64_t& bytes_read);
  std::shared_ptr<const Binary> parse(host::TargetFile file, uint64_t& bytes_read);
  std::optional<TaskLayout> find_tasks(pid_t pid, const std::vector<host::Mapping>& maps);
  static void read_debug_offsets(std::span<const std::byte> data, Binary& binary);
  base::Result<host::TargetFile> open_candidate(pid_t pid, const host::Mapping& mapping) const;
  tl::expected<PythonProcess, PythonRefusal> describe(const Binary& binary,
                                                      const host::Mapping& mapping,
                                                      PythonProcess process) const;

  const host::Procfs& procfs_;
  OpenMemory open_memory_;
  /// What was made of a file before, else what `make` makes of it. Two threads may make it at once:
  /// it is the same.
  template <typename Known, typename Make>
  typename Known::mapped_type remember(Known& known, const host::FileIdentity& identity, Make make);

  std::mutex mutex_;
  std::map<host::FileIdentity, std::shared_ptr<const Binary>> binaries_;     // guarded by mutex_
  std::map<host::FileIdentity, std::optional<TaskLayout>> asyncio_modules_;  // guarded by mutex_
  std::atomic<uint64_t> files_parsed_{0};
};

/// One PyThreadState.
struct PythonThread {
  uint64_t tstate = 0;
  uint64_t interpreter = 0;
  uint64_t thread_id = 0;  ///< pthread_self(): the thread's fsbase
  /// Tid in the process's own pid namespace; 0 where it is not known (musl before 3.11).
  /// Before 3.11 it is the C library's word: check that the process has such a thread.
  uint64_t native_thread_id = 0;
};

/// All threads of all interpreters, at most 4,096; newest first within an interpreter. Empty when
/// the lists cannot be read.
std::vector<PythonThread> python_threads(const MemoryReader& memory, const PythonProcess& process);

/// Whether the state is that thread's now, as it was when the list was read. One that was just made
/// has the id of the thread that made it until its own has begun, and a freed one may be used
/// again: frames that were read in between are the thread's only if it is.
bool is_still_of_thread(const MemoryReader& memory, const PythonProcess& process,
                        const PythonThread& thread);

}  // namespace loopstall::stacks
