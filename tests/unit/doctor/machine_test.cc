// SPDX-License-Identifier: Apache-2.0
#include "doctor/machine.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <string>

namespace loopstall::doctor {
namespace {

namespace fs = std::filesystem;
using namespace std::string_literals;

/// BTF with nothing in it: magic, version, flags, the header's length, offsets and lengths of types
/// and strings; then the one string that there always is.
const std::string kNoTypes =
    "\x9f\xeb\x01\x00\x18\x00\x00\x00"s + std::string(12, '\0') + "\x01\x00\x00\x00"s + "\0"s;

/// A root with the files that are asked for.
class MachineOf : public testing::Test {
 protected:
  MachineOf() {
    std::string folder = (fs::temp_directory_path() / "loopstall-machine-XXXXXX").string();
    root_ = ::mkdtemp(folder.data());
  }
  ~MachineOf() override { fs::remove_all(root_); }

  void put(const std::string& path, const std::string& text) const {
    fs::create_directories(fs::path(root_ + path).parent_path());
    std::ofstream(root_ + path) << text;
  }
  void link(const std::string& path, const std::string& target) const {
    fs::create_directories(fs::path(root_ + path).parent_path());
    fs::create_symlink(target, root_ + path);
  }
  Machine read() const { return read_machine(root_, ""); }

  std::string root_;
};

TEST_F(MachineOf, AllThatItHas) {
  put("/sys/kernel/btf/vmlinux", kNoTypes);
  put("/sys/kernel/security/lockdown", "none [integrity] confidentiality\n");
  put("/proc/sys/kernel/perf_event_paranoid", "-1\n");
  put("/sys/kernel/tracing/events/syscalls/enable", "");
  put("/sys/fs/cgroup/cgroup.controllers", "cpu");
  link("/proc/self/ns/pid", "pid:[4026531836]");
  link("/proc/self/ns/cgroup", "cgroup:[4026531835]");
  const Machine machine = read();
  EXPECT_TRUE(machine.has_btf);
  EXPECT_EQ(machine.lockdown, "integrity");
  EXPECT_EQ(machine.perf_event_paranoid, -1);
  EXPECT_TRUE(machine.has_tracefs);
  EXPECT_EQ(machine.cgroup_version, 2);
  EXPECT_EQ(machine.sees_all_pids, true);
  EXPECT_EQ(machine.sees_all_cgroups, true);
  EXPECT_NE(machine.kernel, "");
}

TEST_F(MachineOf, WhatItLacks) {
  const Machine machine = read();
  EXPECT_FALSE(machine.has_btf);
  EXPECT_EQ(machine.lockdown, std::nullopt);
  EXPECT_EQ(machine.perf_event_paranoid, std::nullopt);
  EXPECT_FALSE(machine.has_tracefs);
  EXPECT_EQ(machine.cgroup_version, 0);
  EXPECT_EQ(machine.sees_all_pids, std::nullopt);
}

TEST_F(MachineOf, NamespacesOfItsOwnAndOddFiles) {
  put("/sys/kernel/security/lockdown", "odd");
  put("/proc/sys/kernel/perf_event_paranoid", "odd");
  put("/sys/fs/cgroup/cpu,cpuacct/tasks", "");
  link("/proc/self/ns/pid", "pid:[4026532000]");
  link("/proc/self/ns/cgroup", "cgroup:[4026532001]");
  const Machine machine = read();
  EXPECT_EQ(machine.lockdown, std::nullopt);
  EXPECT_EQ(machine.perf_event_paranoid, std::nullopt);
  EXPECT_EQ(machine.cgroup_version, 1);
  EXPECT_EQ(machine.sees_all_pids, false);
  EXPECT_EQ(machine.sees_all_cgroups, false);
}

TEST_F(MachineOf, ABtfFileThatIsGiven) {
  put("/own.btf", kNoTypes);
  put("/text.btf", "no types\n");
  EXPECT_TRUE(read_machine(root_, root_ + "/own.btf").has_btf);
  EXPECT_FALSE(read_machine(root_, root_ + "/text.btf").has_btf);
  EXPECT_FALSE(read_machine(root_, root_ + "/other.btf").has_btf);
}

}  // namespace
}  // namespace loopstall::doctor
