// SPDX-License-Identifier: Apache-2.0
// Words of users and HTTP clients: values of flags, queries, headers.
#include <string>

#include "base/utf8.h"
#include "config/duration.h"
#include "config/values.h"
#include "exposition/http_message.h"
#include "exposition/listen_address.h"
#include "fuzzed_input.h"
#include "utf8_check.h"

using namespace loopstall;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, std::size_t size) {
  fuzz::FuzzedInput input(data, size);
  const auto which = input.take<uint8_t>() % 8;
  const auto limit = input.take<uint8_t>();
  const std::string_view text = input.text();
  if (which == 0) {
    const auto ns = config::parse_duration_ns(text);
    if (ns) FUZZ_CHECK(config::parse_duration_ns(config::format_duration_ns(*ns)) == *ns);
  }
  if (which == 1) (void)config::listen_value("--listen", text);
  if (which == 2) (void)config::count_value("--n", text, {1, 4'096});
  if (which == 3) (void)config::name_value("--name", text);
  if (which == 4) {
    const auto address = exposition::parse_listen_address(text, "--listen");
    if (address) FUZZ_CHECK(exposition::parse_listen_address(address->text(), "").has_value());
  }
  if (which == 5) {
    std::string value;
    exposition::query_value(std::string(text), "a", value);
    FUZZ_CHECK(value.size() <= text.size());
  }
  if (which == 6) exposition::accepts_gzip(std::string(text));
  if (which == 7) {
    fuzz::check_text(base::valid_utf8(text), 3 * text.size(), false);
    fuzz::check_text(base::bounded_utf8(text, limit), limit, false);
    fuzz::check_text(base::bounded_utf8_tail(text, limit), limit, false);
  }
  return 0;
}
