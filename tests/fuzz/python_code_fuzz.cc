// SPDX-License-Identifier: Apache-2.0
// The reader of code objects: names, paths, line tables, and its cache.
#include <vector>

#include "fuzzed_memory.h"
#include "stacks/python_symbolizer.h"
#include "utf8_check.h"

using namespace loopstall;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, std::size_t size) {
  fuzz::FuzzedInput input(data, size);
  const stacks::PythonLayout& layout = fuzz::take_layout(input);
  const bool any_check = input.take<uint8_t>() % 2 == 0;
  std::vector<stacks::RawFrame> frames(1 + input.take<uint8_t>() % 8);
  for (stacks::RawFrame& frame : frames) {
    frame.code = fuzz::FuzzedMemory::kBase + input.take<uint16_t>();
    frame.instruction = input.take<int32_t>();
    frame.check = any_check ? 0 : input.take<uint32_t>();
  }
  const fuzz::FuzzedMemory memory = fuzz::take_memory(input);
  stacks::PythonSymbolizer symbolizer(memory, layout, {.code_objects = 3, .bytes = 4'096});
  for (const stacks::RawFrame& frame : frames) {
    const std::size_t reads_before = memory.reads;
    const std::size_t bytes_before = memory.bytes_read;
    const auto location = symbolizer.resolve(frame);
    FUZZ_CHECK(memory.reads - reads_before <= 12);
    FUZZ_CHECK(memory.bytes_read - bytes_before <= 128 * 1'024);
    FUZZ_CHECK(symbolizer.cached() <= 3);
    if (!location) {
      FUZZ_CHECK(!location.error().empty());
      continue;
    }
    fuzz::check_text(location->name, 256, true);
    fuzz::check_text(location->qualname, 256, true);
    fuzz::check_text(location->filename, 1'024, true);
    FUZZ_CHECK(location->line >= 0);
  }
  return 0;
}
