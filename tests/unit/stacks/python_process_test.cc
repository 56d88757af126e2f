// SPDX-License-Identifier: Apache-2.0
// Real interpreter file, built /proc, invented memory.
#include "stacks/python_process.h"

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <memory>
#include <set>
#include <string>

#include "../host/elf_builder.h"
#include "host/elf.h"
#include "memory_fake.h"
#include "python_objects.h"

namespace loopstall::stacks {
namespace {

namespace fs = std::filesystem;

constexpr pid_t kPid = 77;
constexpr uint64_t kBias = 0x5550'0000'0000;
constexpr uint64_t kInterpreter = 0x7f00'0100'0000;
constexpr uint64_t kTstate = 0x7f00'0200'0000;
constexpr uint64_t kThread = 0x7f00'0300'0000;
constexpr uint64_t kCframe = 0x7f00'0400'0000;
constexpr uint32_t kKey = 5;

class ReaderOf final : public MemoryReader {
 public:
  explicit ReaderOf(const FakeMemory& memory) : memory_(memory) {}
  bool read(uint64_t address, void* to, std::size_t bytes) const override {
    return memory_.read(address, to, bytes);
  }

 private:
  const FakeMemory& memory_;
};

class PythonInspectorTest : public testing::Test {
 protected:
  void SetUp() override {
    if (::access(LOOPSTALL_PYTHON, R_OK) != 0) GTEST_SKIP() << "no " LOOPSTALL_PYTHON;
    std::string name = (fs::temp_directory_path() / "python_process_XXXXXX").string();
    root_ = ::mkdtemp(name.data());
    program_ = fs::canonical(LOOPSTALL_PYTHON);
    fs::create_directories(process_directory());
    fs::create_directory_symlink("/", process_directory() / "root");
    fs::create_symlink(program_, process_directory() / "exe");
    write("stat", "77 (python) S 1" + repeated(" 0", 17) + " 4242 0\n");
    write("maps", program_mapping() + libc_mapping());
    put_interpreter();
  }
  void TearDown() override {
    if (!root_.empty()) fs::remove_all(root_);
  }

  static std::string repeated(std::string_view text, int times) {
    std::string result;
    for (int i = 0; i < times; ++i) result += text;
    return result;
  }
  fs::path process_directory() const { return root_ / std::to_string(kPid); }
  void write(const std::string& name, const std::string& text) const {
    std::ofstream(process_directory() / name) << text;
  }

  /// A line of maps for the whole of a file, mapped so that `bias_` is its load bias.
  std::string mapping(const fs::path& file, uint64_t start, uint64_t offset) const {
    struct stat status {};
    ::stat(file.c_str(), &status);
    return fmt::format("{:x}-{:x} r-xp {:08x} 00:00 {} {}\n", start, start + 0x100000, offset,
                       status.st_ino, file.string());
  }
  std::string program_mapping() {
    const auto elf = host::ElfFile::open(program_);
    for (const auto& segment : elf->segments()) {
      if (!segment.executable) continue;
      bias_ = elf->position_independent() ? kBias : 0;
      const uint64_t page = segment.offset & ~uint64_t{4'095};
      runtime_ = bias_ + elf->object("_PyRuntime")->value;
      code_type_ = bias_ + elf->object("PyCode_Type")->value;
      return mapping(program_, bias_ + segment.vaddr - segment.offset + page, page);
    }
    return {};
  }
  static std::string libc_mapping() {
    return "7f1111000000-7f1111100000 r-xp 0 00:00 0 /usr/lib/x86_64-linux-gnu/libc.so.6\n";
  }

  void put_interpreter() {
    const PythonLayout& layout = *python_layout({3, 11});
    memory_.add(runtime_, 4'096);
    memory_.put<uint64_t>(runtime_ + layout.runtime.interpreters_head, kInterpreter);
    memory_.put<int32_t>(runtime_ + layout.runtime.auto_tss_key, 1);
    memory_.put<uint32_t>(runtime_ + layout.runtime.auto_tss_key + 4, kKey);
    memory_.add(kInterpreter, 4'096);
    memory_.put<uint64_t>(kInterpreter + layout.interpreter.threads_head, kTstate);
    memory_.add(kTstate, 512);
    memory_.put<uint64_t>(kTstate + layout.thread.thread_id, kThread);
    memory_.put<uint64_t>(kTstate + layout.thread.native_thread_id, 7);
    memory_.put<uint64_t>(kTstate + layout.thread.top_frame, kCframe);
    memory_.add(kCframe, 64);
    memory_.add(kThread, 4'096);
    memory_.put<uint64_t>(kThread + 0x318 + kKey * 16, kTstate);
  }

  tl::expected<PythonProcess, PythonRefusal> inspect() {
    return PythonInspector(procfs(), [this](pid_t) { return std::make_unique<ReaderOf>(memory_); })
        .inspect(kPid);
  }
  const host::Procfs& procfs() {
    procfs_ = std::make_unique<host::Procfs>(root_.string());
    return *procfs_;
  }
  PythonRefusal refusal() {
    const auto process = inspect();
    return process ? PythonRefusal::not_python : process.error();
  }

  fs::path root_;
  fs::path program_;
  uint64_t bias_ = 0;
  uint64_t runtime_ = 0;
  uint64_t code_type_ = 0;
  FakeMemory memory_;
  std::unique_ptr<host::Procfs> procfs_;
};

TEST_F(PythonInspectorTest, FindsTheRuntimeAndItsParts) {
  const auto process = inspect();
  ASSERT_TRUE(process) << token(process.error());
  EXPECT_EQ(process->version, (PythonVersion{3, 11}));
  EXPECT_EQ(process->version_hex >> 16, 0x030bu);
  EXPECT_EQ(process->start_boot_ns, 4242 * 10'000'000ull);
  EXPECT_EQ(process->runtime_address, runtime_);
  EXPECT_EQ(process->code_type_address, code_type_);
  EXPECT_EQ(process->gil_address, runtime_ + 360);
  EXPECT_EQ(process->interpreter_address, kInterpreter);
  EXPECT_EQ(process->tss_key, kKey);
  EXPECT_EQ(process->thread_slot, (ThreadSlot{.slot_offset = 0x318 + kKey * 16}));
  EXPECT_EQ(process->libc, Libc::glibc);
  EXPECT_EQ(process->binary, program_);
  EXPECT_FALSE(process->uvloop);
  EXPECT_EQ(process->stdlib_directory, program_.parent_path().parent_path() / "lib/python3.11");
}

TEST_F(PythonInspectorTest, SeesUvloopAndTheStandardLibraryInTheMappings) {
  write("maps", program_mapping() + libc_mapping() +
                    "7f00-7f01 r-xp 0 0:0 5 /app/uvloop/loop.cpython-311-x86_64-linux-gnu.so\n"
                    "7f02-7f03 r--p 0 0:0 6 /opt/py/lib/python3.11/lib-dynload/_asyncio.so\n");
  const auto process = inspect();
  ASSERT_TRUE(process) << token(process.error());
  EXPECT_TRUE(process->uvloop);
  EXPECT_EQ(process->stdlib_directory, "/opt/py/lib/python3.11");
}

TEST_F(PythonInspectorTest, ProcessesWithoutARuntimeAreNotPython) {
  write("maps", libc_mapping());
  EXPECT_EQ(refusal(), PythonRefusal::not_python);
  write("maps", "");
  EXPECT_EQ(refusal(), PythonRefusal::not_python);
}

TEST_F(PythonInspectorTest, APythonNameWithoutARuntimeIsSaid) {
  const fs::path impostor = root_ / "python3.11";
  std::ofstream(impostor) << "#!/bin/sh\n";
  write("maps", mapping(impostor, 0x1000, 0) + libc_mapping());
  EXPECT_EQ(refusal(), PythonRefusal::no_runtime_symbol);
  write("maps", "1000-2000 r-xp 0 0:0 1 /no/such/libpython3.11.so.1.0\n" + libc_mapping());
  EXPECT_EQ(refusal(), PythonRefusal::unreadable_files);
}

TEST_F(PythonInspectorTest, AnInterpreterThatStartsIsToBeTriedAgain) {
  memory_.put<uint64_t>(runtime_ + 40, 0);
  EXPECT_EQ(refusal(), PythonRefusal::not_initialised);
  put_interpreter();
  memory_.put<int32_t>(runtime_ + 592, 0);
  EXPECT_EQ(refusal(), PythonRefusal::not_initialised);
}

TEST_F(PythonInspectorTest, AnotherLayoutFailsTheSelfCheck) {
  memory_.put<uint64_t>(kThread + 0x318 + kKey * 16, kTstate + 8);
  EXPECT_EQ(refusal(), PythonRefusal::self_check_failed);
  put_interpreter();
  memory_.put<uint64_t>(kInterpreter + 16, 0);  // no threads
  EXPECT_EQ(refusal(), PythonRefusal::self_check_failed);
  put_interpreter();
  memory_.put<uint64_t>(kCframe + 8, 0xdead'0000);  // a frame that is none
  EXPECT_EQ(refusal(), PythonRefusal::self_check_failed);
}

TEST_F(PythonInspectorTest, StatesThatEndedThreadsLeftBehindAreTolerated) {
  const PythonLayout& layout = *python_layout({3, 11});
  const auto leave_behind = [&](uint64_t before, uint64_t state, uint64_t thread) {
    memory_.put<uint64_t>(before + layout.thread.next, state);
    memory_.add(state, 512);
    memory_.put<uint64_t>(state + layout.thread.thread_id, thread);
    memory_.put<uint64_t>(state + layout.thread.top_frame, kCframe);
    memory_.add(thread, 4'096);
    memory_.put<uint64_t>(thread + 0x318 + kKey * 16, 0x1234);  // other data's by now
  };
  leave_behind(kTstate, 0x7100'0000, 0x7200'0000);
  EXPECT_TRUE(inspect());
  leave_behind(0x7100'0000, 0x7300'0000, 0x7400'0000);
  EXPECT_EQ(refusal(), PythonRefusal::self_check_failed);
}

TEST_F(PythonInspectorTest, UnreadableMemoryIsSaid) {
  memory_ = FakeMemory();
  EXPECT_EQ(refusal(), PythonRefusal::unreadable_memory);
}

TEST_F(PythonInspectorTest, WithoutAKnownLibcThreadsHaveNoState) {
  write("maps", program_mapping());
  EXPECT_EQ(refusal(), PythonRefusal::unknown_libc);
}

TEST_F(PythonInspectorTest, AThousandFilesAreEnough) {
  const auto with_files = [](int count) {
    std::string maps;
    for (int i = 0; i < count; ++i)
      maps += fmt::format("{0:x}-{0:x} r-xp 0 00:00 {1} /x{1}\n", 4096, i + 1);
    return maps;
  };
  write("maps", with_files(1'024));
  EXPECT_EQ(refusal(), PythonRefusal::not_python);
  write("maps", with_files(1'025));
  EXPECT_EQ(refusal(), PythonRefusal::too_costly);
  // What is named like the interpreter comes first, so honest programs are not lost.
  write("maps", with_files(20'000) + program_mapping() + libc_mapping());
  EXPECT_TRUE(inspect());
}

TEST_F(PythonInspectorTest, AMissingProcessIsGone) {
  fs::remove(process_directory() / "maps");
  EXPECT_EQ(refusal(), PythonRefusal::unreadable_files);
  fs::remove(process_directory() / "stat");
  EXPECT_EQ(refusal(), PythonRefusal::process_gone);
}

TEST_F(PythonInspectorTest, ThreadListsThatRunInCirclesEnd) {
  memory_.put<uint64_t>(kTstate + 8, kTstate);            // next thread
  memory_.put<uint64_t>(kInterpreter + 0, kInterpreter);  // next interpreter
  const auto process = inspect();
  ASSERT_TRUE(process) << token(process.error());
  EXPECT_EQ(python_threads(memory_, *process).size(), 4'096u);
}

TEST_F(PythonInspectorTest, AStateIsNoLongerTheThreadsThatMadeIt) {
  const auto process = inspect();
  ASSERT_TRUE(process) << token(process.error());
  const auto threads = python_threads(memory_, *process);
  ASSERT_EQ(threads.size(), 1u);
  EXPECT_TRUE(is_still_of_thread(memory_, *process, threads[0]));
  const PythonLayout::Thread& layout = process->layout->thread;
  for (const uint64_t id : {layout.thread_id, layout.native_thread_id}) {
    const uint64_t before = *memory_.value<uint64_t>(kTstate + id);
    memory_.put<uint64_t>(kTstate + id, before + 1);
    EXPECT_FALSE(is_still_of_thread(memory_, *process, threads[0]));
    memory_.put<uint64_t>(kTstate + id, before);
  }
  EXPECT_TRUE(is_still_of_thread(memory_, *process, threads[0]));
  PythonThread unmapped = threads[0];
  unmapped.tstate = 8;
  EXPECT_FALSE(is_still_of_thread(memory_, *process, unmapped));
}

/// Programs that no package here provides, built by hand.
class BuiltPython : public PythonInspectorTest {
 protected:
  static constexpr uint64_t kRuntime = host::ElfBuilder::kDataVaddr + 16;
  static constexpr uint64_t kType = host::ElfBuilder::kDataVaddr + 64;

  /// Data that begins with Py_Version and, at 16, the start of _PyRuntime.
  static std::string data(uint32_t version, std::string_view cookie = "", uint64_t threaded = 0) {
    std::string bytes(64, '\0');
    std::memcpy(bytes.data(), &version, sizeof version);
    std::memcpy(bytes.data() + 16, cookie.data(), cookie.size());
    std::memcpy(bytes.data() + 32, &threaded, sizeof threaded);
    return bytes;
  }
  static host::ElfBuilder python(uint32_t version) {
    host::ElfBuilder builder;
    builder.data(data(version));
    builder.symbol("Py_Version", host::ElfBuilder::kDataVaddr);
    builder.symbol("_PyRuntime", kRuntime);
    builder.symbol("PyCode_Type", kType);
    return builder;
  }
  /// Its line in maps, loaded at kBias.
  std::string installed(const std::string& name, const std::string& image) const {
    std::ofstream(root_ / name, std::ios::binary) << image;
    return mapping(root_ / name, kBias + host::ElfBuilder::kTextVaddr,
                   host::ElfBuilder::kTextOffset);
  }
  PythonRefusal refusal_of(const std::string& name, const std::string& image) {
    write("maps", installed(name, image) + libc_mapping());
    return refusal();
  }
  void put_interpreter_at_bias() {
    memory_ = FakeMemory();
    runtime_ = kBias + kRuntime;
    put_interpreter();
  }
};

TEST_F(BuiltPython, IsFoundWhereItIsLoaded) {
  put_interpreter_at_bias();
  write("maps", installed("service", python(0x030b02f0).build()) + libc_mapping());
  const auto process = inspect();
  ASSERT_TRUE(process) << token(process.error());
  EXPECT_EQ(process->runtime_address, kBias + kRuntime);
  EXPECT_EQ(process->code_type_address, kBias + kType);
  EXPECT_EQ(process->version_hex, 0x030b02f0u);
}

TEST_F(BuiltPython, TheLibraryCountsNotTheProgramsCopy) {
  put_interpreter_at_bias();
  host::ElfBuilder program;
  program.symbol("_PyRuntime", 0x5300);
  program.copy_relocation_of_last();
  std::ofstream(root_ / "python3.11", std::ios::binary) << program.build();
  write("maps", mapping(root_ / "python3.11", 0x400000 + host::ElfBuilder::kTextVaddr,
                        host::ElfBuilder::kTextOffset) +
                    installed("libpython3.11.so.1.0", python(0x030b02f0).build()) + libc_mapping());
  const auto process = inspect();
  ASSERT_TRUE(process) << token(process.error());
  EXPECT_EQ(process->runtime_address, kBias + kRuntime);
  EXPECT_EQ(process->binary, root_ / "libpython3.11.so.1.0");
}

TEST_F(BuiltPython, TheNameTellsTheVersionWhereNothingElseDoes) {
  put_interpreter_at_bias();
  host::ElfBuilder builder;
  builder.symbol("_PyRuntime", kRuntime);
  write("maps", installed("libpython3.11.so.1.0", builder.build()) + libc_mapping());
  const auto process = inspect();
  ASSERT_TRUE(process) << token(process.error());
  EXPECT_EQ(process->version, (PythonVersion{3, 11}));
  EXPECT_EQ(process->version_hex, 0u);
  EXPECT_EQ(process->code_type_address, 0u);
  EXPECT_EQ(refusal_of("service", builder.build()), PythonRefusal::unknown_version);
  EXPECT_EQ(refusal_of("python3.", builder.build()), PythonRefusal::unknown_version);
  EXPECT_EQ(refusal_of("python3.7m", builder.build()), PythonRefusal::unsupported_version);
}

TEST_F(BuiltPython, OtherBuildsAreRefusedByName) {
  put_interpreter_at_bias();
  EXPECT_EQ(refusal_of("a", python(0x030f00f0).build()), PythonRefusal::unsupported_version);

  host::ElfBuilder threaded = python(0);
  threaded.data(data(0x030d00f0, "xdebugpy", 1));
  EXPECT_EQ(refusal_of("b", threaded.build()), PythonRefusal::free_threaded);
  threaded.data(data(0x030d00f0, "xdebugpy", 0));
  EXPECT_EQ(refusal_of("c", threaded.build()), PythonRefusal::not_initialised);

  host::ElfBuilder debug = python(0x030b02f0);
  debug.symbol("_Py_AddToAllObjects", host::ElfBuilder::kTextVaddr, STT_FUNC);
  EXPECT_EQ(refusal_of("d", debug.build()), PythonRefusal::debug_build);

  std::string other_machine = python(0x030b02f0).build();
  other_machine[18] = static_cast<char>(EM_AARCH64);
  EXPECT_EQ(refusal_of("e", other_machine), PythonRefusal::unsupported_machine);
}

TEST(PythonRefusal, TokensAreDistinctWords) {
  std::set<std::string_view> tokens;
  for (int i = 0; i <= static_cast<int>(PythonRefusal::self_check_failed); ++i) {
    tokens.insert(token(static_cast<PythonRefusal>(i)));
  }
  EXPECT_EQ(tokens.size(), static_cast<std::size_t>(PythonRefusal::self_check_failed) + 1);
  EXPECT_EQ(tokens.count("unknown"), 0u);
}

}  // namespace
}  // namespace loopstall::stacks
