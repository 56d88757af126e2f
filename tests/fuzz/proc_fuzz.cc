// SPDX-License-Identifier: Apache-2.0
// The parsers of /proc (stat, status, maps, syscall, cgroup, mountinfo, command lines) and of a
// pod's names.
#include <algorithm>
#include <optional>
#include <string>
#include <vector>

#include "fuzzed_input.h"
#include "host/container.h"
#include "host/pod_name.h"
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

void check_name(const std::optional<host::PodName>& name, bool with_container) {
  if (!name) return;
  FUZZ_CHECK(host::is_dns_label(name->namespace_) && host::is_dns_subdomain(name->pod));
  FUZZ_CHECK(with_container ? host::is_dns_label(name->container) : name->container.empty());
}

void name_pod(std::string_view text) {
  const std::string_view tail = text.substr(text.size() - std::min<std::size_t>(text.size(), 64));
  check_name(host::pod_of_log_link(text, tail), true);
  check_name(host::pod_of_log_folder(text, tail), false);
  if (const auto mount = host::kubelet_mount(text, "")) {
    FUZZ_CHECK(host::is_dns_label(mount->container));
  }
  const auto name = host::namespace_of_resolv_conf(text);
  FUZZ_CHECK(!name || host::is_dns_label(*name));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, std::size_t size) {
  fuzz::FuzzedInput input(data, size);
  const auto which = input.take<uint8_t>() % 8;
  const std::string_view text = input.text();
  if (which == 0) (void)host::parse_stat(text);
  if (which == 1) FUZZ_CHECK(host::parse_status(text).ns_pids.size() <= text.size());
  if (which == 2) {
    const auto mapping = host::parse_mapping(text);
    if (mapping) FUZZ_CHECK(mapping->end >= mapping->start);
  }
  if (which == 3) (void)host::parse_syscall(text);
  if (which == 4) {
    const host::ContainerIdentity found = host::container_identity(text);
    FUZZ_CHECK(found.id.size() <= 64 && host::short_container_id(found.id).size() <= 64);
    FUZZ_CHECK(found.pod_uid.size() <= 36);
  }
  if (which == 5) name_process(text);
  if (which == 6) name_pod(text);
  if (which == 7) (void)host::parse_run_times(text);
  return 0;
}
