// SPDX-License-Identifier: Apache-2.0
// The parsers of /proc: stat, status, maps, syscall, cgroup and command lines.
#include <string>
#include <vector>

#include "fuzzed_input.h"
#include "host/container.h"
#include "host/procfs.h"
#include "loops/process_name.h"
#include "utf8_check.h"

using namespace loopstall;

namespace {

void name_process(std::string_view text) {
  std::vector<std::string> words(1);
  for (const char c : text) {
    if (c == '\0') {
      words.emplace_back();
    } else {
      words.back() += c;
    }
  }
  fuzz::check_text(loops::process_name(words, words[0]), loops::kMaxProcessNameBytes, false);
  loops::python_program(words);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, std::size_t size) {
  fuzz::FuzzedInput input(data, size);
  const auto which = input.take<uint8_t>() % 6;
  const std::string_view text = input.text();
  if (which == 0) (void)host::parse_stat(text);
  if (which == 1) FUZZ_CHECK(host::parse_status(text).ns_pids.size() <= text.size());
  if (which == 2) {
    const auto mapping = host::parse_mapping(text);
    if (mapping) FUZZ_CHECK(mapping->end >= mapping->start);
  }
  if (which == 3) (void)host::parse_syscall(text);
  if (which == 4) {
    const std::string id = host::container_id(text);
    FUZZ_CHECK(id.empty() || id.size() == 64);
  }
  if (which == 5) name_process(text);
  return 0;
}
