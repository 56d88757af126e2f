// SPDX-License-Identifier: Apache-2.0
#include "exposition/http_server.h"

// The only file that includes CivetWeb.
#include <civetweb.h>

#include <array>
#include <cctype>
#include <cerrno>
#include <cstring>
#include <exception>
#include <mutex>
#include <thread>
#include <utility>

#include "base/log.h"
#include "exposition/api_json.h"
#include "exposition/listen_address.h"
#include "exposition/routes.h"

namespace loopstall::exposition {
namespace {

constexpr const char* kMaxRequestBytes = "8192";
constexpr const char* kWaitingConnections = "64";

/// Whether the linked CivetWeb can listen on IPv6 addresses; Debian 12's 1.15 cannot.
bool has_ipv6() { return mg_check_feature(MG_FEATURES_IPV6) != 0; }

std::string text_or_empty(const char* text) { return text != nullptr ? text : ""; }

Request to_request(const mg_connection* connection) {
  const mg_request_info* info = mg_get_request_info(connection);
  return {.method = text_or_empty(info->request_method),
          .path = text_or_empty(info->local_uri_raw),
          .query = text_or_empty(info->query_string),
          .host = text_or_empty(mg_get_header(connection, "Host")),
          .accept_encoding = text_or_empty(mg_get_header(connection, "Accept-Encoding")),
          .accept = text_or_empty(mg_get_header(connection, "Accept"))};
}

void send(mg_connection* connection, const Response& response, bool with_body) {
  std::string message = fmt::format(
      "HTTP/1.1 {} {}\r\nContent-Type: {}\r\nContent-Length: {}\r\nConnection: close\r\n",
      response.status, reason_phrase(response.status), response.content_type, response.body.size());
  for (const auto& [name, value] : response.headers) {
    message += fmt::format("{}: {}\r\n", name, value);
  }
  message += "\r\n";
  if (with_body) message += response.body;
  mg_write(connection, message.data(), message.size());
}

Response answer(const Routes& routes, const Request& request) {
  try {
    return routes.answer(request);
  } catch (const std::exception& error) {
    base::log_error("cannot answer {} {}: {}", request.method, request.path, error.what());
    return {.status = 500,
            .content_type = "application/json",
            .body = error_json("internal error; the agent's log says more"),
            .headers = {}};
  }
}

/// Answers every request itself: CivetWeb's own file and CGI handling is never reached.
int on_request(mg_connection* connection) {
  const auto* routes = static_cast<const Routes*>(mg_get_request_info(connection)->user_data);
  const Request request = to_request(connection);
  const Response response = answer(*routes, request);
  send(connection, response, request.method != "HEAD");
  return response.status;
}

/// Requests that CivetWeb refuses before on_request: malformed, too large, too slow. Its own text
/// would repeat the peer's bytes.
int on_protocol_error(mg_connection* connection, int status, const char*) {
  send(connection,
       {.status = status,
        .content_type = "application/json",
        .body = error_json(reason_phrase(status)),
        .headers = {{"X-Content-Type-Options", "nosniff"}}},
       true);
  return 0;
}

/// CivetWeb reports peers' mistakes here too: debug, or any peer could fill the agent's log.
int on_log(const mg_connection*, const char* message) {
  base::log_debug("http: {}", message);
  return 1;
}

mg_callbacks callbacks() {
  mg_callbacks callbacks{};
  callbacks.begin_request = on_request;
  callbacks.http_error = on_protocol_error;
  callbacks.log_message = on_log;
  return callbacks;
}

void init_library_once() {
  static std::once_flag once;
  std::call_once(once, [] { mg_init_library(MG_FEATURES_DEFAULT); });
}

std::string remedy(int error, std::string_view flag) {
  switch (error) {
    case EACCES:
      return fmt::format("choose a port above 1023 with {}, or grant CAP_NET_BIND_SERVICE", flag);
    case EADDRNOTAVAIL:
      return fmt::format("this host does not have that address; choose another with {}", flag);
    default:
      return fmt::format("choose another with {}", flag);
  }
}

/// std::strerror begins with a capital; in mid-sentence it should not.
std::string error_text(int error) {
  std::string text = std::strerror(error);
  if (!text.empty()) text[0] = static_cast<char>(std::tolower(static_cast<unsigned char>(text[0])));
  return text;
}

base::Error listen_failure(const ListenAddress& address, std::string_view flag) {
  const int error = listen_errno(address);
  if (error == 0) {
    return {base::ErrorKind::environment,
            fmt::format("cannot start the HTTP server on {}: out of threads or memory",
                        address.text())};
  }
  return {base::ErrorKind::environment, fmt::format("cannot listen on {}: {}; {}", address.text(),
                                                    error_text(error), remedy(error, flag))};
}

}  // namespace

/// One port, its threads and its routes.
class HttpServer::Listener {
 public:
  struct Spec {
    std::string_view flag;
    std::string address;
    int threads;
    std::chrono::milliseconds request_timeout;
  };

  static base::Result<std::unique_ptr<Listener>> start(const Spec& spec,
                                                       std::unique_ptr<Routes> routes) {
    auto address = parse_listen_address(spec.address, spec.flag);
    if (!address) return tl::unexpected(address.error());
    if (address->is_ipv6 && !has_ipv6()) {
      return base::fail(base::ErrorKind::environment,
                        "cannot listen on {}: the linked CivetWeb {} has no IPv6; choose an IPv4 "
                        "address with {}",
                        address->text(), mg_version(), spec.flag);
    }
    mg_context* context = start_context(spec, *address, *routes);
    if (context == nullptr) return tl::unexpected(listen_failure(*address, spec.flag));
    return std::unique_ptr<Listener>(new Listener(context, std::move(routes)));
  }

  ~Listener() { mg_stop(context_); }
  Listener(const Listener&) = delete;
  Listener& operator=(const Listener&) = delete;

  uint16_t port() const {
    mg_server_port port{};
    return mg_get_server_ports(context_, 1, &port) == 1 ? static_cast<uint16_t>(port.port) : 0;
  }

 private:
  Listener(mg_context* context, std::unique_ptr<Routes> routes)
      : routes_(std::move(routes)), context_(context) {}

  static mg_context* start_context(const Spec& spec, const ListenAddress& address, Routes& routes) {
    const std::string threads = std::to_string(spec.threads);
    const std::string timeout_ms = std::to_string(spec.request_timeout.count());
    const std::string ports = address.text();
    // Without keep-alive a silent peer cannot keep a thread for longer than the time-out.
    const std::array<const char*, 17> options = {"listening_ports",
                                                 ports.c_str(),
                                                 "num_threads",
                                                 threads.c_str(),
                                                 "connection_queue",
                                                 kWaitingConnections,
                                                 "request_timeout_ms",
                                                 timeout_ms.c_str(),
                                                 "max_request_size",
                                                 kMaxRequestBytes,
                                                 "enable_keep_alive",
                                                 "no",
                                                 "enable_directory_listing",
                                                 "no",
                                                 "access_control_allow_origin",
                                                 "",
                                                 nullptr};
    const mg_callbacks handlers = callbacks();
    return mg_start(&handlers, &routes, const_cast<const char**>(options.data()));
  }

  const std::unique_ptr<Routes> routes_;  // outlives the context's threads
  mg_context* const context_;
};

base::Result<std::unique_ptr<HttpServer>> HttpServer::start(
    HttpOptions options, std::shared_ptr<const stalls::SnapshotSource> source,
    const base::Clock& clock) {
  init_library_once();
  auto public_listener = Listener::start({.flag = "--listen",
                                          .address = options.listen,
                                          .threads = options.public_threads,
                                          .request_timeout = options.request_timeout},
                                         public_routes(source, options.build, clock));
  if (!public_listener) return tl::unexpected(public_listener.error());
  auto admin_listener =
      Listener::start({.flag = "--admin-listen",
                       .address = options.admin_listen,
                       .threads = options.admin_threads,
                       .request_timeout = options.request_timeout},
                      admin_routes(source, options.build, clock, std::move(options.admin_hosts)));
  if (!admin_listener) return tl::unexpected(admin_listener.error());
  return std::unique_ptr<HttpServer>(
      new HttpServer(*std::move(public_listener), *std::move(admin_listener)));
}

HttpServer::HttpServer(std::unique_ptr<Listener> public_listener,
                       std::unique_ptr<Listener> admin_listener)
    : public_(std::move(public_listener)), admin_(std::move(admin_listener)) {}

HttpServer::~HttpServer() {
  // Each takes a second to stop; side by side they take one together.
  std::jthread stop_public([this] { public_.reset(); });
  admin_.reset();
}

uint16_t HttpServer::public_port() const { return public_->port(); }
uint16_t HttpServer::admin_port() const { return admin_->port(); }

}  // namespace loopstall::exposition
