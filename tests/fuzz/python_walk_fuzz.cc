// SPDX-License-Identifier: Apache-2.0
// The walk over a thread's frames from user space.
#include "fuzzed_memory.h"
#include "stacks/python_walker.h"

using namespace loopstall;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, std::size_t size) {
  fuzz::FuzzedInput input(data, size);
  stacks::PythonProcess process;
  process.layout = &fuzz::take_layout(input);
  if (input.take<uint8_t>() % 2 == 0) process.code_type_address = input.take<uint64_t>();
  const fuzz::FuzzedMemory memory = fuzz::take_memory(input);
  const stacks::RawStack stack =
      stacks::walk_python_stack(memory, process, fuzz::FuzzedMemory::kBase);
  FUZZ_CHECK(stack.frames.size() <= stacks::kMaxWalkedFrames);
  // Two reads lead to the first frame; each of at most 257 steps takes at most seven.
  FUZZ_CHECK(memory.reads <= 2 + 257 * 8);
  return 0;
}
