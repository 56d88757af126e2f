// SPDX-License-Identifier: Apache-2.0
// The whole way from a pid to names and lines, against a real interpreter.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <map>
#include <string>
#include <thread>
#include <vector>

#include "host/procfs.h"
#include "stacks/python_process.h"
#include "stacks/python_symbolizer.h"
#include "stacks/python_walker.h"

namespace loopstall::stacks {
namespace {

namespace fs = std::filesystem;
using namespace std::chrono_literals;

constexpr auto kPatience = 20s;

// Line numbers are asserted below.
constexpr const char* kScript = R"(import time

class Outer:
    def réponse(self):
        self.nested()

    def nested(self):
        def innermost():
            values = [
                1,
                time.sleep(600),
            ]
            return values
        innermost()

Outer().réponse()
)";

/// A child that is killed and reaped at the end.
class Child {
 public:
  explicit Child(std::vector<std::string> arguments) {
    pid_ = ::fork();
    if (pid_ != 0) return;
    std::vector<char*> argv;
    for (auto& argument : arguments) argv.push_back(argument.data());
    argv.push_back(nullptr);
    ::execv(argv[0], argv.data());
    ::_exit(127);
  }
  Child(const Child&) = delete;
  ~Child() {
    ::kill(pid_, SIGKILL);
    ::waitpid(pid_, nullptr, 0);
  }
  pid_t pid() const { return pid_; }

 private:
  pid_t pid_ = -1;
};

class TemporaryDirectory {
 public:
  TemporaryDirectory() {
    std::string name = (fs::temp_directory_path() / "python_live_XXXXXX").string();
    path_ = ::mkdtemp(name.data());
  }
  ~TemporaryDirectory() { fs::remove_all(path_); }
  const fs::path& path() const { return path_; }

 private:
  fs::path path_;
};

/// Until the main thread is in time.sleep: clock_nanosleep, before 3.11 pselect6.
bool wait_for_sleep(const host::Procfs& procfs, pid_t pid) {
  const auto deadline = std::chrono::steady_clock::now() + kPatience;
  while (std::chrono::steady_clock::now() < deadline) {
    const auto state = procfs.syscall(pid, pid);
    if (state && state->kind == host::SyscallState::Kind::in_syscall &&
        (state->number == SYS_clock_nanosleep || state->number == SYS_pselect6)) {
      return true;
    }
    std::this_thread::sleep_for(2ms);
  }
  return false;
}

class PythonLive : public testing::Test {
 protected:
  void SetUp() override {
    if (::access(interpreter().c_str(), X_OK) != 0) {
      GTEST_SKIP() << interpreter() << " is not installed";
    }
    script_ = directory_.path() / "nested sleep.py";
    std::ofstream(script_) << kScript;
  }

  /// The measured runtime, or another one to try by hand.
  static std::string interpreter() {
    const char* other = std::getenv("LOOPSTALL_TEST_PYTHON");
    return other != nullptr ? other : LOOPSTALL_PYTHON;
  }

  /// The collector's flag.
  static int32_t collecting(const MemoryReader& memory, const PythonProcess& process) {
    const PythonLayout& layout = *process.layout;
    const bool in_runtime = layout.runtime.gc_collecting != PythonLayout::kAbsent;
    const uint64_t address = in_runtime
                                 ? process.runtime_address + layout.runtime.gc_collecting
                                 : process.interpreter_address + layout.interpreter.gc_collecting;
    return memory.value<int32_t>(address).value_or(-1);
  }

  TemporaryDirectory directory_;
  fs::path script_;
  host::Procfs procfs_;
};

TEST_F(PythonLive, StackOfASleepingThreadHasNamesFilesAndLines) {
  const Child child({interpreter(), script_.string()});
  ASSERT_TRUE(wait_for_sleep(procfs_, child.pid())) << "the script never slept";
  PythonInspector inspector(procfs_);
  const auto process = inspector.inspect(child.pid());
  if (!process && process.error() == PythonRefusal::unreadable_memory) {
    GTEST_SKIP() << "process_vm_readv is refused here (needs CAP_SYS_PTRACE)";
  }
  ASSERT_TRUE(process) << token(process.error());
  EXPECT_EQ(process->version.major, 3);
  EXPECT_NE(process->gil_address, 0u);
  EXPECT_NE(process->code_type_address, 0u);
  EXPECT_FALSE(process->uvloop);
  EXPECT_TRUE(fs::exists(fs::path(process->stdlib_directory) / "asyncio"))
      << process->stdlib_directory;

  const ProcessMemory memory(child.pid());
  const auto threads = python_threads(memory, *process);
  ASSERT_EQ(threads.size(), 1u);
  if (process->version >= PythonVersion{3, 11}) {
    EXPECT_EQ(threads[0].native_thread_id, static_cast<uint64_t>(child.pid()));
  }

  // The only thread was the last to hold the GIL, and has let go of it to sleep.
  const uint64_t gil = process->gil_address;
  EXPECT_EQ(memory.value<uint64_t>(gil + PythonLayout::kGilLastHolder), threads[0].tstate);
  EXPECT_EQ(memory.value<int32_t>(gil + PythonLayout::kGilLocked), 0);
  EXPECT_EQ(collecting(memory, *process), 0);

  const RawStack stack = walk_python_stack(memory, *process, threads[0].tstate);
  EXPECT_FALSE(stack.truncated);
  ASSERT_EQ(stack.frames.size(), 4u);
  PythonSymbolizer symbolizer(memory, *process->layout);
  std::vector<CodeLocation> locations;
  for (const RawFrame& frame : stack.frames) {
    const auto location = symbolizer.resolve(frame);
    ASSERT_TRUE(location) << location.error();
    locations.push_back(*location);
  }
  const bool has_qualified_names = process->version >= PythonVersion{3, 11};
  EXPECT_EQ(locations[0].name, "innermost");
  EXPECT_EQ(locations[0].qualname,
            has_qualified_names ? "Outer.nested.<locals>.innermost" : "innermost");
  EXPECT_EQ(locations[0].line, 11);
  EXPECT_EQ(locations[0].firstlineno, 8);
  EXPECT_EQ(locations[1].name, "nested");
  EXPECT_EQ(locations[1].line, 14);
  EXPECT_EQ(locations[2].qualname, has_qualified_names ? "Outer.réponse" : "réponse");
  EXPECT_EQ(locations[2].line, 5);
  EXPECT_EQ(locations[3].name, "<module>");
  EXPECT_EQ(locations[3].line, 16);
  for (const auto& location : locations) EXPECT_EQ(location.filename, script_.string());
}

TEST_F(PythonLive, EachThreadHasItsOwnStack) {
  std::ofstream(script_) << R"(import threading, time

def worker():
    time.sleep(600)

thread = threading.Thread(target=worker)
thread.start()
time.sleep(600)
)";
  const Child child({interpreter(), script_.string()});
  ASSERT_TRUE(wait_for_sleep(procfs_, child.pid()));
  PythonInspector inspector(procfs_);
  const auto process = inspector.inspect(child.pid());
  if (!process) GTEST_SKIP() << token(process.error());
  const ProcessMemory memory(child.pid());
  const auto threads = python_threads(memory, *process);
  ASSERT_EQ(threads.size(), 2u);
  PythonSymbolizer symbolizer(memory, *process->layout);
  std::map<std::string, PythonThread> by_outermost;
  for (const PythonThread& thread : threads) {
    const RawStack stack = walk_python_stack(memory, *process, thread.tstate);
    ASSERT_FALSE(stack.frames.empty());
    EXPECT_FALSE(stack.truncated);
    by_outermost[symbolizer.resolve(stack.frames.back())->name] = thread;
  }
  ASSERT_EQ(by_outermost.count("<module>"), 1u);
  ASSERT_EQ(by_outermost.count("_bootstrap"), 1u);
  if (process->version >= PythonVersion{3, 11}) {
    EXPECT_EQ(by_outermost["<module>"].native_thread_id, static_cast<uint64_t>(child.pid()));
    const auto tids = procfs_.threads(child.pid()).value();
    ASSERT_EQ(tids.size(), 2u);
    const pid_t worker = tids[0] == child.pid() ? tids[1] : tids[0];
    EXPECT_EQ(by_outermost["_bootstrap"].native_thread_id, static_cast<uint64_t>(worker));
  }
}

TEST_F(PythonLive, ACollectionInProgressIsSeen) {
  std::ofstream(script_) << R"(import gc, time
gc.callbacks.append(lambda phase, info: time.sleep(600))
gc.collect()
)";
  const Child child({interpreter(), script_.string()});
  ASSERT_TRUE(wait_for_sleep(procfs_, child.pid()));
  PythonInspector inspector(procfs_);
  const auto process = inspector.inspect(child.pid());
  if (!process) GTEST_SKIP() << token(process.error());
  EXPECT_EQ(collecting(ProcessMemory(child.pid()), *process), 1);
}

TEST_F(PythonLive, ManyProcessesOfOneBinaryCostOneParse) {
  const Child first({interpreter(), script_.string()});
  const Child second({interpreter(), script_.string()});
  ASSERT_TRUE(wait_for_sleep(procfs_, first.pid()));
  ASSERT_TRUE(wait_for_sleep(procfs_, second.pid()));
  PythonInspector inspector(procfs_);
  ASSERT_TRUE(inspector.inspect(first.pid()));
  const uint64_t parsed = inspector.files_parsed();
  EXPECT_GE(parsed, 1u);
  ASSERT_TRUE(inspector.inspect(second.pid()));
  EXPECT_EQ(inspector.files_parsed(), parsed);
}

TEST_F(PythonLive, AProgramWithoutPythonIsNotPython) {
  PythonInspector inspector(procfs_);
  const auto self = inspector.inspect(::getpid());
  ASSERT_FALSE(self);
  EXPECT_EQ(self.error(), PythonRefusal::not_python);
}

TEST_F(PythonLive, AProcessThatIsGoneSaysSo) {
  const pid_t pid = Child({"/bin/true"}).pid();
  PythonInspector inspector(procfs_);
  const auto gone = inspector.inspect(pid);
  ASSERT_FALSE(gone);
  EXPECT_EQ(gone.error(), PythonRefusal::process_gone);
}

TEST_F(PythonLive, CodeObjectsThatChangedAreNotTrusted) {
  const Child child({interpreter(), script_.string()});
  ASSERT_TRUE(wait_for_sleep(procfs_, child.pid()));
  PythonInspector inspector(procfs_);
  const auto process = inspector.inspect(child.pid());
  if (!process) GTEST_SKIP() << token(process.error());
  const ProcessMemory memory(child.pid());
  const auto threads = python_threads(memory, *process);
  ASSERT_FALSE(threads.empty());
  RawFrame frame = walk_python_stack(memory, *process, threads[0].tstate).frames.at(0);
  frame.check ^= 1;
  PythonSymbolizer symbolizer(memory, *process->layout);
  const auto location = symbolizer.resolve(frame);
  ASSERT_FALSE(location);
  EXPECT_EQ(location.error(), "code_reused");
}

}  // namespace
}  // namespace loopstall::stacks
