// SPDX-License-Identifier: Apache-2.0
#include "exposition/http_server.h"

// The only file that includes libmicrohttpd.
#include <microhttpd.h>

#include <algorithm>
#include <cctype>
#include <cerrno>
#include <cstring>
#include <exception>
#include <string_view>
#include <utility>

#include "base/log.h"
#include "base/unique_fd.h"
#include "exposition/api_json.h"
#include "exposition/connection_deadlines.h"
#include "exposition/listen_address.h"
#include "exposition/routes.h"

namespace loopstall::exposition {
namespace {

// Of one connection, its request's line and headers included.
constexpr std::size_t kMaxConnectionBytes = 16 * 1024;

std::string header_of(MHD_Connection* connection, const char* name) {
  const char* value = MHD_lookup_connection_value(connection, MHD_HEADER_KIND, name);
  return value != nullptr ? value : "";
}

/// `target`: as sent. The library's own form of it ends at an escaped NUL.
Request to_request(MHD_Connection* connection, const char* method, const std::string& target) {
  const std::size_t query = std::min(target.find('?'), target.size());
  return {.method = method,
          .path = decoded_path(std::string_view(target).substr(0, query)),
          .query = query < target.size() ? target.substr(query + 1) : "",
          .host = header_of(connection, MHD_HTTP_HEADER_HOST),
          .accept_encoding = header_of(connection, MHD_HTTP_HEADER_ACCEPT_ENCODING),
          .accept = header_of(connection, MHD_HTTP_HEADER_ACCEPT)};
}

/// Of a HEAD the library leaves the body out itself.
MHD_Result send(MHD_Connection* connection, const Response& response) {
  MHD_Response* message = MHD_create_response_from_buffer(
      response.body.size(), const_cast<char*>(response.body.data()), MHD_RESPMEM_MUST_COPY);
  if (message == nullptr) return MHD_NO;
  MHD_add_response_header(message, MHD_HTTP_HEADER_CONTENT_TYPE, response.content_type.c_str());
  MHD_add_response_header(message, MHD_HTTP_HEADER_CONNECTION, "close");
  for (const auto& [name, value] : response.headers) {
    MHD_add_response_header(message, name.c_str(), value.c_str());
  }
  const MHD_Result queued =
      MHD_queue_response(connection, static_cast<unsigned>(response.status), message);
  MHD_destroy_response(message);
  return queued;
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

int socket_of(MHD_Connection* connection) {
  const MHD_ConnectionInfo* info =
      MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CONNECTION_FD);
  return info != nullptr ? info->connect_fd : -1;
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

base::Error listen_failure(const ListenAddress& address, int error, std::string_view flag) {
  return {base::ErrorKind::environment, fmt::format("cannot listen on {}: {}; {}", address.text(),
                                                    error_text(error), remedy(error, flag))};
}

base::Result<base::UniqueFd> listen(const std::string& text, std::string_view flag) {
  const auto address = parse_listen_address(text, flag);
  if (!address) return tl::unexpected(address.error());
  base::UniqueFd socket = listen_on(*address);
  if (!socket) return tl::unexpected(listen_failure(*address, errno, flag));
  return socket;
}

}  // namespace

base::Result<HttpPorts> HttpPorts::listen(const HttpOptions& options) {
  auto open = exposition::listen(options.listen, "--listen");
  if (!open) return tl::unexpected(open.error());
  auto admin = exposition::listen(options.admin_listen, "--admin-listen");
  if (!admin) return tl::unexpected(admin.error());
  return HttpPorts{std::move(*open), std::move(*admin)};
}

/// One port, the thread that serves it, and its routes.
class HttpServer::Listener {
 public:
  static base::Result<std::unique_ptr<Listener>> start(base::UniqueFd socket, unsigned connections,
                                                       std::chrono::milliseconds request_timeout,
                                                       std::unique_ptr<Routes> routes) {
    const uint16_t port = port_of(socket.get());
    std::unique_ptr<Listener> listener(new Listener(std::move(routes), request_timeout, port));
    if (!listener->serve(std::move(socket), connections)) {
      return base::fail(base::ErrorKind::environment,
                        "cannot start the HTTP server on port {}: out of threads or memory", port);
    }
    return listener;
  }

  ~Listener() {
    if (daemon_ != nullptr) MHD_stop_daemon(daemon_);
  }
  Listener(const Listener&) = delete;
  Listener& operator=(const Listener&) = delete;

  uint16_t port() const { return port_; }

 private:
  Listener(std::unique_ptr<Routes> routes, std::chrono::milliseconds allowed, uint16_t port)
      : routes_(std::move(routes)), deadlines_(allowed), port_(port) {}

  /// The daemon owns the socket from here on.
  bool serve(base::UniqueFd socket, unsigned connections) {
    daemon_ = MHD_start_daemon(MHD_USE_EPOLL_INTERNAL_THREAD, 0, nullptr, nullptr, on_request, this,
                               MHD_OPTION_LISTEN_SOCKET, socket.get(), MHD_OPTION_CONNECTION_LIMIT,
                               connections, MHD_OPTION_CONNECTION_MEMORY_LIMIT, kMaxConnectionBytes,
                               MHD_OPTION_STRICT_FOR_CLIENT, 1, MHD_OPTION_URI_LOG_CALLBACK,
                               on_target, this, MHD_OPTION_NOTIFY_COMPLETED, on_completed, this,
                               MHD_OPTION_NOTIFY_CONNECTION, on_connection, this, MHD_OPTION_END);
    if (daemon_ == nullptr) return false;
    static_cast<void>(socket.release());
    return true;
  }

  /// What it returns is the request's context, which on_completed gives back.
  static void* on_target(void*, const char* target, MHD_Connection*) {
    return new std::string(target);
  }

  static void on_completed(void*, MHD_Connection*, void** context, MHD_RequestTerminationCode) {
    delete static_cast<std::string*>(std::exchange(*context, nullptr));
  }

  static void on_connection(void* listener, MHD_Connection* connection, void**,
                            MHD_ConnectionNotificationCode what) {
    auto& deadlines = static_cast<Listener*>(listener)->deadlines_;
    if (what == MHD_CONNECTION_NOTIFY_STARTED) {
      deadlines.begin(socket_of(connection));
    } else {
      deadlines.forget(socket_of(connection));
    }
  }

  /// Called when the headers are there; whatever body there may be is not read.
  static MHD_Result on_request(void* listener, MHD_Connection* connection, const char*,
                               const char* method, const char*, const char*, size_t*,
                               void** context) {
    auto& self = *static_cast<Listener*>(listener);
    const auto* target = static_cast<const std::string*>(*context);
    if (target == nullptr) return MHD_NO;
    const Response response = answer(*self.routes_, to_request(connection, method, *target));
    self.deadlines_.begin(socket_of(connection));
    return send(connection, response);
  }

  const std::unique_ptr<Routes> routes_;
  ConnectionDeadlines deadlines_;
  const uint16_t port_;
  MHD_Daemon* daemon_ = nullptr;
};

base::Result<std::unique_ptr<HttpServer>> HttpServer::start(
    HttpOptions options, HttpPorts ports, std::shared_ptr<const stalls::SnapshotSource> source,
    const base::Clock& clock) {
  auto public_listener =
      Listener::start(std::move(ports.open), options.public_connections, options.request_timeout,
                      public_routes(source, options.build, clock));
  if (!public_listener) return tl::unexpected(public_listener.error());
  auto admin_listener =
      Listener::start(std::move(ports.admin), options.admin_connections, options.request_timeout,
                      admin_routes(source, options.build, clock, std::move(options.admin_hosts)));
  if (!admin_listener) return tl::unexpected(admin_listener.error());
  return std::unique_ptr<HttpServer>(
      new HttpServer(*std::move(public_listener), *std::move(admin_listener)));
}

HttpServer::HttpServer(std::unique_ptr<Listener> public_listener,
                       std::unique_ptr<Listener> admin_listener)
    : public_(std::move(public_listener)), admin_(std::move(admin_listener)) {}

HttpServer::~HttpServer() = default;

uint16_t HttpServer::public_port() const { return public_->port(); }
uint16_t HttpServer::admin_port() const { return admin_->port(); }

}  // namespace loopstall::exposition
