// SPDX-License-Identifier: Apache-2.0
// The decoder of the wire: records of the ring buffer, and slots.
#include <vector>

#include "fuzzed_input.h"
#include "probes/decode.h"
#include "wire/wire.h"

using namespace loopstall;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, std::size_t size) {
  fuzz::FuzzedInput input(data, size);
  if (input.take<uint8_t>() % 4 == 0) {
    const auto slot = input.take<ls_slot>();
    const stalls::LoopAccount account = probes::decode_slot(slot);
    FUZZ_CHECK(account.syscalls.size() <= LS_SYSCALL_ENTRIES + 1);
    return 0;
  }
  // A copy of its own, so that the sanitizer sees the end of the record.
  const std::vector<std::byte> record(
      reinterpret_cast<const std::byte*>(input.data()),
      reinterpret_cast<const std::byte*>(input.data()) + input.size());
  const auto event = probes::decode_event(record);
  if (!event) return 0;
  if (const auto* block = std::get_if<probes::BlockEnded>(&event->what)) {
    FUZZ_CHECK(block->stack.frames.size() <= LS_MAX_FRAMES);
    FUZZ_CHECK(static_cast<std::size_t>(block->cause) < stalls::kCauseCount);
  }
  if (const auto* turn = std::get_if<probes::TurnEnded>(&event->what)) {
    FUZZ_CHECK(static_cast<std::size_t>(turn->dominant) < stalls::kCauseCount);
  }
  return 0;
}
