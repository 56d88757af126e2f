// SPDX-License-Identifier: Apache-2.0
#include "cli/child.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstring>
#include <thread>
#include <utility>

namespace loopstall::cli {
namespace {

constexpr int kCannotRun = 127;
constexpr std::chrono::milliseconds kStep{20};
constexpr int kPatienceSteps = 500;

/// Only what may be called between fork() and exec(). `gate` has its end of file when it may run.
[[noreturn]] void become(char* const* words, int gate, int failure) {
  ::setpgid(0, 0);
  ::prctl(PR_SET_PDEATHSIG, SIGTERM);
  sigset_t none;
  sigemptyset(&none);
  ::pthread_sigmask(SIG_SETMASK, &none, nullptr);
  std::signal(SIGPIPE, SIG_DFL);
  char nothing = 0;
  while (::read(gate, &nothing, 1) < 0 && errno == EINTR) {
  }
  ::dup2(STDERR_FILENO, STDOUT_FILENO);
  ::execvp(words[0], words);
  const int error = errno;
  [[maybe_unused]] const ssize_t written = ::write(failure, &error, sizeof error);
  ::_exit(kCannotRun);
}

struct Pipe {
  base::UniqueFd read;
  base::UniqueFd write;
};

base::Result<Pipe> make_pipe() {
  std::array<int, 2> ends{};
  if (::pipe2(ends.data(), O_CLOEXEC) != 0) {
    return base::fail(base::ErrorKind::environment, "cannot start a command: {}",
                      std::strerror(errno));
  }
  return Pipe{base::UniqueFd(ends[0]), base::UniqueFd(ends[1])};
}

}  // namespace

base::Result<std::unique_ptr<Child>> Child::prepare(std::vector<std::string> command) {
  auto gate = make_pipe();
  if (!gate) return tl::unexpected(gate.error());
  auto failure = make_pipe();
  if (!failure) return tl::unexpected(failure.error());
  std::vector<char*> words;
  words.reserve(command.size() + 1);
  for (std::string& word : command) words.push_back(word.data());
  words.push_back(nullptr);
  const pid_t pid = ::fork();
  if (pid < 0) {
    return base::fail(base::ErrorKind::environment, "cannot start a command: {}",
                      std::strerror(errno));
  }
  if (pid == 0) {
    ::close(gate->write.get());
    become(words.data(), gate->read.get(), failure->write.get());
  }
  ::setpgid(pid, pid);  // whoever of both comes first
  return std::unique_ptr<Child>(
      new Child(std::move(command), pid, std::move(gate->write), std::move(failure->read)));
}

Child::Child(std::vector<std::string> command, pid_t pid, base::UniqueFd gate,
             base::UniqueFd failure)
    : command_(std::move(command)),
      pid_(pid),
      gate_(std::move(gate)),
      failure_(std::move(failure)) {}

Child::~Child() { end(); }

base::Result<void> Child::run() {
  gate_ = base::UniqueFd();
  int error = 0;
  const bool failed = ::read(failure_.get(), &error, sizeof error) == sizeof error;
  if (!failed) return {};
  return base::fail(base::ErrorKind::usage, "cannot run {}: {}", command_.front(),
                    std::strerror(error));
}

std::optional<int> Child::ended() {
  int status = 0;
  if (!status_ && ::waitpid(pid_, &status, WNOHANG) == pid_) status_ = status;
  return status_;
}

void Child::end() {
  if (std::exchange(is_over_, true)) return;
  gate_ = base::UniqueFd();
  for (int step = 0; step < kPatienceSteps && !ended(); ++step) {
    if (step == 0) ::kill(-pid_, SIGTERM);
    std::this_thread::sleep_for(kStep);
  }
  ::kill(-pid_, SIGKILL);  // what it left behind, too
  while (!ended()) std::this_thread::sleep_for(kStep);
}

bool is_gone(uint32_t pid) { return ::kill(static_cast<pid_t>(pid), 0) != 0 && errno == ESRCH; }

std::string ending_text(int wait_status) {
  if (WIFEXITED(wait_status)) return fmt::format("exit status {}", WEXITSTATUS(wait_status));
  const char* name = ::sigabbrev_np(WTERMSIG(wait_status));
  return name == nullptr ? fmt::format("signal {}", WTERMSIG(wait_status))
                         : fmt::format("SIG{}", name);
}

}  // namespace loopstall::cli
