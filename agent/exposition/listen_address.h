// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/result.h"
#include "base/unique_fd.h"

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

/// A socket that listens there, for IPv4 peers too when it is [::]. None when the kernel refuses:
/// errno says why.
base::UniqueFd listen_on(const ListenAddress& address);

/// The port of a listening socket; 0 when that cannot be told.
uint16_t port_of(int socket);

}  // namespace loopstall::exposition
