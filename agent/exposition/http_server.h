// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/result.h"
#include "base/unique_fd.h"
#include "exposition/build_info.h"
#include "stalls/snapshot.h"

namespace loopstall::exposition {

struct HttpOptions {
  std::string listen = "0.0.0.0:9877";          ///< port 0 lets the kernel choose
  std::string admin_listen = "127.0.0.1:9878";  ///< likewise
  std::vector<std::string> admin_hosts;  ///< names, beside IP addresses and localhost, that the
                                         ///< admin listener may be asked for
  std::chrono::milliseconds request_timeout{5000};  ///< for a whole request, and for its answer
  unsigned public_connections = 576;                ///< at a time; more wait until one ends
  unsigned admin_connections = 64;
  BuildInfo build = this_build();
};

/// The sockets of both listeners. They listen, but nobody is answered yet.
struct HttpPorts {
  base::UniqueFd open;
  base::UniqueFd admin;

  /// Fails with ErrorKind::environment when a port cannot be had (the sentence names the flag to
  /// change), and with ErrorKind::usage when an address is malformed.
  static base::Result<HttpPorts> listen(const HttpOptions& options);
};

/// The two HTTP listeners (docs/http.md). Each has a thread of its own that serves all its
/// connections by their readiness, so that slow peers keep nobody out; neither serves files. The
/// threads inherit the signal mask and the privileges of the thread that calls start().
class HttpServer {
 public:
  /// Serves on those sockets from now on. `clock` must outlive the server. Fails with
  /// ErrorKind::environment when there are no more threads.
  static base::Result<std::unique_ptr<HttpServer>> start(
      HttpOptions options, HttpPorts ports, std::shared_ptr<const stalls::SnapshotSource> source,
      const base::Clock& clock);

  /// Stops both listeners; what is under way is cut off.
  ~HttpServer();

  HttpServer(const HttpServer&) = delete;
  HttpServer& operator=(const HttpServer&) = delete;

  uint16_t public_port() const;
  uint16_t admin_port() const;

 private:
  class Listener;
  HttpServer(std::unique_ptr<Listener> public_listener, std::unique_ptr<Listener> admin_listener);

  std::unique_ptr<Listener> public_;
  std::unique_ptr<Listener> admin_;
};

}  // namespace loopstall::exposition
