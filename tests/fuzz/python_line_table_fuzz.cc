// SPDX-License-Identifier: Apache-2.0
// The three forms of CPython's line tables.
#include "fuzzed_input.h"
#include "stacks/python_line_table.h"

using namespace loopstall;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, std::size_t size) {
  fuzz::FuzzedInput input(data, size);
  const auto kind = static_cast<stacks::LineTableKind>(input.take<uint8_t>() % 3);
  const auto firstlineno = input.take<int32_t>();
  const auto instruction = input.take<int32_t>();
  const int line =
      stacks::python_line(kind, {input.data(), input.size()}, firstlineno, instruction);
  FUZZ_CHECK(line >= 0 && line <= 1'000'000'000);
  return 0;
}
