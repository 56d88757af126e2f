// SPDX-License-Identifier: Apache-2.0
// The reader of _Py_DebugOffsets, on what any file may hold there.
#include <array>
#include <span>

#include "fuzzed_input.h"
#include "stacks/python_debug_offsets.h"

using namespace loopstall;

namespace {

/// Where the kernel side and the readers go by these offsets: bpf/maps.bpf.h, python_walker.cc.
void check(const stacks::PythonLayout& layout) {
  constexpr uint32_t kStructure = 4 * 1024 * 1024;
  for (const uint32_t offset :
       {layout.runtime.interpreters_head, layout.interpreter.next, layout.interpreter.threads_head,
        layout.interpreter.gil, layout.thread.next, layout.thread.interpreter,
        layout.thread.top_frame, layout.thread.thread_id, layout.thread.native_thread_id}) {
    FUZZ_CHECK(offset % 8 == 0 && offset + 8 <= kStructure);
  }
  FUZZ_CHECK(layout.interpreter.gc_collecting < 2 * kStructure);
  for (const uint32_t offset :
       {layout.frame.previous, layout.frame.code, layout.frame.instruction}) {
    FUZZ_CHECK(offset % 8 == 0 && offset + 8 <= 120);
  }
  FUZZ_CHECK(layout.frame.owner < 120);
  const auto& code = layout.code;
  for (const uint32_t offset : {code.filename, code.name, code.qualname, code.line_table}) {
    FUZZ_CHECK(offset % 8 == 0 && offset + 8 <= 192);
  }
  FUZZ_CHECK(code.flags < code.firstlineno && code.firstlineno < code.name);
  FUZZ_CHECK(code.name + 8 - (code.flags & ~7u) <= 120 && code.argcount + 4 <= 192);
  FUZZ_CHECK(layout.unicode.ascii_header < kStructure);
  FUZZ_CHECK(layout.unicode.compact_header < kStructure);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, std::size_t size) {
  const std::span bytes(reinterpret_cast<const std::byte*>(data), size);
  const auto head = stacks::debug_offsets_head(bytes);
  for (const stacks::PythonVersion version : {stacks::PythonVersion{3, 12}, {3, 13}, {3, 14}}) {
    const auto layout = stacks::layout_from_debug_offsets(bytes, *stacks::python_layout(version));
    if (!layout) continue;
    FUZZ_CHECK(head && head->version_hex >> 16 == (0x300u | version.minor));
    check(*layout);
  }
  return 0;
}
