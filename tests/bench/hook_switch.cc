// SPDX-License-Identifier: Apache-2.0
/// Loaded into an agent by LD_PRELOAD: it takes the agent's BPF programs off their hooks and puts
/// them back while all else runs on, which a bench does many times a minute (switched.py). The
/// agent itself has no such switch. It writes down how each link and perf event was made, and makes
/// it again under the same descriptor.
///
/// Reads "off" and "on KIND" (all, empty, calls, switches, clocks, nothing), a line each, from the
/// Unix socket LOOPSTALL_BENCH_SWITCH, and answers each with "done N", N hooks and clocks that were
/// taken off or put back, or with "failed: …". "empty" is all hooks, each with a program that
/// returns at once in place of the agent's. Events to which nothing is linked yet are not put back.

#include <dlfcn.h>
#include <fcntl.h>
#include <linux/bpf.h>
#include <linux/perf_event.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>
#include <cstdarg>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

namespace {

using Arguments = std::array<long, 6>;

/// One perf event, or a link of one program to one hook, in the order in which they were made.
struct Hook {
  int descriptor = -1;
  long call = 0;
  Arguments arguments{};  // as they were; the pointer to the attributes is not used again
  std::vector<char> attributes;
  int empty_program = -1;  // of a link
  bool is_on = true;
  bool enabled = false;  // a perf event that was switched on by a request of its own
};

// Never destroyed: the agent closes descriptors to its very end.
std::mutex& mutex() {
  static auto* const one = new std::mutex;
  return *one;
}
std::vector<Hook>& hooks() {
  static auto* const all = new std::vector<Hook>;
  return *all;
}

long make_call(long call, const Arguments& with) {
  static const auto real = reinterpret_cast<long (*)(long, ...)>(dlsym(RTLD_NEXT, "syscall"));
  return real(call, with[0], with[1], with[2], with[3], with[4], with[5]);
}

bool is_hook(long call, const Arguments& with) {
  if (call == SYS_perf_event_open) return true;
  if (call != SYS_bpf) return false;
  const auto* attributes = reinterpret_cast<const bpf_attr*>(with[1]);
  if (with[0] == BPF_RAW_TRACEPOINT_OPEN) return true;
  return with[0] == BPF_LINK_CREATE && attributes->link_create.attach_type != BPF_TRACE_ITER;
}

/// Which argument of the call is the pointer to its attributes.
std::size_t place_of_attributes(long call) { return call == SYS_perf_event_open ? 0 : 1; }

bpf_attr& attributes_of(Hook& link) { return *reinterpret_cast<bpf_attr*>(link.attributes.data()); }

/// Where a link's attributes have the program.
__u32& program_in(Hook& link) {
  bpf_attr& attributes = attributes_of(link);
  return link.arguments[0] == BPF_LINK_CREATE ? attributes.link_create.prog_fd
                                              : attributes.raw_tracepoint.prog_fd;
}

long make_bpf_call(long command, bpf_attr& with) {
  return make_call(SYS_bpf, {command, reinterpret_cast<long>(&with), sizeof with});
}

/// A program that returns 0, for the hooks of that one; -1 with errno where the kernel refuses.
int load_empty_like(__u32 program) {
  bpf_prog_info like{};
  bpf_attr ask{};
  ask.info.bpf_fd = program;
  ask.info.info_len = sizeof like;
  ask.info.info = reinterpret_cast<__u64>(&like);
  if (make_bpf_call(BPF_OBJ_GET_INFO_BY_FD, ask) != 0) return -1;
  const std::array<bpf_insn, 2> return_zero{
      {{.code = BPF_ALU64 | BPF_MOV | BPF_K}, {.code = BPF_JMP | BPF_EXIT}}};
  bpf_attr load{};
  load.prog_type = like.type;
  load.attach_btf_id = like.attach_btf_id;
  if (like.type == BPF_PROG_TYPE_TRACING) load.expected_attach_type = BPF_TRACE_RAW_TP;
  load.insns = reinterpret_cast<__u64>(return_zero.data());
  load.insn_cnt = return_zero.size();
  load.license = reinterpret_cast<__u64>("Dual BSD/GPL");
  return static_cast<int>(make_bpf_call(BPF_PROG_LOAD, load));
}

void write_down(int descriptor, long call, const Arguments& with) {
  const auto* from = reinterpret_cast<const char*>(with[place_of_attributes(call)]);
  const auto size = call == SYS_perf_event_open
                        ? reinterpret_cast<const perf_event_attr*>(from)->size
                        : static_cast<std::size_t>(with[2]);
  const std::lock_guard lock(mutex());
  hooks().push_back({descriptor, call, with, {from, from + size}});
}

bool switch_off(Hook& hook) {
  const int nothing = open("/dev/null", O_RDONLY | O_CLOEXEC);
  if (nothing < 0 || dup3(nothing, hook.descriptor, O_CLOEXEC) < 0) return false;
  make_call(SYS_close, {nothing});
  return true;
}

bool is_link(const Hook& hook) { return hook.call == SYS_bpf; }

bool switch_on(Hook& hook, bool is_empty) {
  Hook again = hook;
  if (is_empty && is_link(hook)) {
    if (hook.empty_program < 0) hook.empty_program = load_empty_like(program_in(hook));
    if (hook.empty_program < 0) return false;
    program_in(again) = static_cast<__u32>(hook.empty_program);
  }
  Arguments with = hook.arguments;
  with[place_of_attributes(hook.call)] = reinterpret_cast<long>(again.attributes.data());
  const auto made = static_cast<int>(make_call(hook.call, with));
  if (made < 0 || dup3(made, hook.descriptor, O_CLOEXEC) < 0) return false;
  make_call(SYS_close, {made});
  return true;
}

bool enable(const Hook& hook) {
  return !hook.enabled || make_call(SYS_ioctl, {hook.descriptor, PERF_EVENT_IOC_ENABLE}) == 0;
}

/// What a link to a perf event has the program run at, or -1.
int event_of(const Hook& hook) {
  if (!is_link(hook) || hook.arguments[0] != BPF_LINK_CREATE) return -1;
  const auto* link = reinterpret_cast<const bpf_attr*>(hook.attributes.data());
  const bool is_of_event = link->link_create.attach_type == BPF_PERF_EVENT;
  return is_of_event ? static_cast<int>(link->link_create.target_fd) : -1;
}

std::string kind_of_event(const Hook& hook) {
  const auto* event = reinterpret_cast<const perf_event_attr*>(hook.attributes.data());
  if (event->type != PERF_TYPE_TRACEPOINT) return "clocks";
  const bool is_used = std::any_of(hooks().begin(), hooks().end(), [&](const Hook& other) {
    return event_of(other) == hook.descriptor;
  });
  return is_used ? "calls" : "";
}

std::string kind_of(const Hook& hook) {
  if (!is_link(hook)) return kind_of_event(hook);
  const int event = event_of(hook);
  if (event < 0) return "switches";
  const auto found = std::find_if(hooks().begin(), hooks().end(),
                                  [&](const Hook& other) { return other.descriptor == event; });
  return found == hooks().end() ? "" : kind_of_event(*found);
}

/// Each in its turn, for links come after the events that they are of.
bool put_back(const std::vector<Hook*>& chosen, bool are_empty) {
  return std::all_of(chosen.begin(), chosen.end(),
                     [&](Hook* hook) { return switch_on(*hook, are_empty); }) &&
         std::all_of(chosen.begin(), chosen.end(), [](const Hook* hook) { return enable(*hook); });
}

/// Links all at once: for each the kernel waits until nobody is in it, and it waits for all
/// together. For events it waits one after the other.
bool take_off(const std::vector<Hook*>& chosen) {
  std::atomic<bool> good = true;
  const auto take = [&](Hook* hook) {
    if (!switch_off(*hook)) good = false;
  };
  std::vector<std::jthread> links;
  for (Hook* hook : chosen)
    if (is_link(*hook)) links.emplace_back(take, hook);
  links.clear();
  for (Hook* hook : chosen)
    if (!is_link(*hook)) take(hook);
  return good;
}

std::vector<Hook*> hooks_to(const std::string& word) {
  std::vector<Hook*> chosen;
  for (Hook& hook : hooks()) {
    const std::string kind = kind_of(hook);
    const bool is_wanted =
        !kind.empty() && (word == "on all" || word == "on empty" || word == "on " + kind);
    if (hook.is_on ? word == "off" : is_wanted) chosen.push_back(&hook);
  }
  return chosen;
}

std::string obey(const std::string& word) {
  const std::lock_guard lock(mutex());
  const std::vector<Hook*> chosen = hooks_to(word);
  const bool is_off = word == "off";
  const bool good = is_off ? take_off(chosen) : put_back(chosen, word == "on empty");
  for (Hook* hook : chosen) hook->is_on = !is_off;
  return good ? "done " + std::to_string(chosen.size()) + "\n"
              : "failed: " + word + ": " + std::strerror(errno) + "\n";
}

void serve(int socket) {
  std::string word;
  for (char byte = 0; read(socket, &byte, 1) == 1;) {
    if (byte != '\n') {
      word += byte;
      continue;
    }
    const std::string answer = obey(word);
    word.clear();
    if (write(socket, answer.data(), answer.size()) < 0) return;
  }
}

__attribute__((constructor)) void begin() {
  const char* path = std::getenv("LOOPSTALL_BENCH_SWITCH");
  if (path == nullptr) return;
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::snprintf(address.sun_path, sizeof address.sun_path, "%s", path);
  const int socket = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (connect(socket, reinterpret_cast<sockaddr*>(&address), sizeof address) != 0) std::abort();
  std::thread(serve, socket).detach();
}

}  // namespace

// What the agent and libbpf call instead of libc's.

extern "C" long syscall(long call, ...) {
  va_list list;
  va_start(list, call);
  Arguments with{};
  for (long& one : with) one = va_arg(list, long);
  va_end(list);
  const long result = make_call(call, with);
  if (result >= 0 && is_hook(call, with)) write_down(static_cast<int>(result), call, with);
  return result;
}

extern "C" int close(int descriptor) {
  {
    const std::lock_guard lock(mutex());
    std::erase_if(hooks(), [&](const Hook& hook) { return hook.descriptor == descriptor; });
  }
  return static_cast<int>(make_call(SYS_close, {descriptor}));
}

extern "C" int ioctl(int descriptor, unsigned long request, ...) {
  va_list list;
  va_start(list, request);
  const long argument = va_arg(list, long);
  va_end(list);
  if (request == PERF_EVENT_IOC_ENABLE) {
    const std::lock_guard lock(mutex());
    for (Hook& hook : hooks()) hook.enabled = hook.enabled || hook.descriptor == descriptor;
  }
  return static_cast<int>(make_call(SYS_ioctl, {descriptor, static_cast<long>(request), argument}));
}
