// SPDX-License-Identifier: Apache-2.0
#include "exposition/listen_address.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <cerrno>
#include <charconv>
#include <cstring>
#include <optional>
#include <utility>

namespace loopstall::exposition {
namespace {

std::optional<uint16_t> parse_port(std::string_view text) {
  uint16_t port = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), port);
  if (error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  return port;
}

bool is_address(int family, const std::string& text) {
  in6_addr any_family{};
  return ::inet_pton(family, text.c_str(), &any_family) == 1;
}

// What waits to be accepted: a burst of peers is not turned away.
constexpr int kBacklog = 511;

std::pair<sockaddr_storage, socklen_t> socket_address(const ListenAddress& address) {
  sockaddr_storage storage{};
  if (address.is_ipv6) {
    auto* in6 = reinterpret_cast<sockaddr_in6*>(&storage);
    in6->sin6_family = AF_INET6;
    in6->sin6_port = htons(address.port);
    ::inet_pton(AF_INET6, address.host.c_str(), &in6->sin6_addr);
    return {storage, sizeof(*in6)};
  }
  auto* in4 = reinterpret_cast<sockaddr_in*>(&storage);
  in4->sin_family = AF_INET;
  in4->sin_port = htons(address.port);
  ::inet_pton(AF_INET, address.host.c_str(), &in4->sin_addr);
  return {storage, sizeof(*in4)};
}

tl::unexpected<base::Error> malformed(std::string_view text, std::string_view flag) {
  return base::fail(base::ErrorKind::usage,
                    "{} {} is not ADDRESS:PORT; write for example 127.0.0.1:9877", flag, text);
}

}  // namespace

std::string ListenAddress::text() const {
  return is_ipv6 ? fmt::format("[{}]:{}", host, port) : fmt::format("{}:{}", host, port);
}

base::Result<ListenAddress> parse_listen_address(std::string_view text, std::string_view flag) {
  const std::size_t colon = text.rfind(':');
  if (colon == std::string_view::npos) return malformed(text, flag);
  const std::optional<uint16_t> port = parse_port(text.substr(colon + 1));
  if (!port) return malformed(text, flag);
  std::string host(text.substr(0, colon));
  if (host.starts_with('[') && host.ends_with(']')) {
    host = host.substr(1, host.size() - 2);
    if (!is_address(AF_INET6, host)) return malformed(text, flag);
    return ListenAddress{.host = host, .port = *port, .is_ipv6 = true};
  }
  if (host.empty()) host = "0.0.0.0";
  if (host == "localhost") host = "127.0.0.1";
  if (!is_address(AF_INET, host)) return malformed(text, flag);
  return ListenAddress{.host = host, .port = *port};
}

base::UniqueFd listen_on(const ListenAddress& address) {
  const auto [storage, length] = socket_address(address);
  base::UniqueFd socket(::socket(storage.ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!socket) return {};
  // Without the first a port in TIME_WAIT would look busy.
  const int on = 1, off = 0;
  ::setsockopt(socket.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
  if (address.is_ipv6) ::setsockopt(socket.get(), IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof(off));
  const bool listens =
      ::bind(socket.get(), reinterpret_cast<const sockaddr*>(&storage), length) == 0 &&
      ::listen(socket.get(), kBacklog) == 0;
  if (listens) return socket;
  const int error = errno;
  socket.reset();
  errno = error;
  return {};
}

uint16_t port_of(int socket) {
  sockaddr_storage storage{};
  socklen_t length = sizeof(storage);
  if (::getsockname(socket, reinterpret_cast<sockaddr*>(&storage), &length) != 0) return 0;
  // Both families have it at the same place.
  return ntohs(reinterpret_cast<const sockaddr_in*>(&storage)->sin_port);
}

}  // namespace loopstall::exposition
