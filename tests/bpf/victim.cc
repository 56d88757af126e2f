// SPDX-License-Identifier: Apache-2.0
#include "victim.h"

#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>
#include <utility>

namespace loopstall::bpf_test {

Victim::Victim(pid_t pid, base::UniqueFd output, base::UniqueFd input)
    : pid_(pid), output_(std::move(output)), input_(std::move(input)) {}

Victim::Victim(Victim&& other) noexcept
    : pid_(std::exchange(other.pid_, -1)),
      output_(std::move(other.output_)),
      input_(std::move(other.input_)) {}

Victim::~Victim() { end(); }

Victim Victim::python(const std::string& script, const std::vector<std::string>& arguments) {
  int from[2], to[2];
  if (pipe2(from, O_CLOEXEC) != 0 || pipe2(to, O_CLOEXEC) != 0) std::abort();
  const std::string path = std::string(LOOPSTALL_VICTIMS) + "/" + script;
  std::vector<char*> words = {const_cast<char*>(LOOPSTALL_PYTHON), const_cast<char*>("-u"),
                              const_cast<char*>(path.c_str())};
  for (const std::string& word : arguments) words.push_back(const_cast<char*>(word.c_str()));
  words.push_back(nullptr);
  const pid_t pid = fork();
  if (pid == 0) {
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    dup2(from[1], STDOUT_FILENO);
    dup2(to[0], STDIN_FILENO);
    execv(LOOPSTALL_PYTHON, words.data());
    _exit(127);
  }
  close(from[1]);
  close(to[0]);
  return Victim(pid, base::UniqueFd(from[0]), base::UniqueFd(to[1]));
}

Victim Victim::hog() {
  const pid_t pid = fork();
  if (pid == 0) {
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    volatile bool forever = true;
    while (forever) {
    }
    _exit(0);
  }
  return Victim(pid, base::UniqueFd(), base::UniqueFd());
}

std::string Victim::hear() {
  std::string line;
  char letter = 0;
  while (read(output_.get(), &letter, 1) == 1 && letter != '\n') line += letter;
  return line;
}

void Victim::tell(const std::string& line) {
  const std::string text = line + "\n";
  if (write(input_.get(), text.data(), text.size()) < 0) std::abort();
}

void Victim::signal(int number) const { kill(pid_, number); }

void Victim::pin_to(int cpu) const {
  cpu_set_t cpus;
  CPU_ZERO(&cpus);
  CPU_SET(cpu, &cpus);
  sched_setaffinity(pid_, sizeof cpus, &cpus);
}

void Victim::end() {
  if (pid_ <= 0) return;
  kill(pid_, SIGKILL);
  waitpid(pid_, nullptr, 0);
  pid_ = -1;
}

}  // namespace loopstall::bpf_test
