// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "base/clock.h"
#include "exposition/build_info.h"
#include "exposition/http_message.h"
#include "stalls/snapshot.h"

namespace loopstall::exposition {

/// Who may ask a listener for something; the answer's form is the same for all.
class Routes {
 public:
  virtual ~Routes() = default;
  /// The answer to any request: unknown paths get 404, methods other than GET and HEAD 405. The
  /// answer to HEAD is that to GET; leaving out the body is the server's part. Thread-safe.
  virtual Response answer(const Request& request) const = 0;
};

/// What every pod may read: /metrics, /healthz, /readyz, and nothing else. A rendered scrape is
/// used again for a quarter of a second, and one thread renders at a time, so that no peer can make
/// the agent spend more than one CPU on it.
std::unique_ptr<Routes> public_routes(std::shared_ptr<const stalls::SnapshotSource> source,
                                      BuildInfo build, const base::Clock& clock);

/// What an operator reads: the page at / and /api/v1/*. Requests whose Host header names neither an
/// IP address nor localhost nor one of `hosts` are refused: a page of another site must not read
/// this through a name that it has pointed at 127.0.0.1 (DNS rebinding).
std::unique_ptr<Routes> admin_routes(std::shared_ptr<const stalls::SnapshotSource> source,
                                     BuildInfo build, const base::Clock& clock,
                                     std::vector<std::string> hosts);

/// The rule of admin_routes; `host` may bear a port.
bool host_is_allowed(const std::string& host, const std::vector<std::string>& hosts);

}  // namespace loopstall::exposition
