// SPDX-License-Identifier: Apache-2.0
#include "stacks/python_process.h"

#include <elf.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cstring>
#include <set>
#include <span>
#include <unordered_map>
#include <utility>

#include "host/elf.h"
#include "stacks/python_debug_offsets.h"
#include "stacks/python_walker.h"

namespace loopstall::stacks {

/// A file that defines the runtime. Addresses are the file's own, before the load bias.
struct PythonInspector::Binary {
  uint64_t runtime = 0;
  uint64_t code_type = 0;
  uint64_t text_type = 0;
  uint64_t number_type = 0;
  std::optional<TaskLayout> tasks;  ///< where the module _asyncio is built in
  uint32_t version_hex = 0;
  PythonVersion version;  ///< {0, 0} when nothing in the file tells it
  uint16_t machine = 0;
  bool free_threaded = false;
  bool trace_refs = false;
  bool unknown_layout = false;                     ///< it says that it is none that we can read
  std::shared_ptr<const PythonLayout> own_layout;  ///< null: the table's holds
  std::vector<host::ElfSegment> segments;
};

namespace {

using Refused = tl::unexpected<PythonRefusal>;

constexpr std::size_t kMaxBinaries = 8'192;
// Of one process, in one inspection. Large programs map some 300 files; reading them costs about a
// second a gibibyte.
constexpr std::size_t kMaxCandidates = 1'024;
constexpr uint64_t kMaxBytesParsed = 1ULL << 30;
constexpr std::size_t kMaxInterpreters = 64;
constexpr std::size_t kMaxThreads = 4'096;
// A running thread's frames can be torn while they are read.
constexpr int kWalkTries = 3;
constexpr int kCheckTries = 5;
constexpr std::size_t kMaxCheckedThreads = 64;

std::string_view base_name(std::string_view path) {
  return path.substr(std::min(path.rfind('/') + 1, path.size()));
}

bool named_like_python(std::string_view path) {
  const std::string_view name = base_name(path);
  return name.starts_with("python3") || name.starts_with("libpython3");
}

/// From `python3.8` or `libpython3.8.so.1.0`; {0, 0} from other names.
PythonVersion version_in_name(std::string_view path) {
  constexpr std::string_view kMark = "python3.";
  const std::string_view name = base_name(path);
  const std::size_t at = name.find(kMark);
  if (at == std::string_view::npos) return {};
  PythonVersion version{3, 0};
  const char* const digits = name.data() + at + kMark.size();
  const auto parsed = std::from_chars(digits, name.data() + name.size(), version.minor);
  return parsed.ec == std::errc() ? version : PythonVersion{};
}

/// The mappings that may hold the runtime: each mapped executable file once, likely ones first.
std::vector<host::Mapping> candidates(const std::vector<host::Mapping>& maps) {
  std::vector<host::Mapping> files;
  std::set<std::pair<uint64_t, std::string_view>> known;
  for (const host::Mapping& mapping : maps) {
    if (!mapping.executable || mapping.inode == 0 || !mapping.path.starts_with('/')) continue;
    if (known.emplace(mapping.inode, mapping.path).second) files.push_back(mapping);
  }
  std::stable_partition(files.begin(), files.end(),
                        [](const host::Mapping& file) { return named_like_python(file.path); });
  return files;
}

Libc libc_of(const std::vector<host::Mapping>& maps) {
  Libc libc = Libc::unknown;
  for (const host::Mapping& mapping : maps) {
    const std::string_view name = base_name(mapping.path);
    // musl decides: its programs may map a glibc shim beside it.
    if (name.starts_with("ld-musl-") || name.starts_with("libc.musl-")) return Libc::musl;
    if (name == "libc.so.6" || name.starts_with("libc-2.")) libc = Libc::glibc;
  }
  return libc;
}

bool maps_uvloop(const std::vector<host::Mapping>& maps) {
  return std::any_of(maps.begin(), maps.end(), [](const host::Mapping& mapping) {
    return mapping.path.find("/uvloop/loop.") != std::string::npos && mapping.path.ends_with(".so");
  });
}

/// Where extension modules of the standard library are mapped from, else by the program's place.
std::string stdlib_directory(const std::vector<host::Mapping>& maps, const std::string& binary,
                             PythonVersion version) {
  const std::string leaf = fmt::format("python{}.{}", version.major, version.minor);
  const std::string dynload = fmt::format("/{}/lib-dynload/", leaf);
  for (const host::Mapping& mapping : maps) {
    const std::size_t at = mapping.path.find(dynload);
    if (at != std::string::npos) return mapping.path.substr(0, at + 1 + leaf.size());
  }
  const std::string program = "/bin/" + std::string(base_name(binary));
  if (!binary.ends_with(program)) return {};
  return binary.substr(0, binary.size() - program.size()) + "/lib/" + leaf;
}

constexpr PythonVersion version_of(uint32_t hex) {
  return {static_cast<uint16_t>(hex >> 24), static_cast<uint16_t>((hex >> 16) & 0xff)};
}

/// Of a file without Py_Version, which 3.11 brought: by the functions that each version brought.
PythonVersion version_by_functions(const host::ElfFile& file) {
  constexpr std::array<std::string_view, 3> kFunctions = {"Py_NewRef", "PyFrame_GetCode",
                                                          "PyCode_NewWithPosOnlyArgs"};
  const auto found = file.definitions(kFunctions, host::ElfSymbolType::function);
  if (found[0]) return {3, 10};
  if (found[1]) return {3, 9};
  if (found[2]) return {3, 8};
  return {};
}

std::optional<TaskLayout> read_task_layout(const host::ElfFile& file) {
  const auto section = file.section(".AsyncioDebug", kAsyncioOffsetsBytes);
  return section ? task_layout(*section) : std::nullopt;
}

/// The bytes that _PyRuntime begins with; fewer where the file has no more.
std::vector<std::byte> start_of_runtime(const host::ElfFile& file, uint64_t runtime) {
  std::vector<std::byte> data(kDebugOffsetsBytes);
  // That of 3.13 is shorter, and may end its segment.
  for (const std::size_t bytes : {kDebugOffsetsBytes, kDebugOffsetsBytes313}) {
    data.resize(bytes);
    if (file.read_initial(runtime, data.data(), data.size())) return data;
  }
  return {};
}

std::optional<PythonThread> thread_of_state(const MemoryReader& memory,
                                            const PythonProcess& process, uint64_t tstate) {
  const PythonLayout& layout = *process.layout;
  const auto thread_id = memory.value<uint64_t>(tstate + layout.thread.thread_id);
  if (!thread_id) return std::nullopt;
  PythonThread thread{.tstate = tstate, .thread_id = *thread_id};
  if (layout.thread.native_thread_id != PythonLayout::kAbsent) {
    thread.native_thread_id =
        memory.value<uint64_t>(tstate + layout.thread.native_thread_id).value_or(0);
  } else if (process.libc == Libc::glibc) {
    // nptl/descr.h, struct pthread: `tid`, x86-64, where gdb's libthread_db reads it too.
    constexpr uint64_t kTid = 0x2d0;
    thread.native_thread_id = memory.value<uint32_t>(*thread_id + kTid).value_or(0);
  }
  return thread;
}

/// What a thread's pthread slot holds; 0 when it is empty or cannot be read.
uint64_t slot_value(const MemoryReader& memory, const ThreadSlot& slot, uint64_t base) {
  if (slot.dereference != 0) {
    base = memory.value<uint64_t>(base + slot.pointer_offset).value_or(0);
  }
  return memory.value<uint64_t>(base + slot.slot_offset).value_or(0);
}

/// Key, slot rule and lists all fit: a thread's slot holds a state that is in the interpreters'
/// lists and is that thread's own. An empty slot is one of a thread that starts, or that ended and
/// left its state behind. Where such a thread was, other data may be by now: some may not fit, most
/// must.
bool slots_fit(const MemoryReader& memory, const PythonProcess& process,
               const std::vector<PythonThread>& threads) {
  std::unordered_map<uint64_t, uint64_t> thread_of_state;
  for (const PythonThread& thread : threads) thread_of_state[thread.tstate] = thread.thread_id;
  std::size_t fitting = 0, other = 0;
  for (const PythonThread& thread : threads) {
    const uint64_t state = slot_value(memory, process.thread_slot, thread.thread_id);
    if (state == 0) continue;
    const auto found = thread_of_state.find(state);
    const bool fits = found != thread_of_state.end() && found->second == thread.thread_id;
    ++(fits ? fitting : other);
  }
  return fitting != 0 && fitting >= other;
}

/// Some thread's innermost frame is a frame, if any thread runs Python code at all.
bool frames_fit(const MemoryReader& memory, const PythonProcess& process,
                const std::vector<PythonThread>& threads) {
  bool any_broken = false;
  for (const PythonThread& thread :
       std::span(threads).first(std::min(threads.size(), kMaxCheckedThreads))) {
    for (int attempt = 0; attempt < kWalkTries; ++attempt) {
      const RawStack stack = walk_python_stack(memory, process, thread.tstate);
      if (!stack.frames.empty()) return true;
      if (!stack.truncated) break;
      any_broken = true;
    }
  }
  return !any_broken;
}

/// Fills in what the live process says, and checks it.
tl::expected<PythonProcess, PythonRefusal> read_runtime(const MemoryReader& memory,
                                                        PythonProcess process) {
  const PythonLayout& layout = *process.layout;
  struct {
    int32_t is_initialized;
    uint32_t key;
  } tss;  // Py_tss_t
  if (!memory.read(process.runtime_address + layout.runtime.auto_tss_key, &tss, sizeof tss)) {
    return Refused(PythonRefusal::unreadable_memory);
  }
  const auto interpreter =
      memory.value<uint64_t>(process.runtime_address + layout.runtime.interpreters_head);
  if (!interpreter) return Refused(PythonRefusal::unreadable_memory);
  if (tss.is_initialized == 0 || *interpreter == 0) {
    return Refused(PythonRefusal::not_initialised);
  }
  process.interpreter_address = *interpreter;
  process.tss_key = tss.key;
  const auto slot = pthread_slot_offset(process.libc, tss.key);
  if (!slot) return Refused(PythonRefusal::self_check_failed);
  process.thread_slot = *slot;

  process.gil_address = process.runtime_address + layout.runtime.gil;
  if (layout.runtime.gil == PythonLayout::kAbsent) {
    const auto gil = memory.value<uint64_t>(*interpreter + layout.interpreter.gil);
    if (!gil) return Refused(PythonRefusal::unreadable_memory);
    process.gil_address = *gil;
  }
  if (layout.runtime.gc_collecting != PythonLayout::kAbsent) {
    process.gc_collecting_address = process.runtime_address + layout.runtime.gc_collecting;
  } else if (layout.interpreter.gc_collecting != PythonLayout::kAbsent) {
    process.gc_collecting_address = *interpreter + layout.interpreter.gc_collecting;
  }

  // Threads start and end while they are looked at.
  for (int attempt = 0; attempt < kCheckTries; ++attempt) {
    const auto threads = python_threads(memory, process);
    if (slots_fit(memory, process, threads) && frames_fit(memory, process, threads)) {
      return process;
    }
  }
  return Refused(PythonRefusal::self_check_failed);
}

}  // namespace

std::string_view token(PythonRefusal refusal) {
  switch (refusal) {
    case PythonRefusal::not_python:
      return "not_python";
    case PythonRefusal::process_gone:
      return "process_gone";
    case PythonRefusal::not_initialised:
      return "not_initialised";
    case PythonRefusal::unreadable_files:
      return "unreadable_files";
    case PythonRefusal::files_hang:
      return "files_hang";
    case PythonRefusal::no_runtime_symbol:
      return "no_runtime_symbol";
    case PythonRefusal::unknown_version:
      return "unknown_version";
    case PythonRefusal::unsupported_version:
      return "unsupported_version";
    case PythonRefusal::unknown_layout:
      return "unknown_layout";
    case PythonRefusal::free_threaded:
      return "free_threaded";
    case PythonRefusal::debug_build:
      return "debug_build";
    case PythonRefusal::unsupported_machine:
      return "unsupported_machine";
    case PythonRefusal::unknown_libc:
      return "unknown_libc";
    case PythonRefusal::too_costly:
      return "too_costly";
    case PythonRefusal::unreadable_memory:
      return "unreadable_memory";
    case PythonRefusal::self_check_failed:
      return "self_check_failed";
  }
  return "unknown";
}

PythonInspector::PythonInspector(const host::Procfs& procfs, OpenMemory open_memory)
    : procfs_(procfs), open_memory_(std::move(open_memory)) {
  if (!open_memory_) {
    open_memory_ = [](pid_t pid) { return std::make_unique<ProcessMemory>(pid); };
  }
}

/// What the build says of itself comes before what the table says of its version.
void PythonInspector::read_debug_offsets(std::span<const std::byte> data, Binary& binary) {
  if (const auto head = debug_offsets_head(data)) {
    if (binary.version_hex == 0) binary.version_hex = head->version_hex;
    binary.free_threaded = head->free_threaded;
  }
  if (binary.version_hex != 0) binary.version = version_of(binary.version_hex);
  const PythonLayout* table = python_layout(binary.version);
  if (table == nullptr || binary.free_threaded) return;
  const auto own = layout_from_debug_offsets(data, *table);
  if (own) {
    binary.own_layout = std::make_shared<const PythonLayout>(*own);
  } else {
    binary.unknown_layout = own.error() == DebugOffsetsFault::not_known;
  }
}

std::shared_ptr<const PythonInspector::Binary> PythonInspector::parse(host::TargetFile file,
                                                                      uint64_t& bytes_read) {
  files_parsed_.fetch_add(1, std::memory_order_relaxed);
  const auto elf = host::ElfFile::from(std::move(file.fd), std::move(file.name));
  if (!elf) return nullptr;
  constexpr std::array<std::string_view, 5> kObjects = {"_PyRuntime", "PyCode_Type", "Py_Version",
                                                        "PyUnicode_Type", "PyLong_Type"};
  const auto found = elf->definitions(kObjects, host::ElfSymbolType::object);
  // A stripped program still has the section, which holds nothing else (3.11 and later).
  const auto section = elf->section_address(".PyRuntime");
  bytes_read += elf->bytes_read();
  if (!found[0] && !section) return nullptr;
  Binary binary;
  binary.runtime = found[0] ? found[0]->value : *section;
  if (found[1]) binary.code_type = found[1]->value;
  if (found[3]) binary.text_type = found[3]->value;
  if (found[4]) binary.number_type = found[4]->value;
  binary.tasks = read_task_layout(*elf);
  if (found[2]) {
    elf->read_initial(found[2]->value, &binary.version_hex, sizeof binary.version_hex);
  }
  binary.machine = elf->machine();
  if (binary.version_hex == 0) binary.version = version_by_functions(*elf);
  read_debug_offsets(start_of_runtime(*elf, binary.runtime), binary);
  // Only builds with Py_TRACE_REFS have it (Objects/object.c, up to 3.12).
  constexpr std::string_view kTraceRefs = "_Py_AddToAllObjects";
  binary.trace_refs =
      elf->definitions(std::span(&kTraceRefs, 1), host::ElfSymbolType::function)[0].has_value();
  binary.segments.assign(elf->segments().begin(), elf->segments().end());
  return std::make_shared<const Binary>(std::move(binary));
}

template <typename Known, typename Make>
typename Known::mapped_type PythonInspector::remember(Known& known,
                                                      const host::FileIdentity& identity,
                                                      Make make) {
  {
    const std::lock_guard lock(mutex_);
    const auto found = known.find(identity);
    if (found != known.end()) return found->second;
  }
  auto made = make();
  const std::lock_guard lock(mutex_);
  if (known.size() >= kMaxBinaries) known.clear();
  known[identity] = made;
  return made;
}

std::shared_ptr<const PythonInspector::Binary> PythonInspector::binary(host::TargetFile file,
                                                                       uint64_t& bytes_read) {
  const host::FileIdentity identity = file.identity;
  return remember(binaries_, identity, [&] { return parse(std::move(file), bytes_read); });
}

tl::expected<PythonProcess, PythonRefusal> PythonInspector::describe(const Binary& binary,
                                                                     const host::Mapping& mapping,
                                                                     PythonProcess process) const {
  if (binary.machine != EM_X86_64) return Refused(PythonRefusal::unsupported_machine);
  if (binary.free_threaded) return Refused(PythonRefusal::free_threaded);
  if (binary.trace_refs) return Refused(PythonRefusal::debug_build);
  process.binary = mapping.path;
  process.version_hex = binary.version_hex;
  process.version = binary.version;
  if (process.version == PythonVersion{}) process.version = version_in_name(mapping.path);
  if (process.version == PythonVersion{}) return Refused(PythonRefusal::unknown_version);
  process.own_layout = binary.own_layout;
  process.layout = process.own_layout ? process.own_layout.get() : python_layout(process.version);
  if (process.layout == nullptr) return Refused(PythonRefusal::unsupported_version);
  if (binary.unknown_layout) return Refused(PythonRefusal::unknown_layout);
  if (process.libc == Libc::unknown) return Refused(PythonRefusal::unknown_libc);
  const auto bias = host::load_bias(binary.segments, mapping.start, mapping.offset);
  if (!bias) return Refused(PythonRefusal::self_check_failed);
  process.runtime_address = *bias + binary.runtime;
  if (binary.code_type != 0) process.code_type_address = *bias + binary.code_type;
  if (binary.text_type != 0) process.text_type_address = *bias + binary.text_type;
  if (binary.number_type != 0) process.number_type_address = *bias + binary.number_type;
  process.tasks = binary.tasks;
  return process;
}

tl::expected<PythonProcess, PythonRefusal> PythonInspector::inspect(pid_t pid) {
  const auto stat = procfs_.stat(pid);
  const auto maps = procfs_.maps(pid);
  if (!stat) return Refused(PythonRefusal::process_gone);
  if (!maps) {
    return Refused(procfs_.stat(pid) ? PythonRefusal::unreadable_files
                                     : PythonRefusal::process_gone);
  }
  PythonProcess process;
  process.pid = pid;
  process.start_boot_ns = stat->start_boot_ns;
  process.libc = libc_of(*maps);
  process.uvloop = maps_uvloop(*maps);

  PythonRefusal refusal = PythonRefusal::not_python;
  uint64_t bytes_read = 0;
  std::size_t examined = 0;
  for (const host::Mapping& mapping : candidates(*maps)) {
    if (++examined > kMaxCandidates || bytes_read > kMaxBytesParsed) {
      return Refused(PythonRefusal::too_costly);
    }
    auto file = open_candidate(pid, mapping);
    if (!file) {
      if (named_like_python(mapping.path)) refusal = PythonRefusal::unreadable_files;
      continue;
    }
    const auto found = binary(std::move(*file), bytes_read);
    if (!found) {
      const bool promising = named_like_python(mapping.path);
      if (promising && refusal == PythonRefusal::not_python) {
        refusal = PythonRefusal::no_runtime_symbol;
      }
      continue;
    }
    auto described = describe(*found, mapping, process).and_then([&](PythonProcess&& p) {
      if (!p.tasks && has_task_names(p.version)) p.tasks = find_tasks(pid, *maps);
      p.stdlib_directory = stdlib_directory(*maps, p.binary, p.version);
      return read_runtime(*open_memory_(pid), std::move(p));
    });
    // Another program may have got the pid, or the process has replaced its own.
    const auto after = procfs_.stat(pid);
    if (!after || after->start_ticks != stat->start_ticks) {
      return Refused(PythonRefusal::process_gone);
    }
    return described;
  }
  return Refused(refusal);
}

/// The module _asyncio is a file of its own, or built in.
std::optional<TaskLayout> PythonInspector::find_tasks(pid_t pid,
                                                      const std::vector<host::Mapping>& maps) {
  const auto module = std::find_if(maps.begin(), maps.end(), [](const host::Mapping& mapping) {
    return mapping.executable && base_name(mapping.path).starts_with("_asyncio.");
  });
  if (module == maps.end()) return std::nullopt;
  auto file = host::open_mapped(procfs_, pid, *module);
  if (!file) return std::nullopt;
  const host::FileIdentity identity = file->identity;
  return remember(asyncio_modules_, identity, [&] {
    const auto elf = host::ElfFile::from(std::move(file->fd), std::move(file->name));
    return elf ? read_task_layout(*elf) : std::nullopt;
  });
}

base::Result<host::TargetFile> PythonInspector::open_candidate(pid_t pid,
                                                               const host::Mapping& mapping) const {
  auto file = host::open_mapped(procfs_, pid, mapping);
  if (file) return file;
  // The program's own link works where map_files needs a capability that we lack.
  auto program = host::open_exe(procfs_, pid);
  if (program && program->identity.inode == mapping.inode) return program;
  return file;
}

bool is_still_of_thread(const MemoryReader& memory, const PythonProcess& process,
                        const PythonThread& thread) {
  const auto now = thread_of_state(memory, process, thread.tstate);
  return now && now->thread_id == thread.thread_id &&
         now->native_thread_id == thread.native_thread_id;
}

std::vector<PythonThread> python_threads(const MemoryReader& memory, const PythonProcess& process) {
  const PythonLayout& layout = *process.layout;
  std::vector<PythonThread> threads;
  uint64_t interpreter = process.interpreter_address;
  for (std::size_t i = 0; interpreter != 0 && i < kMaxInterpreters; ++i) {
    uint64_t tstate =
        memory.value<uint64_t>(interpreter + layout.interpreter.threads_head).value_or(0);
    while (tstate != 0 && threads.size() < kMaxThreads) {
      auto thread = thread_of_state(memory, process, tstate);
      if (!thread) break;
      thread->interpreter = interpreter;
      threads.push_back(*thread);
      tstate = memory.value<uint64_t>(tstate + layout.thread.next).value_or(0);
    }
    interpreter = memory.value<uint64_t>(interpreter + layout.interpreter.next).value_or(0);
  }
  return threads;
}

}  // namespace loopstall::stacks
