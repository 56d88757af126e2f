// SPDX-License-Identifier: Apache-2.0
// Recordings from a stranger: they are replayed, or refused in a sentence.
#include <sstream>
#include <string>

#include "fuzzed_input.h"
#include "session/replay.h"

using namespace loopstall;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, std::size_t size) {
  std::istringstream recording(std::string(reinterpret_cast<const char*>(data), size));
  const auto replayed = session::replay(recording);
  if (!replayed) {
    FUZZ_CHECK(!replayed.error().message.empty());
    return 0;
  }
  for (const auto& record : replayed->records) FUZZ_CHECK(record != nullptr);
  return 0;
}
