// SPDX-License-Identifier: Apache-2.0
#include "probes/probes.h"

#include <malloc.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <map>
#include <optional>
#include <utility>

#include "base/log.h"
#include "probes/decode.h"
#include "probes/hook_ladder.h"
#include "probes/privileges.h"
#include "probes/requirements.h"
#include "probes/skeleton.h"

namespace loopstall::probes {
namespace {

constexpr std::string_view kLossNames[LS_LOSSES] = {
    "block",         "gil_holder",        "tick",
    "turn_end",      "discovery",         "lifecycle",
    "thread_state",  "turn_before_agent", "boundary_seen_late",
    "switch_unseen", "no_spare_slot"};
constexpr std::string_view kWalkErrorNames[LS_WALK_ERRORS] = {
    "",         "no_process",     "no_thread_base", "no_thread_state",  "no_frame",   "truncated",
    "too_deep", "holder_changed", "gil_free",       "holder_is_waiter", "over_budget"};
constexpr std::string_view kProgramNames[LS_PROGRAMS] = {"wait_enter",   "wait_exit", "close",
                                                         "sched_switch", "tick",      "lifecycle"};

struct RingBufferDeleter {
  void operator()(ring_buffer* buffer) const { ring_buffer__free(buffer); }
};

ls_python_layout to_wire(const stacks::PythonLayout& layout) {
  using Layout = stacks::PythonLayout;
  ls_python_layout row{};
  row.tstate_top_frame = layout.thread.top_frame;
  row.top_frame_is_indirect = layout.thread.top_frame_indirect;
  row.cframe_current_frame =
      layout.thread.top_frame_indirect != 0 ? layout.thread.cframe_current_frame : 0;
  row.frame_code = layout.frame.code;
  row.frame_previous = layout.frame.previous;
  row.frame_instruction = layout.frame.instruction;
  row.frame_owner = layout.frame.owner;
  row.frame_size = std::max({row.frame_code, row.frame_previous, row.frame_instruction}) + 8;
  if (row.frame_owner != Layout::kAbsent) {
    row.frame_size = std::max(row.frame_size, row.frame_owner + 1);
  }
  row.skip_owner_from = layout.frame.skip_owner_from;
  row.code_tag_mask = layout.frame.code_tag_mask;
  switch (layout.frame.instruction_kind) {
    case stacks::InstructionKind::lasti_bytes:
      row.instruction_kind = LS_LASTI_BYTES;
      break;
    case stacks::InstructionKind::lasti_units:
      row.instruction_kind = LS_LASTI_UNITS;
      break;
    case stacks::InstructionKind::pointer:
      row.instruction_kind = LS_INSTRUCTION_POINTER;
      break;
  }
  row.code_flags = layout.code.flags;
  row.code_firstlineno = layout.code.firstlineno;
  row.code_name = layout.code.name;
  row.code_first_instruction = layout.code.adaptive == Layout::kAbsent ? 0 : layout.code.adaptive;
  row.gil_size = Layout::kGilFutexEnd;
  row.gil_first_word = Layout::kGilFutexBegin;
  row.gil_locked = Layout::kGilLocked;
  row.gil_last_holder = Layout::kGilLastHolder;
  row.gil_switch_number = Layout::kGilSwitchNumber;
  row.gil_cond = Layout::kGilCond;
  row.gil_switch_cond = Layout::kGilSwitchCond;
  return row;
}

ls_verdict_key to_wire(const WaitIdentity& wait) { return {wait.pid, wait.tid}; }

}  // namespace

/// Declared in the order of their making: the ring buffer goes first, then links, then programs.
struct Probes::Loaded {
  AttachedPrograms programs;
  std::unique_ptr<ring_buffer, RingBufferDeleter> events;
  std::map<uint32_t, ls_python_layout> known_layouts;  // by row
  uint64_t images = 0;
  uint32_t sample_rate_hz = 0;
  std::vector<Link> poll_links;

  int fd(const bpf_map* map) const { return bpf_map__fd(map); }
  auto& maps() const { return programs.skeleton->maps; }
};

Probes::Probes(std::unique_ptr<Loaded> loaded, Slots slots)
    : loaded_(std::move(loaded)), slots_(std::move(slots)) {}

Probes::~Probes() = default;

base::Result<std::unique_ptr<Probes>> Probes::attach(const ProbeOptions& options) {
  if (auto may_load = check_capabilities(); !may_load) return tl::unexpected(may_load.error());
  auto programs = attach_programs(options);
  if (!programs) return tl::unexpected(programs.error());
  // Some 8 MB of the kernel's types were read for that, in pieces that the heap would keep.
  ::malloc_trim(0);
  auto loaded = std::make_unique<Loaded>();
  loaded->programs = std::move(*programs);
  loaded->sample_rate_hz = options.sample_rate_hz;
  auto slots = Slots::map(loaded->fd(loaded->maps().loop_slots),
                          loaded->fd(loaded->maps().loop_stacks), options.max_loops);
  if (!slots) return tl::unexpected(slots.error());
  std::unique_ptr<Probes> probes(new Probes(std::move(loaded), std::move(*slots)));

  const auto on_record = [](void* context, void* data, size_t size) {
    auto* self = static_cast<Probes*>(context);
    auto event = decode_event({static_cast<const std::byte*>(data), size});
    if (!event) {
      ++self->undecodable_;
    } else if (self->sink_ != nullptr) {
      (*self->sink_)(std::move(*event));
    }
    return 0;
  };
  probes->loaded_->events.reset(ring_buffer__new(
      probes->loaded_->fd(probes->loaded_->maps().loop_events), on_record, probes.get(), nullptr));
  if (!probes->loaded_->events) {
    return base::fail(base::ErrorKind::environment, "cannot read the event ring: {}",
                      std::strerror(errno));
  }
  return probes;
}

void Probes::poll(int timeout_ms, const std::function<void(Event&&)>& sink) {
  sink_ = &sink;
  ring_buffer__poll(loaded_->events.get(), timeout_ms);
  // Most events come without a wake-up.
  ring_buffer__consume(loaded_->events.get());
  sink_ = nullptr;
}

/// Builds are many, and what they say of themselves is theirs to choose: those that differ from
/// their version share the upper rows, so that they cannot crowd out the others.
std::optional<uint32_t> Probes::layout_row(const stacks::PythonProcess& process) {
  const auto equal = [](const ls_python_layout& a, const ls_python_layout& b) {
    return std::memcmp(&a, &b, sizeof a) == 0;
  };
  const ls_python_layout layout = to_wire(*process.layout);
  const ls_python_layout of_version = to_wire(*stacks::python_layout(process.version));
  auto& known = loaded_->known_layouts;
  uint32_t row = process.version.minor % LS_VERSION_LAYOUTS;
  if (!equal(layout, of_version)) {
    row = LS_VERSION_LAYOUTS;
    while (row < LS_PYTHON_LAYOUTS && known.contains(row) && !equal(known.at(row), layout)) ++row;
    if (row == LS_PYTHON_LAYOUTS) return std::nullopt;
  }
  if (known.emplace(row, layout).second) {
    bpf_map_update_elem(loaded_->fd(loaded_->maps().python_layouts), &row, &layout, BPF_ANY);
  }
  return row;
}

bool Probes::describe(const stacks::PythonProcess& process) {
  const auto row = layout_row(process);
  if (!row) return false;
  ls_process entry{};
  entry.start_boottime_ns = process.start_boot_ns;
  entry.kind = LS_PROCESS_PYTHON;
  entry.layout = *row;
  entry.gil = process.gil_address;
  entry.gc_collecting = process.gc_collecting_address;
  entry.libc = process.libc == stacks::Libc::musl ? LS_LIBC_MUSL : LS_LIBC_OTHER;
  entry.thread_slot_is_indirect = process.thread_slot.dereference;
  if (process.thread_slot.dereference != 0) {
    entry.thread_slot_offset = process.thread_slot.pointer_offset;
    entry.thread_slot_index_bytes = process.thread_slot.slot_offset;
  } else {
    entry.thread_slot_offset = process.thread_slot.slot_offset;
  }
  if (process.tasks) {
    entry.running_task = process.tasks->running_task;
    entry.task_name = process.tasks->name;
    entry.task_coroutine = process.tasks->coroutine;
    entry.text_type = process.text_type_address;
    entry.number_type = process.number_type_address;
  }
  const auto pid = static_cast<uint32_t>(process.pid);
  entry.image = ++loaded_->images;
  ls_process before{};
  if (bpf_map_lookup_elem(loaded_->fd(loaded_->maps().processes), &pid, &before) == 0 &&
      before.start_boottime_ns == entry.start_boottime_ns) {
    entry.first_loop_ns = before.first_loop_ns;
  }
  return bpf_map_update_elem(loaded_->fd(loaded_->maps().processes), &pid, &entry, BPF_ANY) == 0;
}

bool Probes::ignore(pid_t pid, uint64_t start_boot_ns, const IgnoredUntil& until) {
  ls_process entry{};
  entry.code_pages = until.code_pages;
  entry.look_again_ns = until.look_again_ns;
  entry.start_boottime_ns = start_boot_ns;
  entry.kind = LS_PROCESS_IGNORED;
  const auto key = static_cast<uint32_t>(pid);
  return bpf_map_update_elem(loaded_->fd(loaded_->maps().processes), &key, &entry, BPF_ANY) == 0;
}

void Probes::forget(pid_t pid) {
  const auto key = static_cast<uint32_t>(pid);
  bpf_map_delete_elem(loaded_->fd(loaded_->maps().processes), &key);
}

bool Probes::accept(const WaitIdentity& wait, uint32_t slot, uint32_t generation,
                    uint32_t runtime) {
  const ls_verdict_key key = to_wire(wait);
  const ls_verdict verdict{LS_VERDICT_HOME, slot, generation, runtime, wait.question};
  return bpf_map_update_elem(loaded_->fd(loaded_->maps().verdicts), &key, &verdict, BPF_ANY) == 0;
}

bool Probes::refuse(const WaitIdentity& wait) {
  const ls_verdict_key key = to_wire(wait);
  const ls_verdict verdict{LS_VERDICT_NOT_HOME, 0, 0, 0, wait.question};
  return bpf_map_update_elem(loaded_->fd(loaded_->maps().verdicts), &key, &verdict, BPF_ANY) == 0;
}

bool Probes::withdraw(const WaitIdentity& wait) {
  const ls_verdict_key key = to_wire(wait);
  return bpf_map_delete_elem(loaded_->fd(loaded_->maps().verdicts), &key) == 0;
}

void Probes::remember(uint32_t pid, uint64_t signature, std::optional<uint32_t> runtime) {
  ls_process process{};
  if (signature == 0 ||
      bpf_map_lookup_elem(loaded_->fd(loaded_->maps().processes), &pid, &process) != 0) {
    return;
  }
  const ls_signature key{process.image, signature};
  const ls_remembered value{runtime ? LS_VERDICT_HOME : LS_VERDICT_NOT_HOME, runtime.value_or(0)};
  bpf_map_update_elem(loaded_->fd(loaded_->maps().wait_signatures), &key, &value, BPF_ANY);
}

bool Probes::offer_slot(uint32_t slot, uint32_t generation) {
  const ls_spare spare{slot, generation};
  return bpf_map_update_elem(loaded_->fd(loaded_->maps().spare_slots), nullptr, &spare, BPF_ANY) ==
         0;
}

bool Probes::set_detail(stalls::Detail detail) {
  auto& programs = loaded_->programs;
  const bool wants_hooks = detail != stalls::Detail::turns;
  if (wants_hooks && programs.detail_links.empty()) {
    if (auto attached = attach_details(programs, loaded_->sample_rate_hz); !attached) {
      base::log_warning("turns alone are still measured: {}", attached.error().message);
      return false;
    }
  }
  // Before the hooks go, so that no switch passes for one that was missed.
  programs.skeleton->bss->detail = static_cast<uint32_t>(detail);
  if (!wants_hooks) programs.detail_links.clear();
  return true;
}

base::Result<std::string> Probes::drop_capabilities() {
  RemainingWork work;
  work.uses_a_map = [this] {
    const uint32_t no_process = 0;
    ls_process process;
    const int map = loaded_->fd(loaded_->maps().processes);
    return bpf_map_lookup_elem(map, &no_process, &process) == 0 || errno == ENOENT;
  };
  if (loaded_->programs.step->hook == BoundaryHook::kprobe) work.opens_a_perf_event = may_sample;
  return probes::drop_capabilities(work);
}

void Probes::watch_polls(bool watch) {
  bool& is_watched = loaded_->programs.skeleton->bss->polls_are_watched;
  const bool has_failed = watch && loaded_->poll_links.empty();  // or this step needs none
  if (is_watched == watch && !has_failed) return;
  is_watched = watch;
  loaded_->poll_links = watch ? attach_poll_points(loaded_->programs) : std::vector<Link>();
  base::log_debug("poll and select are {}", watch ? "hooked" : "no longer hooked");
}

void Probes::seed(std::span<const Seed> seeds) {
  if (seeds.empty()) return;
  for (const Seed& seed : seeds) {
    const ls_seed entry{seed.pid,
                        seed.slot,
                        seed.generation,
                        seed.home_fd,
                        seed.in_turn ? 1u : 0u,
                        static_cast<uint32_t>(seed.cause),
                        seed.runtime,
                        seed.native ? 1u : 0u,
                        seed.only_answer ? 1u : 0u,
                        0,
                        seed.seen_ns,
                        seed.switches};
    bpf_map_update_elem(loaded_->fd(loaded_->maps().seeds), &seed.tid, &entry, BPF_ANY);
  }
  plant_seeds();
  // Threads that have ended meanwhile were not met.
  for (const Seed& seed : seeds) {
    bpf_map_delete_elem(loaded_->fd(loaded_->maps().seeds), &seed.tid);
  }
}

void Probes::plant_seeds() {
  const Link link(
      bpf_program__attach_iter(loaded_->programs.skeleton->progs.seed_threads, nullptr));
  if (!link) {
    base::log_warning("loops older than the agent are found at their next wait only: {}",
                      std::strerror(errno));
    return;
  }
  const base::UniqueFd walk(bpf_iter_create(bpf_link__fd(link.get())));
  char ignored[64];
  while (walk && read(walk.get(), ignored, sizeof ignored) > 0) {
  }
}

const std::vector<stalls::HookChoice>& Probes::hooks() const { return loaded_->programs.hooks; }

Probes::Health Probes::health() const {
  Health health;
  std::vector<ls_health> cpus(static_cast<std::size_t>(libbpf_num_possible_cpus()));
  ls_health total{};
  const uint32_t zero = 0;
  if (bpf_map_lookup_elem(loaded_->fd(loaded_->maps().health), &zero, cpus.data()) == 0) {
    for (const ls_health& cpu : cpus) {
      for (int i = 0; i < LS_LOSSES; ++i) total.losses[i] += cpu.losses[i];
      for (int i = 0; i < LS_WALK_ERRORS; ++i) total.walk_errors[i] += cpu.walk_errors[i];
      for (int i = 0; i < LS_PROGRAMS; ++i) {
        total.programs[i].runs += cpu.programs[i].runs;
        total.programs[i].timed_runs += cpu.programs[i].timed_runs;
        total.programs[i].timed_ns += cpu.programs[i].timed_ns;
      }
    }
  }
  for (int i = 0; i < LS_LOSSES; ++i) {
    health.events_lost.push_back({std::string(kLossNames[i]), total.losses[i]});
  }
  health.events_lost.push_back({"undecodable", undecodable_});
  for (int i = 1; i < LS_WALK_ERRORS; ++i) {
    health.stack_errors.push_back({std::string(kWalkErrorNames[i]), total.walk_errors[i]});
  }
  for (int i = 0; i < LS_PROGRAMS; ++i) {
    const ls_program_cost& cost = total.programs[i];
    const double each = cost.timed_runs == 0 ? 0
                                             : static_cast<double>(cost.timed_ns) / 1e9 /
                                                   static_cast<double>(cost.timed_runs);
    health.programs.push_back(
        {std::string(kProgramNames[i]), cost.runs, each * static_cast<double>(cost.runs)});
  }
  return health;
}

}  // namespace loopstall::probes
