// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/result.h"

namespace loopstall::exposition {

/// An IPv4 or IPv6 address and a TCP port; port 0 lets the kernel choose.
struct ListenAddress {
  std::string host;  ///< numeric, without brackets
  uint16_t port = 0;
  bool is_ipv6 = false;

  /// As users write it: 127.0.0.1:9878, [::1]:9878.
  std::string text() const;
};

/// Reads ADDRESS:PORT, [IPV6]:PORT, localhost:PORT or :PORT (all IPv4 addresses). `flag` is named
/// in the sentence of the error, which is of ErrorKind::usage.
base::Result<ListenAddress> parse_listen_address(std::string_view text, std::string_view flag);

/// Why the kernel would not let us listen there: the errno of a bind and listen; 0 when it would.
int listen_errno(const ListenAddress& address);

}  // namespace loopstall::exposition
