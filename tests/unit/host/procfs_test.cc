// SPDX-License-Identifier: Apache-2.0
#include "host/procfs.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <random>
#include <string>
#include <vector>

#include "temporary_tree.h"

namespace loopstall::host {
namespace {

class ProcfsTree : public testing::Test {
 protected:
  TemporaryTree tree_;
  Procfs procfs_{tree_.root().string()};
};

TEST_F(ProcfsTree, ListsProcessesAndThreads) {
  for (const char* name :
       {"10/task/10/comm", "10/task/12/comm", "9/comm", "self/comm", "1x/comm"}) {
    tree_.write(name, "x\n");
  }
  EXPECT_EQ(procfs_.pids().value(), (std::vector<pid_t>{9, 10}));
  EXPECT_EQ(procfs_.threads(10).value(), (std::vector<pid_t>{10, 12}));
}

TEST_F(ProcfsTree, AProcessThatIsGoneIsATargetsError) {
  for (const auto& error :
       {procfs_.comm(5).error(), procfs_.threads(5).error(), procfs_.cmdline(5).error(),
        procfs_.stat(5).error(), procfs_.status(5).error(), procfs_.maps(5).error(),
        procfs_.cgroup(5).error(), procfs_.exe(5).error(), procfs_.syscall(5, 5).error(),
        procfs_.fds(5).error()}) {
    EXPECT_EQ(error.kind, base::ErrorKind::target);
    EXPECT_NE(error.message.find("/5/"), std::string::npos) << error.message;
  }
}

TEST_F(ProcfsTree, ReadsNames) {
  tree_.write("7/comm", "gunicorn: maste\n");
  tree_.write("7/task/8/comm", "a\nb\n");
  EXPECT_EQ(procfs_.comm(7).value(), "gunicorn: maste");
  EXPECT_EQ(procfs_.thread_comm(7, 8).value(), "a\nb");
}

TEST_F(ProcfsTree, SplitsTheCommandLine) {
  using namespace std::string_literals;
  tree_.write("7/cmdline", "uvicorn\0app.main:app\0\0--port\0"s);
  EXPECT_EQ(procfs_.cmdline(7).value(),
            (std::vector<std::string>{"uvicorn", "app.main:app", "", "--port"}));
  tree_.write("8/cmdline", "nginx: worker process");  // setproctitle leaves no zero byte
  EXPECT_EQ(procfs_.cmdline(8).value(), (std::vector<std::string>{"nginx: worker process"}));
  tree_.write("9/cmdline", "");
  EXPECT_TRUE(procfs_.cmdline(9)->empty());
}

TEST_F(ProcfsTree, FilesAreReadUpToABound) {
  tree_.write("7/cmdline", std::string(3 << 20, 'x'));
  EXPECT_EQ(procfs_.cmdline(7)->at(0).size(), std::size_t{1} << 20);
  std::string maps;
  for (int i = 0; i < 70'000; ++i) maps += "1000-2000 r-xp 00000000 00:00 0\n";
  tree_.write("7/maps", maps);
  EXPECT_EQ(procfs_.maps(7)->size(), 65'536u);
}

TEST_F(ProcfsTree, ReadsLinks) {
  tree_.link("7/exe", "/usr/bin/python3.11 (deleted)");
  tree_.link("7/fd/0", "/dev/null");
  tree_.link("7/fd/12", "socket:[345]");
  tree_.link("7/fd/5", "anon_inode:[eventpoll]");
  EXPECT_EQ(procfs_.exe(7).value(), "/usr/bin/python3.11 (deleted)");
  const auto fds = procfs_.fds(7).value();
  ASSERT_EQ(fds.size(), 3u);
  EXPECT_EQ(fds[1].fd, 5);
  EXPECT_EQ(fds[1].target, "anon_inode:[eventpoll]");
  EXPECT_EQ(fds[2].target, "socket:[345]");
}

TEST_F(ProcfsTree, MapsSkipWhatIsNoMapping) {
  tree_.write("7/maps",
              "5500-5600 r--p 00001000 fe:01 1234                   /usr/bin/python3.11\n"
              "nonsense\n"
              "7ffe0000-7fff0000 rw-p 00000000 00:00 0                          [stack]\n");
  const auto maps = procfs_.maps(7).value();
  ASSERT_EQ(maps.size(), 2u);
  EXPECT_EQ(maps[0], (Mapping{.start = 0x5500,
                              .end = 0x5600,
                              .offset = 0x1000,
                              .inode = 1234,
                              .readable = true,
                              .path = "/usr/bin/python3.11"}));
  EXPECT_EQ(maps[1].path, "[stack]");
}

TEST(ParseMapping, KnowsHardPaths) {
  const auto spaces = parse_mapping("1-2 r-xp 0 0:0 5    /srv/my app/lib x.so (deleted)").value();
  EXPECT_EQ(spaces.path, "/srv/my app/lib x.so");
  EXPECT_TRUE(spaces.deleted);
  EXPECT_TRUE(spaces.executable);
  EXPECT_EQ(parse_mapping("1-2 rw-s 0 0:0 5 /a\\012b").value().path, "/a\nb");
  EXPECT_EQ(parse_mapping("1-2 rw-p 0 0:0 0").value().path, "");
}

TEST(ParseMapping, RefusesOddLines) {
  for (const char* line : {"", "1-2", "1-2 rwxp", "1-2 rwxp 0 0:0", "12 rwxp 0 0:0 0",
                           "2-1 rwxp 0 0:0 0", "x-2 rwxp 0 0:0 0", "1-2 rw 0 0:0 0",
                           "1-2 rwxp 0 0:0 -1", "1-11111111111111111 rwxp 0 0:0 0"}) {
    EXPECT_FALSE(parse_mapping(line)) << line;
  }
}

std::string stat_with(const std::string& name) {
  return "42 (" + name + ") S 1 42 42 0 -1 4194304 1 2 3 4 5 6 7 8 20 0 1 0 987654 1000 10\n";
}

TEST(ParseStat, GivesNameStateAndStart) {
  const auto stat = parse_stat(stat_with("python3")).value();
  EXPECT_EQ(stat.comm, "python3");
  EXPECT_EQ(stat.state, 'S');
  EXPECT_EQ(stat.start_ticks, 987'654u);
  EXPECT_EQ(stat.start_boot_ns,
            987'654u * (1'000'000'000ull / static_cast<uint64_t>(sysconf(_SC_CLK_TCK))));
}

TEST(ParseStat, ANameCannotForgeTheFields) {
  const auto stat = parse_stat(stat_with("x) R 1 1 (y")).value();
  EXPECT_EQ(stat.comm, "x) R 1 1 (y");
  EXPECT_EQ(stat.state, 'S');
  EXPECT_EQ(stat.start_ticks, 987'654u);
  EXPECT_EQ(parse_stat(stat_with("a\nb ")).value().comm, "a\nb ");
}

TEST(ParseStat, KnowsProcessesThatEnd) {
  const auto ending = [](const std::string& state, const std::string& flags) {
    const std::string text =
        "42 (x) " + state + " 1 42 42 0 -1 " + flags + " 0 0 0 0 0 0 0 0 20 0 1 0 987654 0 0";
    return parse_stat(text).value().ending;
  };
  EXPECT_FALSE(ending("S", "4194304"));
  EXPECT_TRUE(ending("R", "4194308")) << "PF_EXITING";
  EXPECT_TRUE(ending("Z", "4194304"));
  EXPECT_TRUE(ending("X", "0"));
}

TEST(ParseStat, KnowsProcessesThatWereForkedAndRanNoProgramSince) {
  const auto forked = [](const std::string& flags) {
    return parse_stat("42 (x) S 1 42 42 0 -1 " + flags + " 0 0 0 0 0 0 0 0 20 0 1 0 987654 0 0")
        .value()
        .forked;
  };
  EXPECT_TRUE(forked("4194368")) << "PF_FORKNOEXEC";
  EXPECT_FALSE(forked("4194304"));
  EXPECT_FALSE(forked("x"));
}

TEST(ParseStat, RefusesOddTexts) {
  for (const char* text : {"", "42", "42 (x", "42 x) S 1", ") (", "42 (x) S 1 2 3", "42 (x)"}) {
    EXPECT_FALSE(parse_stat(text)) << text;
  }
}

TEST(ParseStatus, GivesPidsOfEachNamespace) {
  const auto status = parse_status(
      "Name:\tx\nTgid:\t4242\nPid:\t4242\nPPid:\t1\nNSpid:\t4242\t17\t3\n"
      "voluntary_ctxt_switches:\t150\nnonvoluntary_ctxt_switches:\t545\n");
  EXPECT_EQ(status.tgid, 4242);
  EXPECT_EQ(status.ppid, 1);
  EXPECT_EQ(status.ns_pids, (std::vector<pid_t>{4242, 17, 3}));
  EXPECT_EQ(status.switches, 695u);
  EXPECT_TRUE(parse_status("Tgid:\tx\n").ns_pids.empty());
  EXPECT_EQ(parse_status("Tgid:").tgid, 0);
}

TEST(ParseSyscall, KnowsTheThreeForms) {
  EXPECT_EQ(parse_syscall("running\n").value().kind, SyscallState::Kind::running);
  EXPECT_EQ(parse_syscall("-1 0x7ffe 0x55\n").value().kind, SyscallState::Kind::elsewhere);
  const auto state =
      parse_syscall("232 0x6 0x7f12 0x400 0xffffffffffffffff 0x0 0x1 0x7ffe 0x7f00\n").value();
  EXPECT_EQ(state.kind, SyscallState::Kind::in_syscall);
  EXPECT_EQ(state.number, 232);
  EXPECT_EQ(state.args, (std::array<uint64_t, 6>{6, 0x7f12, 0x400, ~uint64_t{0}, 0, 1}));
}

TEST(ParseSyscall, RefusesOddTexts) {
  for (const char* text : {"", "x", "232", "232 0x6", "232 1 2 3 4 5 y"}) {
    EXPECT_FALSE(parse_syscall(text)) << text;
  }
}

TEST(ParseRunTimes, GivesTimeOnACpuAndForOne) {
  const auto times = parse_run_times("123456789 4567 89\n").value();
  EXPECT_EQ(times.ran_ns, 123'456'789u);
  EXPECT_EQ(times.waited_ns, 4'567u);
  for (const std::string_view text : {"", "\n", "12", "12 x 3", "-1 2 3"}) {
    EXPECT_FALSE(parse_run_times(text)) << text;
  }
}

TEST(Parsers, NoBytesAreTooOdd) {
  std::mt19937 random(20'261'122);
  constexpr std::string_view kAlphabet = "()0123456789abcdefx-: \n\trwps/.NSpid:";
  for (int round = 0; round < 20'000; ++round) {
    std::string text(random() % 120, ' ');
    for (char& c : text) {
      c = random() % 8 == 0 ? static_cast<char>(random()) : kAlphabet[random() % kAlphabet.size()];
    }
    parse_stat(text);
    parse_status(text);
    parse_mapping(text);
    parse_syscall(text);
    parse_run_times(text);
  }
}

TEST(ProcfsLive, ReadsThisProcess) {
  const Procfs procfs;
  const pid_t self = ::getpid();
  EXPECT_GT(procfs.stat(self)->start_ticks, 0u);
  EXPECT_EQ(procfs.status(self)->tgid, self);
  EXPECT_FALSE(procfs.maps(self)->empty());
  EXPECT_FALSE(procfs.fds(self)->empty());
  EXPECT_FALSE(procfs.cmdline(self)->empty());
  const auto pids = procfs.pids().value();
  EXPECT_TRUE(std::binary_search(pids.begin(), pids.end(), self));
}

}  // namespace
}  // namespace loopstall::host
