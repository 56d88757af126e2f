// SPDX-License-Identifier: Apache-2.0
#include "exposition/http_server.h"

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/time.h>

#include <future>
#include <thread>

#include "base/unique_fd.h"
#include "sample_snapshot.h"

namespace loopstall::exposition {
namespace {

using Clock = std::chrono::steady_clock;

double seconds_since(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

/// A client of one connection that sends what it is told, rules of HTTP or not.
class Peer {
 public:
  explicit Peer(uint16_t port) : socket_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    const timeval limit{.tv_sec = 20, .tv_usec = 0};
    ::setsockopt(socket_.get(), SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(port);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    EXPECT_EQ(::connect(socket_.get(), reinterpret_cast<sockaddr*>(&address), sizeof(address)), 0);
  }
  void send(const std::string& text) { EXPECT_TRUE(try_send(text)); }
  bool try_send(const std::string& text) {
    return ::send(socket_.get(), text.data(), text.size(), MSG_NOSIGNAL) >= 0;
  }
  /// All until the server closes, or what came within the limit.
  std::string receive() {
    std::string text;
    char buffer[4096];
    for (ssize_t n; (n = ::recv(socket_.get(), buffer, sizeof(buffer), 0)) > 0;) {
      text.append(buffer, static_cast<std::size_t>(n));
    }
    return text;
  }

 private:
  base::UniqueFd socket_;
};

std::string ask(uint16_t port, const std::string& request) {
  Peer peer(port);
  peer.send(request);
  return peer.receive();
}

std::string get(uint16_t port, const std::string& path, const std::string& headers = "") {
  return ask(port, "GET " + path + " HTTP/1.1\r\nHost: 127.0.0.1\r\n" + headers + "\r\n");
}

std::string status_line(const std::string& response) {
  return response.substr(0, response.find("\r\n"));
}

std::string body(const std::string& response) {
  const std::size_t end = response.find("\r\n\r\n");
  return end == std::string::npos ? "" : response.substr(end + 4);
}

bool has_header(const std::string& response, const std::string& line) {
  return response.substr(0, response.find("\r\n\r\n")).find("\r\n" + line) != std::string::npos;
}

HttpOptions options_with(std::string listen, std::string admin_listen) {
  HttpOptions options;
  options.listen = std::move(listen);
  options.admin_listen = std::move(admin_listen);
  options.request_timeout = std::chrono::milliseconds(1500);
  return options;
}

/// One server for all tests of the suite.
class HttpServerTest : public ::testing::Test {
 protected:
  static base::Result<std::unique_ptr<HttpServer>> start(std::string listen,
                                                         std::string admin_listen) {
    const HttpOptions options = options_with(std::move(listen), std::move(admin_listen));
    auto ports = HttpPorts::listen(options);
    if (!ports) return tl::unexpected(ports.error());
    return HttpServer::start(options, std::move(*ports), source(), clock());
  }
  static std::shared_ptr<const stalls::SnapshotSource> source() {
    static const auto source =
        std::make_shared<const testing::FixedSource>(testing::sample_snapshot());
    return source;
  }
  static const base::Clock& clock() {
    static const testing::FixedClock clock;
    return clock;
  }
  static void SetUpTestSuite() {
    rlimit limit{};  // for the peers' sockets and the server's
    ::getrlimit(RLIMIT_NOFILE, &limit);
    limit.rlim_cur = limit.rlim_max;
    ::setrlimit(RLIMIT_NOFILE, &limit);
    auto server = start("127.0.0.1:0", "127.0.0.1:0");
    ASSERT_TRUE(server) << server.error().message;
    server_ = std::move(*server);
  }
  static void TearDownTestSuite() { server_.reset(); }

  static uint16_t public_port() { return server_->public_port(); }
  static uint16_t admin_port() { return server_->admin_port(); }

 private:
  static inline std::unique_ptr<HttpServer> server_;
};

TEST_F(HttpServerTest, TwoListenersServeEachTheirOwn) {
  EXPECT_NE(public_port(), 0);
  EXPECT_NE(public_port(), admin_port());
  const std::string metrics = get(public_port(), "/metrics");
  EXPECT_EQ(status_line(metrics), "HTTP/1.1 200 OK");
  EXPECT_TRUE(has_header(metrics, "Content-Type: text/plain; version=0.0.4; charset=utf-8"));
  EXPECT_TRUE(has_header(metrics, "Content-Length: " + std::to_string(body(metrics).size())));
  EXPECT_NE(body(metrics).find("# TYPE loopstall_turn_seconds histogram\n"), std::string::npos);
  EXPECT_EQ(status_line(get(public_port(), "/")), "HTTP/1.1 404 Not Found");
  EXPECT_EQ(status_line(get(admin_port(), "/")), "HTTP/1.1 200 OK");
  EXPECT_EQ(status_line(get(admin_port(), "/metrics")), "HTTP/1.1 404 Not Found");
  EXPECT_EQ(status_line(get(admin_port(), "/api/v1/stalls/k3f9a2?x=1")), "HTTP/1.1 200 OK");
}

TEST_F(HttpServerTest, NoFileIsServed) {
  for (const char* path : {"/etc/passwd", "/../../../../etc/passwd", "/%2e%2e/%2e%2e/etc/passwd",
                           "/cgi-bin/x.cgi", "/.htpasswd", "//etc/passwd"}) {
    for (uint16_t port : {public_port(), admin_port()}) {
      EXPECT_EQ(status_line(get(port, path)), "HTTP/1.1 404 Not Found") << path;
    }
  }
}

TEST_F(HttpServerTest, HeadIsGetWithoutBody) {
  const std::string head = ask(public_port(), "HEAD /healthz HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n");
  const std::string whole = get(public_port(), "/healthz");
  EXPECT_EQ(status_line(head), "HTTP/1.1 200 OK");
  EXPECT_EQ(body(head), "");
  EXPECT_TRUE(has_header(head, "Content-Length: " + std::to_string(body(whole).size())));
  EXPECT_NE(body(whole), "");
}

TEST_F(HttpServerTest, OtherMethodsAreRefused) {
  const std::string response =
      ask(public_port(), "POST /metrics HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\nabc");
  EXPECT_EQ(status_line(response), "HTTP/1.1 405 Method Not Allowed");
  EXPECT_TRUE(has_header(response, "Allow: GET, HEAD"));
  const std::string preflight =
      ask(admin_port(),
          "OPTIONS /api/v1/loops HTTP/1.1\r\nHost: 127.0.0.1\r\nOrigin: http://evil\r\n"
          "Access-Control-Request-Method: GET\r\n\r\n");
  EXPECT_EQ(status_line(preflight), "HTTP/1.1 405 Method Not Allowed");
  EXPECT_EQ(preflight.find("Access-Control-Allow"), std::string::npos);
}

TEST_F(HttpServerTest, CompressesOnRequest) {
  const std::string response = get(public_port(), "/metrics", "Accept-Encoding: gzip\r\n");
  EXPECT_TRUE(has_header(response, "Content-Encoding: gzip"));
  EXPECT_EQ(body(response).substr(0, 2), "\x1f\x8b");
  EXPECT_FALSE(has_header(get(public_port(), "/metrics", "Accept-Encoding: gzip;q=0\r\n"),
                          "Content-Encoding"));
}

TEST_F(HttpServerTest, AdminRefusesARebindingHost) {
  const std::string response =
      ask(admin_port(), "GET /api/v1/loops HTTP/1.1\r\nHost: evil.example:9878\r\n\r\n");
  EXPECT_EQ(status_line(response), "HTTP/1.1 403 Forbidden");
  EXPECT_EQ(response.find("save_log"), std::string::npos);
}

TEST_F(HttpServerTest, MalformedAndOversizedRequestsAreRefused) {
  const std::string oversized =
      get(public_port(), "/metrics", "X: " + std::string(20000, 'a') + "\r\n");
  EXPECT_EQ(oversized.find("HTTP/1.1 200"), std::string::npos) << status_line(oversized);
  EXPECT_EQ(oversized.find("aaaa"), std::string::npos);
  EXPECT_EQ(status_line(get(public_port(), "/%zz")), "HTTP/1.1 404 Not Found");
  for (const char* request :
       {"nonsense\r\n\r\n", "GET\r\n\r\n", "GET /metrics\r\n\r\n",
        "GET http://[ HTTP/1.1\r\nHost: x\r\n\r\n", "OPTIONS * HTTP/1.1\r\n\r\n",
        "BREW /metrics HTTP/1.1\r\n\r\n", "GET /metrics HTTP/9.9\r\n\r\n", "\r\n\r\n"}) {
    const std::string response = ask(public_port(), request);
    EXPECT_EQ(response.find("HTTP/1.1 200"), std::string::npos) << request;
    EXPECT_EQ(response.find("loopstall_"), std::string::npos) << request;
  }
  EXPECT_EQ(status_line(get(public_port(), "/healthz")), "HTTP/1.1 200 OK");
}

/// So many peers that have sent a part of a request.
std::vector<std::unique_ptr<Peer>> slow_peers(uint16_t port, int number) {
  std::vector<std::unique_ptr<Peer>> slow;
  for (int i = 0; i < number; ++i) {
    slow.push_back(std::make_unique<Peer>(port));
    slow.back()->send("GET /metrics HTTP/1.1\r\nHost: 127.0");
  }
  return slow;
}

TEST_F(HttpServerTest, FiveHundredSlowPeersDoNotBlockAScrape) {
  const auto slow = slow_peers(public_port(), 500);
  const Clock::time_point start = Clock::now();
  EXPECT_EQ(status_line(get(public_port(), "/metrics")), "HTTP/1.1 200 OK");
  EXPECT_LT(seconds_since(start), 1.0);  // less than the time-out: nobody waited for the slow ones
  for (const auto& peer : slow) EXPECT_EQ(peer->receive().find("200"), std::string::npos);
  EXPECT_LT(seconds_since(start), 6.0);  // all are cut off at their deadline, not one by one
}

TEST_F(HttpServerTest, MorePeersThanItTakesWaitForTheTimeOutOfTheOthers) {
  const auto slow = slow_peers(public_port(), 620);
  const Clock::time_point start = Clock::now();
  EXPECT_EQ(status_line(get(admin_port(), "/api/v1/loops")), "HTTP/1.1 200 OK");
  EXPECT_LT(seconds_since(start), 1.0);  // the operator's listener is another one
  EXPECT_EQ(status_line(get(public_port(), "/healthz")), "HTTP/1.1 200 OK");
  EXPECT_LT(seconds_since(start), 8.0);
}

TEST_F(HttpServerTest, APeerThatDribblesIsCutOffToo) {
  Peer peer(public_port());
  const Clock::time_point start = Clock::now();
  peer.send("GET /metrics HTTP/1.1\r\n");
  bool is_open = true;
  while (is_open && seconds_since(start) < 10) {
    std::this_thread::sleep_for(std::chrono::milliseconds(100));
    is_open = peer.try_send("X: y\r\n");
  }
  EXPECT_GT(seconds_since(start), 1.0);
  EXPECT_LT(seconds_since(start), 4.0);
}

TEST_F(HttpServerTest, APathWithAnEscapedNulIsAnother) {
  EXPECT_EQ(status_line(get(public_port(), "/metrics%00x")), "HTTP/1.1 404 Not Found");
  EXPECT_EQ(status_line(get(public_port(), "/metr%69cs")), "HTTP/1.1 200 OK");
  EXPECT_EQ(status_line(get(public_port(), "/metrics+")), "HTTP/1.1 404 Not Found");
}

TEST_F(HttpServerTest, ServesManyPeersAtOnce) {
  std::vector<std::future<std::string>> answers;
  for (int i = 0; i < 30; ++i) {
    answers.push_back(
        std::async(std::launch::async, [] { return get(public_port(), "/metrics"); }));
  }
  for (auto& answer : answers) EXPECT_EQ(status_line(answer.get()), "HTTP/1.1 200 OK");
}

TEST_F(HttpServerTest, BusyPortsAreNamedWithTheirFlag) {
  const std::string busy = "127.0.0.1:" + std::to_string(public_port());
  const auto public_busy = start(busy, "127.0.0.1:0");
  ASSERT_FALSE(public_busy);
  EXPECT_EQ(public_busy.error().kind, base::ErrorKind::environment);
  EXPECT_EQ(public_busy.error().message,
            "cannot listen on " + busy + ": address already in use; choose another with --listen");
  const auto admin_busy = start("127.0.0.1:0", busy);
  ASSERT_FALSE(admin_busy);
  EXPECT_EQ(admin_busy.error().message, "cannot listen on " + busy +
                                            ": address already in use; choose another with "
                                            "--admin-listen");
}

TEST_F(HttpServerTest, ForeignAndMalformedAddressesAreRefused) {
  const auto foreign = start("192.0.2.1:9877", "127.0.0.1:0");
  ASSERT_FALSE(foreign);
  EXPECT_EQ(foreign.error().kind, base::ErrorKind::environment);
  EXPECT_EQ(foreign.error().message,
            "cannot listen on 192.0.2.1:9877: cannot assign requested address; this host does not "
            "have that address; choose another with --listen");
  const auto malformed = start("127.0.0.1:0", "nowhere");
  ASSERT_FALSE(malformed);
  EXPECT_EQ(malformed.error().kind, base::ErrorKind::usage);
}

TEST_F(HttpServerTest, AnIpv6ListenerServesIpv4PeersToo) {
  auto server = start("[::]:0", "127.0.0.1:0");
  if (!server) GTEST_SKIP() << "this machine has no IPv6: " << server.error().message;
  EXPECT_EQ(status_line(get((*server)->public_port(), "/healthz")), "HTTP/1.1 200 OK");
}

TEST_F(HttpServerTest, StopsAtOnceAndFreesThePort) {
  auto server = start("127.0.0.1:0", "127.0.0.1:0");
  ASSERT_TRUE(server);
  const uint16_t port = (*server)->public_port();
  Peer idle(port);  // says nothing
  Clock::time_point start_time = Clock::now();
  server->reset();
  EXPECT_LT(seconds_since(start_time), 2.0);
  auto again = start("127.0.0.1:" + std::to_string(port), "127.0.0.1:0");
  EXPECT_TRUE(again) << again.error().message;
}

}  // namespace
}  // namespace loopstall::exposition
