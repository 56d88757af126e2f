// SPDX-License-Identifier: Apache-2.0
#include "exposition/routes.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <nlohmann/json.hpp>

#include "exposition/text_format.h"
#include "sample_snapshot.h"

namespace loopstall::exposition {
namespace {

using testing::kTakenNs;

class RoutesTest : public ::testing::Test {
 protected:
  static Response get(const Routes& routes, const std::string& path, const std::string& query = "",
                      const std::string& method = "GET") {
    return routes.answer({.method = method, .path = path, .query = query, .host = "127.0.0.1"});
  }
  static std::string header(const Response& response, const std::string& name) {
    for (const auto& [key, value] : response.headers) {
      if (key == name) return value;
    }
    return "";
  }

  testing::FixedClock clock_;
  std::shared_ptr<const stalls::SnapshotSource> source_ =
      std::make_shared<testing::FixedSource>(testing::sample_snapshot());
  std::unique_ptr<Routes> public_ = public_routes(source_, {"1.2.3", ""}, clock_);
  std::unique_ptr<Routes> admin_ = admin_routes(source_, {"1.2.3", ""}, clock_, {"node1.lan"});
};

TEST_F(RoutesTest, PublicListenerServesThreePathsAndNothingElse) {
  const Response metrics = get(*public_, "/metrics");
  EXPECT_EQ(metrics.status, 200);
  EXPECT_EQ(metrics.content_type, "text/plain; version=0.0.4; charset=utf-8");
  EXPECT_NE(metrics.body.find("loopstall_build_info{version=\"1.2.3\"} 1\n"), std::string::npos);
  EXPECT_EQ(get(*public_, "/healthz").status, 200);
  EXPECT_EQ(get(*public_, "/readyz").status, 200);
  for (const char* path : {"/", "/api/v1/loops", "/api/v1/stalls", "/page.js", "/metrics/", "",
                           "/metrics/../etc/passwd", "/%2e%2e/"}) {
    const Response response = get(*public_, path);
    EXPECT_EQ(response.status, 404) << path;
    EXPECT_EQ(response.content_type, "application/json");
  }
}

TEST_F(RoutesTest, MetricsAreOpenMetricsForThosePreferringIt) {
  const Request request{
      .method = "GET", .path = "/metrics", .accept = "application/openmetrics-text;version=1.0.0"};
  const Response open = public_->answer(request);
  EXPECT_EQ(open.content_type, "application/openmetrics-text; version=1.0.0; charset=utf-8");
  EXPECT_TRUE(open.body.ends_with("# EOF\n"));
  EXPECT_EQ(get(*public_, "/metrics").body.find("# EOF"), std::string::npos) << "each its own text";
  EXPECT_EQ(public_->answer(request).body, open.body);
  EXPECT_EQ(header(open, "Vary"), "Accept");
}

TEST_F(RoutesTest, AdminListenerServesThePageAndTheApi) {
  EXPECT_EQ(get(*admin_, "/").content_type, "text/html; charset=utf-8");
  EXPECT_NE(get(*admin_, "/").body.find("/page.js"), std::string::npos);
  EXPECT_EQ(get(*admin_, "/page.js").content_type, "text/javascript; charset=utf-8");
  EXPECT_EQ(get(*admin_, "/page.css").content_type, "text/css; charset=utf-8");
  EXPECT_EQ(get(*admin_, "/api/v1/loops").status, 200);
  EXPECT_EQ(get(*admin_, "/api/v1/stalls").status, 200);
  EXPECT_EQ(get(*admin_, "/api/v1/stalls/k3f9a2").status, 200);
  EXPECT_EQ(get(*admin_, "/api/v1/flame").status, 200);
  EXPECT_EQ(get(*admin_, "/api/v1/history").status, 200);
  EXPECT_EQ(get(*admin_, "/api/v1/history", "since=1764403200000").status, 200);
  EXPECT_EQ(get(*admin_, "/api/v1/history", "since=yesterday").status, 400);
  for (const char* path : {"/metrics", "/index.html", "/api/v1/stalls/", "/api/v1/stalls/nobody",
                           "/api/v1/loops/", "/api"}) {
    EXPECT_EQ(get(*admin_, path).status, 404) << path;
  }
}

TEST_F(RoutesTest, OtherMethodsGet405) {
  for (const Routes* routes : {public_.get(), admin_.get()}) {
    for (const char* method : {"POST", "PUT", "DELETE", "OPTIONS", "PATCH", "TRACE"}) {
      const Response response = get(*routes, "/metrics", "", method);
      EXPECT_EQ(response.status, 405) << method;
      EXPECT_EQ(header(response, "Allow"), "GET, HEAD");
    }
  }
}

TEST_F(RoutesTest, HealthFollowsTheSnapshot) {
  clock_.monotonic = kTakenNs + 11'000'000'000;
  EXPECT_EQ(get(*public_, "/healthz").status, 503);
  stalls::Snapshot snapshot = testing::sample_snapshot();
  snapshot.health.ready = false;
  const auto routes = public_routes(std::make_shared<testing::FixedSource>(std::move(snapshot)),
                                    {"1.2.3", ""}, clock_);
  EXPECT_EQ(get(*routes, "/readyz").status, 503);
}

TEST_F(RoutesTest, ScrapeIsUsedAgainForAQuarterOfASecond) {
  const std::string age =
      "loopstall_turn_in_progress_seconds{process=\"app.main:app\","
      "runtime=\"uvloop\"} ";
  EXPECT_NE(get(*public_, "/metrics").body.find(age + "1.5\n"), std::string::npos);
  clock_.monotonic += 200'000'000;
  EXPECT_NE(get(*public_, "/metrics").body.find(age + "1.5\n"), std::string::npos);
  clock_.monotonic += 100'000'000;
  EXPECT_NE(get(*public_, "/metrics").body.find(age + "1.8\n"), std::string::npos);
}

TEST_F(RoutesTest, StallsTakeTheirFilterFromTheQuery) {
  const auto count = [&](const std::string& query) {
    return nlohmann::json::parse(get(*admin_, "/api/v1/stalls", query).body)["stalls"].size();
  };
  EXPECT_EQ(count(""), 2u);
  EXPECT_EQ(count("limit=1"), 1u);
  EXPECT_EQ(count("process=app.main%3Aapp"), 1u);
  EXPECT_EQ(count("pod=nobody"), 0u);
  EXPECT_EQ(count("cause=network"), 1u);
  EXPECT_EQ(count("cause=network&process=nobody"), 0u);
  const auto merged = [&](const std::string& query) {
    return nlohmann::json::parse(get(*admin_, "/api/v1/flame", query).body)["stalls"];
  };
  EXPECT_EQ(merged(""), 2);
  EXPECT_EQ(merged("cause=network"), 1);
  EXPECT_EQ(get(*admin_, "/api/v1/flame", "limit=x").status, 400);
  for (const char* query :
       {"limit=", "limit=x", "limit=-1", "limit=5x", "limit=99999999999999999999999"}) {
    EXPECT_EQ(get(*admin_, "/api/v1/stalls", query).status, 400) << query;
  }
}

TEST_F(RoutesTest, AdminAnswersForbidForeignCode) {
  for (const char* path : {"/", "/api/v1/loops", "/nothing"}) {
    const Response response = get(*admin_, path);
    EXPECT_TRUE(header(response, "Content-Security-Policy").starts_with("default-src 'none'; "));
    EXPECT_EQ(header(response, "Content-Security-Policy").find("unsafe"), std::string::npos);
    // Of the libraries in the bundle some can parse text as markup; here they may not.
    EXPECT_TRUE(header(response, "Content-Security-Policy")
                    .ends_with("; require-trusted-types-for 'script'"));
    EXPECT_EQ(header(response, "X-Content-Type-Options"), "nosniff");
    EXPECT_EQ(header(response, "X-Frame-Options"), "DENY");
    EXPECT_EQ(header(response, "Cache-Control"), "no-store");
  }
}

TEST_F(RoutesTest, AdminRefusesForeignHostNames) {
  const auto status = [&](const std::string& host) {
    return admin_->answer({.method = "GET", .path = "/api/v1/loops", .host = host}).status;
  };
  for (const char* host : {"", "localhost", "LocalHost:9878", "127.0.0.1:9878", "10.1.2.3",
                           "[::1]:9878", "[::1]", "node1.lan:80", "NODE1.LAN"}) {
    EXPECT_EQ(status(host), 200) << host;
  }
  for (const char* host : {"evil.example", "evil.example:9878", "localhost.evil.example",
                           "127.0.0.1.evil.example:9878", "[evil", "[]", "[", ":9878", "node1"}) {
    EXPECT_EQ(status(host), 403) << host;
  }
}

// The page builds everything through textContent; this keeps it so.
TEST_F(RoutesTest, PageNeverParsesText) {
  int scripts = 0;
  for (const auto& file : std::filesystem::directory_iterator(LOOPSTALL_SOURCE_DIR "/web/src")) {
    if (file.path().extension() != ".js") continue;
    ++scripts;
    std::ifstream stream(file.path());
    const std::string script(std::istreambuf_iterator<char>(stream), {});
    for (const char* sink : {"innerHTML", "outerHTML", "insertAdjacentHTML", "document.write",
                             "eval(", "Function(", "srcdoc", "DOMParser", ".html("}) {
      EXPECT_EQ(script.find(sink), std::string::npos) << sink << " in " << file.path();
    }
  }
  EXPECT_GE(scripts, 10);
  const std::string html = get(*admin_, "/").body;
  for (const char* external : {"http://", "https://", "//cdn", "style=", "onclick"}) {
    EXPECT_EQ(html.find(external), std::string::npos) << external;
  }
}

}  // namespace
}  // namespace loopstall::exposition
