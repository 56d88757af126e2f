// SPDX-License-Identifier: Apache-2.0
#include "exposition/routes.h"

#include <arpa/inet.h>
#include <fmt/format.h>
#include <netinet/in.h>
#include <strings.h>

#include <algorithm>
#include <charconv>
#include <map>
#include <optional>
#include <utility>

#include "exposition/api_json.h"
#include "exposition/flame_json.h"
#include "exposition/history_json.h"
#include "exposition/page_assets.h"
#include "exposition/process_stats.h"
#include "exposition/snapshot_samples.h"
#include "exposition/text_format.h"

namespace loopstall::exposition {
namespace {

constexpr const char* kJson = "application/json";
constexpr uint64_t kReuseScrapeNs = 250'000'000;

Response json_response(int status, std::string body) {
  return {.status = status, .content_type = kJson, .body = std::move(body), .headers = {}};
}

Response error_response(int status, std::string_view message) {
  return json_response(status, error_json(message));
}

std::optional<uint64_t> whole_number(const std::string& text) {
  uint64_t number = 0;
  const char* end = text.data() + text.size();
  const auto [parsed, error] = std::from_chars(text.data(), end, number);
  if (error != std::errc{} || parsed != end) return std::nullopt;
  return number;
}

/// The 405 answer when the method is neither GET nor HEAD.
std::optional<Response> refuse_method(const Request& request) {
  if (request.method == "GET" || request.method == "HEAD") return std::nullopt;
  Response response = error_response(405, "only GET and HEAD are served here");
  response.headers.emplace_back("Allow", "GET, HEAD");
  return response;
}

void add_common_headers(Response& response) {
  response.headers.emplace_back("Cache-Control", "no-store");
  response.headers.emplace_back("X-Content-Type-Options", "nosniff");
}

class PublicRoutes final : public Routes {
 public:
  PublicRoutes(std::shared_ptr<const stalls::SnapshotSource> source, BuildInfo build,
               const base::Clock& clock)
      : source_(std::move(source)), build_(std::move(build)), clock_(clock) {}

  Response answer(const Request& request) const override {
    Response response = route(request);
    add_common_headers(response);
    compress(request, response);
    return response;
  }

 private:
  Response route(const Request& request) const {
    if (auto refusal = refuse_method(request)) return *std::move(refusal);
    if (request.path == "/metrics") {
      const bool is_open = prefers_open_metrics(request.accept);
      const TextForm form = is_open ? TextForm::open_metrics : TextForm::prometheus;
      return {.content_type = std::string(content_type(form)),
              .body = scrape(form),
              .headers = {{"Vary", "Accept"}}};
    }
    if (request.path == "/healthz") {
      return health(health_json(*source_->snapshot(), clock_.monotonic_ns()));
    }
    if (request.path == "/readyz") return health(ready_json(*source_->snapshot()));
    return error_response(404, "unknown path; this listener serves /metrics, /healthz and /readyz");
  }

  static Response health(HealthAnswer answer) {
    return json_response(answer.ok ? 200 : 503, std::move(answer.json));
  }

  std::string scrape(TextForm form) const {
    const std::lock_guard lock(scrape_mutex_);
    Scrape& last = scrapes_[form];
    const uint64_t now_ns = clock_.monotonic_ns();
    if (last.text.empty() || now_ns - last.taken_ns >= kReuseScrapeNs) {
      last.text =
          to_text(snapshot_samples(*source_->snapshot(), {.present = {now_ns, source_.get()},
                                                          .build = build_,
                                                          .process = read_process_stats()}),
                  form);
      last.taken_ns = now_ns;
    }
    return last.text;
  }

  struct Scrape {
    std::string text;
    uint64_t taken_ns = 0;
  };

  const std::shared_ptr<const stalls::SnapshotSource> source_;
  const BuildInfo build_;
  const base::Clock& clock_;

  mutable std::mutex scrape_mutex_;
  mutable std::map<TextForm, Scrape> scrapes_;  // guarded by scrape_mutex_
};

/// Stacks and names of targets are shown by this listener: nothing of them may run as code, and no
/// other site may frame or embed it.
void add_page_headers(Response& response) {
  response.headers.emplace_back(
      "Content-Security-Policy",
      "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; "
      "img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; "
      "require-trusted-types-for 'script'");
  response.headers.emplace_back("Cross-Origin-Resource-Policy", "same-origin");
  response.headers.emplace_back("Cross-Origin-Opener-Policy", "same-origin");
  response.headers.emplace_back("Referrer-Policy", "no-referrer");
  response.headers.emplace_back("X-Frame-Options", "DENY");
}

class AdminRoutes final : public Routes {
 public:
  AdminRoutes(std::shared_ptr<const stalls::SnapshotSource> source, BuildInfo build,
              const base::Clock& clock, std::vector<std::string> hosts)
      : source_(std::move(source)),
        build_(std::move(build)),
        clock_(clock),
        hosts_(std::move(hosts)) {}

  Response answer(const Request& request) const override {
    Response response = route(request);
    add_common_headers(response);
    add_page_headers(response);
    compress(request, response);
    return response;
  }

 private:
  Response route(const Request& request) const {
    if (!host_is_allowed(request.host, hosts_)) {
      return error_response(403, "the Host header names neither an IP address nor localhost");
    }
    if (auto refusal = refuse_method(request)) return *std::move(refusal);
    if (const PageAsset* asset = find_page_asset(request.path)) {
      return {.content_type = std::string(asset->content_type),
              .body = std::string(asset->content),
              .headers = {}};
    }
    if (request.path == "/api/v1/loops") {
      return json_response(
          200, loops_json(*source_->snapshot(), build_, {clock_.monotonic_ns(), source_.get()}));
    }
    if (request.path == "/api/v1/stalls") return stalls(request, stalls_json);
    if (request.path == "/api/v1/flame") return stalls(request, flame_json);
    if (request.path == "/api/v1/history") return history(request);
    constexpr std::string_view kStallPrefix = "/api/v1/stalls/";
    if (request.path.starts_with(kStallPrefix)) {
      return stall(std::string_view(request.path).substr(kStallPrefix.size()));
    }
    return error_response(404,
                          "unknown path; this listener serves / and /api/v1/loops, "
                          "/api/v1/stalls, /api/v1/stalls/<id>, /api/v1/flame, /api/v1/history");
  }

  /// Lists what the query's filter lets through, or says what is wrong with the query.
  template <typename List>
  Response stalls(const Request& request, List list) const {
    StallFilter filter;
    std::string value;
    if (query_value(request.query, "limit", value)) {
      const auto limit = whole_number(value);
      if (!limit) return error_response(400, "limit is not a whole number");
      filter.limit = *limit;
    }
    if (query_value(request.query, "process", value)) filter.process = value;
    if (query_value(request.query, "pod", value)) filter.pod = value;
    if (query_value(request.query, "cause", value)) filter.cause = value;
    return json_response(200, list(*source_->snapshot(), filter));
  }

  Response history(const Request& request) const {
    std::string value;
    uint64_t since_ms = 0;
    if (query_value(request.query, "since", value)) {
      const auto since = whole_number(value);
      if (!since) return error_response(400, "since is not a whole number of milliseconds");
      since_ms = *since;
    }
    return json_response(200, history_json(*source_->snapshot(), since_ms));
  }

  Response stall(std::string_view id) const {
    if (auto record = stall_json(*source_->snapshot(), id)) return json_response(200, *record);
    return error_response(404, "no such stall; the agent keeps the last 1,000");
  }

  const std::shared_ptr<const stalls::SnapshotSource> source_;
  const BuildInfo build_;
  const base::Clock& clock_;
  const std::vector<std::string> hosts_;
};

/// The name without port and brackets.
std::string bare_host(const std::string& host) {
  if (host.starts_with('[')) return host.substr(1, host.find(']') - 1);
  return host.substr(0, host.rfind(':'));
}

bool is_ip_address(const std::string& text) {
  in6_addr address{};
  return ::inet_pton(AF_INET, text.c_str(), &address) == 1 ||
         ::inet_pton(AF_INET6, text.c_str(), &address) == 1;
}

}  // namespace

std::unique_ptr<Routes> public_routes(std::shared_ptr<const stalls::SnapshotSource> source,
                                      BuildInfo build, const base::Clock& clock) {
  return std::make_unique<PublicRoutes>(std::move(source), std::move(build), clock);
}

std::unique_ptr<Routes> admin_routes(std::shared_ptr<const stalls::SnapshotSource> source,
                                     BuildInfo build, const base::Clock& clock,
                                     std::vector<std::string> hosts) {
  return std::make_unique<AdminRoutes>(std::move(source), std::move(build), clock,
                                       std::move(hosts));
}

bool host_is_allowed(const std::string& host, const std::vector<std::string>& hosts) {
  if (host.empty()) return true;  // HTTP/1.0; no browser leaves it out
  const std::string name = bare_host(host);
  if (is_ip_address(name)) return true;
  const auto same = [&](const std::string& allowed) {
    return ::strcasecmp(allowed.c_str(), name.c_str()) == 0;
  };
  return same("localhost") || std::any_of(hosts.begin(), hosts.end(), same);
}

}  // namespace loopstall::exposition
