// SPDX-License-Identifier: Apache-2.0
#include "cli/agent_command.h"

#include <sys/resource.h>

#include <csignal>
#include <memory>
#include <string>
#include <utility>

#include "base/clock.h"
#include "base/log.h"
#include "cli/stop_signals.h"
#include "exposition/build_info.h"
#include "exposition/http_server.h"
#include "session/session.h"

namespace loopstall::cli {
namespace {

exposition::HttpOptions http_options(const config::Config& config) {
  exposition::HttpOptions options;
  options.listen = config.listen;
  options.admin_listen = config.admin_listen;
  return options;
}

/// 0.0.0.0:9877 -> 0.0.0.0
std::string address_of(const std::string& listen) { return listen.substr(0, listen.rfind(':')); }

void log_start(const config::Config& config, const exposition::HttpServer& server) {
  base::log_info("loopstall {} measures; metrics at http://{}:{}/metrics, page at http://{}:{}/",
                 exposition::this_build().version, address_of(config.listen), server.public_port(),
                 address_of(config.admin_listen), server.admin_port());
}

/// Connections, and a descriptor for each file of a target that is being read.
void raise_descriptor_limit() {
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0) return;
  limit.rlim_cur = limit.rlim_max;
  ::setrlimit(RLIMIT_NOFILE, &limit);
}

}  // namespace

base::Result<void> run_agent(const config::Config& config) {
  base::set_log_level(config.log_level);
  base::set_log_format(config.log_format);
  // A reader of the stall log or of a response may go away; the write's error says so.
  std::signal(SIGPIPE, SIG_IGN);
  raise_descriptor_limit();
  StopSignals signals;
  const base::Clock& clock = base::system_clock();

  // The ports while it may still have any, and an answer on them only once it measures. Until the
  // first scan is done, /readyz says so.
  auto ports = exposition::HttpPorts::listen(http_options(config));
  if (!ports) return tl::unexpected(ports.error());
  auto started = session::Session::start(config, clock);
  if (!started) return tl::unexpected(started.error());
  const std::shared_ptr<session::Session> session = std::move(*started);

  auto server =
      exposition::HttpServer::start(http_options(config), std::move(*ports), session, clock);
  if (!server) return tl::unexpected(server.error());
  log_start(config, **server);

  const int signal = signals.wait();
  base::log_info("stops on signal {}", signal);
  session->stop();
  return {};
}

}  // namespace loopstall::cli
