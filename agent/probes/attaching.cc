// SPDX-License-Identifier: Apache-2.0
#include "probes/attaching.h"

#include <algorithm>
#include <cerrno>
#include <cstdarg>
#include <cstdio>
#include <cstring>

#include "base/log.h"

namespace loopstall::probes {
namespace {

/// What libbpf said last: the reason for a failure, and never more than the log's debug level.
thread_local std::string last_libbpf_warning;

int keep_libbpf_message(libbpf_print_level level, const char* format, va_list arguments) {
  if (level == LIBBPF_DEBUG) return 0;
  char text[512];
  const int size = std::vsnprintf(text, sizeof text, format, arguments);
  std::string_view message(
      text, static_cast<std::size_t>(std::min<int>(size, static_cast<int>(sizeof text) - 1)));
  while (message.ends_with('\n')) message.remove_suffix(1);
  last_libbpf_warning = std::string(message);
  base::log_debug("libbpf: {}", message);
  return 0;
}

}  // namespace

void hear_libbpf() { libbpf_set_print(keep_libbpf_message); }

void forget_libbpf_words() { last_libbpf_warning.clear(); }

std::string libbpf_reason(int error) {
  const std::string text = std::strerror(error < 0 ? -error : error);
  return last_libbpf_warning.empty() ? text : text + " (" + last_libbpf_warning + ")";
}

base::Result<void> keep(std::vector<Link>& links, bpf_link* link, std::string_view what) {
  if (link == nullptr) {
    return base::fail(base::ErrorKind::environment, "cannot attach {}: {}", what,
                      libbpf_reason(errno));
  }
  links.emplace_back(link);
  return {};
}

}  // namespace loopstall::probes
