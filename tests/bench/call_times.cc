// SPDX-License-Identifier: Apache-2.0
/// Loaded into a service by LD_PRELOAD: how long its own system calls take it, as it sees them
/// (call_times.py). In the file LOOPSTALL_BENCH_CALLS, which both map: a word that says which of
/// two histograms is filled (2: none), and from the next page on the histograms of each kind of
/// call.

#include <dlfcn.h>
#include <fcntl.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <csignal>
#include <cstdint>
#include <cstdlib>
#include <ctime>

namespace {

constexpr std::size_t kHistograms = 2, kBins = 8192, kPage = 4096;
constexpr uint64_t kBinNs = 4;

enum Kind { reads, writes, waits, kinds };

struct Shared {
  alignas(kPage) std::atomic<uint32_t> which;
  alignas(kPage) std::atomic<uint32_t> counts[kinds][kHistograms][kBins];
};

Shared* shared = nullptr;

__attribute__((constructor)) void begin() {
  const char* path = std::getenv("LOOPSTALL_BENCH_CALLS");
  if (path == nullptr) return;
  const int file = open(path, O_RDWR | O_CLOEXEC);
  void* mapped = mmap(nullptr, sizeof(Shared), PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
  if (file < 0 || mapped == MAP_FAILED) std::abort();
  close(file);
  shared = static_cast<Shared*>(mapped);
}

uint64_t now_ns() {
  timespec now{};
  clock_gettime(CLOCK_MONOTONIC, &now);
  return static_cast<uint64_t>(now.tv_sec) * 1'000'000'000 + static_cast<uint64_t>(now.tv_nsec);
}

void count(Kind kind, uint64_t ns) {
  const uint32_t which = shared->which;
  if (which < kHistograms)
    ++shared->counts[kind][which][std::min<uint64_t>(ns / kBinNs, kBins - 1)];
}

template <typename Call, typename... Arguments>
auto timed(Kind kind, Call* real, Arguments... with) {
  if (shared == nullptr) return real(with...);
  const uint64_t began_ns = now_ns();
  const auto result = real(with...);
  count(kind, now_ns() - began_ns);
  return result;
}

template <typename Call>
Call* libc(Call* /*type*/, const char* name) {
  return reinterpret_cast<Call*>(dlsym(RTLD_NEXT, name));
}

}  // namespace

extern "C" ssize_t read(int file, void* into, std::size_t size) {
  static auto* const real = libc(&read, "read");
  return timed(reads, real, file, into, size);
}

extern "C" ssize_t recv(int socket, void* into, std::size_t size, int flags) {
  static auto* const real = libc(&recv, "recv");
  return timed(reads, real, socket, into, size, flags);
}

extern "C" ssize_t write(int file, const void* from, std::size_t size) {
  static auto* const real = libc(&write, "write");
  return timed(writes, real, file, from, size);
}

extern "C" ssize_t writev(int file, const iovec* from, int parts) {
  static auto* const real = libc(&writev, "writev");
  return timed(writes, real, file, from, parts);
}

extern "C" ssize_t send(int socket, const void* from, std::size_t size, int flags) {
  static auto* const real = libc(&send, "send");
  return timed(writes, real, socket, from, size, flags);
}

extern "C" int epoll_wait(int epoll, epoll_event* events, int most, int timeout_ms) {
  static auto* const real = libc(&epoll_wait, "epoll_wait");
  return timed(waits, real, epoll, events, most, timeout_ms);
}

extern "C" int epoll_pwait(int epoll, epoll_event* events, int most, int timeout_ms,
                           const sigset_t* mask) {
  static auto* const real = libc(&epoll_pwait, "epoll_pwait");
  return timed(waits, real, epoll, events, most, timeout_ms, mask);
}
