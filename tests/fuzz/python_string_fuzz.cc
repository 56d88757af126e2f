// SPDX-License-Identifier: Apache-2.0
// Reading PyUnicode objects.
#include "fuzzed_memory.h"
#include "stacks/python_string.h"
#include "utf8_check.h"

using namespace loopstall;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, std::size_t size) {
  fuzz::FuzzedInput input(data, size);
  const stacks::PythonLayout& layout = fuzz::take_layout(input);
  const std::size_t limit = input.take<uint16_t>() % 1'200;
  const fuzz::FuzzedMemory memory = fuzz::take_memory(input);
  const auto text = stacks::read_python_string(memory, layout, fuzz::FuzzedMemory::kBase, limit);
  FUZZ_CHECK(memory.reads <= 2 && memory.bytes_read <= 64 + 4 * limit);
  if (text) fuzz::check_text(*text, limit, true);
  return 0;
}
