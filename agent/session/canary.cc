// SPDX-License-Identifier: Apache-2.0
#include "session/canary.h"

#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <utility>

namespace loopstall::session {
namespace {

constexpr int kFirstHoldMs = 5'000;
constexpr int kBetweenHoldsMs = 60'000;
constexpr uint64_t kNsPerSecond = 1'000'000'000;

void sleep_for(uint64_t ns) {
  timespec left{static_cast<time_t>(ns / kNsPerSecond), static_cast<long>(ns % kNsPerSecond)};
  while (::nanosleep(&left, &left) != 0 && errno == EINTR) {
  }
}

}  // namespace

base::Result<std::unique_ptr<Canary>> Canary::start(const base::Clock& clock, uint64_t hold_ns) {
  base::UniqueFd epoll(::epoll_create1(EPOLL_CLOEXEC));
  base::UniqueFd stop(::eventfd(0, EFD_CLOEXEC));
  epoll_event readable{};
  readable.events = EPOLLIN;
  if (!epoll || !stop || ::epoll_ctl(epoll.get(), EPOLL_CTL_ADD, stop.get(), &readable) != 0) {
    return base::fail(base::ErrorKind::environment,
                      "cannot make the loop that the agent checks itself with: {}",
                      std::strerror(errno));
  }
  return std::unique_ptr<Canary>(new Canary(clock, hold_ns, std::move(epoll), std::move(stop)));
}

Canary::Canary(const base::Clock& clock, uint64_t hold_ns, base::UniqueFd epoll,
               base::UniqueFd stop)
    : clock_(clock), hold_ns_(hold_ns), epoll_(std::move(epoll)), stop_(std::move(stop)) {
  std::promise<pid_t> tid;
  thread_ = std::thread([&] { run(tid); });
  tid_ = tid.get_future().get();
}

Canary::~Canary() {
  ::eventfd_write(stop_.get(), 1);
  thread_.join();
}

void Canary::run(std::promise<pid_t>& tid) {
  tid.set_value(::gettid());
  epoll_event event;
  int timeout_ms = kFirstHoldMs;
  while (true) {
    const int ready = ::epoll_wait(epoll_.get(), &event, 1, timeout_ms);
    if (ready > 0) return;
    if (ready == 0) hold();
    timeout_ms = kBetweenHoldsMs;
  }
}

void Canary::hold() {
  CanaryHold hold;
  hold.start_ns = clock_.monotonic_ns();
  hold.slept_ns = hold_ns_;
  sleep_for(hold_ns_);
  const std::lock_guard lock(mutex_);
  hold.end_ns = clock_.monotonic_ns();
  holds_.push_back(hold);
}

std::vector<CanaryHold> Canary::take_holds() {
  const std::lock_guard lock(mutex_);
  return std::exchange(holds_, {});
}

}  // namespace loopstall::session
