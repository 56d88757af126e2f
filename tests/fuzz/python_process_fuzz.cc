// SPDX-License-Identifier: Apache-2.0
// Finding CPython in a process whose files are in order and whose memory is not: the runtime, its
// self-check, the lists of threads.
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cstdlib>
#include <fstream>
#include <string>

#include "elf_builder.h"
#include "fuzzed_memory.h"
#include "stacks/python_process.h"

using namespace loopstall;

namespace {

constexpr uint64_t kTextStart = fuzz::FuzzedMemory::kBase + 0x10'0000;

void write_file(const std::string& path, std::string_view text) {
  std::ofstream(path, std::ios::binary) << text;
}

std::string little_endian(uint32_t value) {
  return {reinterpret_cast<const char*>(&value), sizeof value};
}

/// A rooted /proc of one process for each minor version: pid 8 maps python3.8, and so on.
class ProcTree {
 public:
  ProcTree() {
    std::array<char, 32> name{"/tmp/loopstall-fuzz-XXXXXX"};
    FUZZ_CHECK(::mkdtemp(name.data()) != nullptr);
    root_ = name.data();
    for (uint32_t minor = 8; minor <= 14; ++minor) add_process(minor);
  }
  ~ProcTree() { (void)std::system(("rm -rf " + root_).c_str()); }
  const std::string& root() const { return root_; }

 private:
  void add_process(uint32_t minor) {
    const std::string process = root_ + "/" + std::to_string(minor);
    const std::string program = "/python3." + std::to_string(minor);
    ::mkdir(process.c_str(), 0755);
    ::mkdir((process + "/root").c_str(), 0755);
    host::ElfBuilder elf;
    elf.symbol("_PyRuntime", host::ElfBuilder::kDataVaddr);
    elf.symbol("Py_Version", host::ElfBuilder::kDataVaddr);
    elf.data(little_endian(3u << 24 | minor << 16));
    write_file(process + "/root" + program, elf.build());
    struct stat status {};
    FUZZ_CHECK(::stat((process + "/root" + program).c_str(), &status) == 0);
    write_file(process + "/stat", "1 (python3) S 1 1 1 0 -1 0 0 0 0 0 0 0 0 0 20 0 1 0 100 0 0\n");
    write_file(process + "/maps",
               fmt::format("{:x}-{:x} r-xp {:08x} 00:00 {} {}\n"
                           "{:x}-{:x} r-xp 00000000 00:00 1 /lib/libc.so.6\n",
                           kTextStart, kTextStart + 0x1000, host::ElfBuilder::kTextOffset,
                           status.st_ino, program, kTextStart + 0x10000, kTextStart + 0x11000));
  }

  std::string root_;
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, std::size_t size) {
  static const ProcTree tree;
  static const host::Procfs procfs(tree.root());
  static fuzz::FuzzedMemory* memory;
  // The reader borrows it for one inspection.
  struct Borrowed final : stacks::MemoryReader {
    bool read(uint64_t address, void* to, std::size_t bytes) const override {
      return memory->read(address, to, bytes);
    }
  };
  static stacks::PythonInspector inspector(
      procfs,
      [](pid_t) -> std::unique_ptr<stacks::MemoryReader> { return std::make_unique<Borrowed>(); });
  fuzz::FuzzedInput input(data, size);
  const pid_t pid = 8 + input.take<uint8_t>() % 7;
  fuzz::FuzzedMemory of_input = fuzz::take_memory(input);
  memory = &of_input;
  const auto process = inspector.inspect(pid);
  if (!process) {
    FUZZ_CHECK(!stacks::token(process.error()).empty());
    FUZZ_CHECK(process.error() != stacks::PythonRefusal::not_python);
    return 0;
  }
  FUZZ_CHECK(process->layout != nullptr && process->interpreter_address != 0);
  FUZZ_CHECK(stacks::python_threads(of_input, *process).size() <= 4'096);
  return 0;
}
