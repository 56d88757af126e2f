// SPDX-License-Identifier: Apache-2.0
// The ELF reader, on files that may be far larger than what was written of them.
#include <sys/mman.h>
#include <unistd.h>

#include <array>
#include <string_view>

#include "fuzzed_input.h"
#include "host/elf.h"

using namespace loopstall;

namespace {

// Enough for every path of the reader, and quick.
constexpr uint64_t kMaxBytesRead = 2 << 20;

base::UniqueFd file_of(const fuzz::FuzzedInput& input, uint64_t size) {
  base::UniqueFd fd(::memfd_create("fuzz", MFD_CLOEXEC));
  FUZZ_CHECK(::write(fd.get(), input.data(), input.size()) == static_cast<ssize_t>(input.size()));
  if (size > input.size()) FUZZ_CHECK(::ftruncate(fd.get(), static_cast<off_t>(size)) == 0);
  return fd;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, std::size_t size) {
  fuzz::FuzzedInput input(data, size);
  // Up to 1 TiB of holes, which cost an attacker nothing.
  const auto exponent = input.take<uint8_t>() % 41;
  const auto elf =
      host::ElfFile::from(file_of(input, uint64_t{1} << exponent), "fuzzed", kMaxBytesRead);
  if (!elf) return 0;
  constexpr std::array<std::string_view, 3> kNames = {"_PyRuntime", "PyCode_Type", "Py_Version"};
  for (const auto type : {host::ElfSymbolType::object, host::ElfSymbolType::function}) {
    FUZZ_CHECK(elf->definitions(kNames, type).size() == kNames.size());
  }
  const auto section = elf->section(".PyRuntime", 4'096);
  if (section) FUZZ_CHECK(section->size() <= 4'096);
  for (const host::ElfSegment& segment : elf->segments()) {
    uint64_t word = 0;
    elf->read_initial(segment.vaddr, &word, sizeof word);
    host::load_bias(elf->segments(), 0x7f00'0000'0000, segment.offset);
  }
  FUZZ_CHECK(elf->bytes_read() <= kMaxBytesRead);
  return 0;
}
