// SPDX-License-Identifier: Apache-2.0
// Serves the page over made-up snapshots, so that a browser can be sent there without an agent.
// usage: page_fixture busy|calm|empty; prints the admin port, and ends with its standard input.
#include <cmath>
#include <cstdio>
#include <string_view>

#include "base/clock.h"
#include "exposition/http_server.h"
#include "stalls/history.h"

namespace {

using namespace loopstall;
using stalls::Cause;

/// What a hostile program may call its functions: markup, quotes, line breaks, reversed text.
constexpr const char* kHostile =
    "<img src=x "
    "onerror=\"window.pwned=1\">'\"\n</script><script>window.pwned=1</script>\u202Ecod.exe";

constexpr uint64_t kMs = 1'000'000;

stalls::DurationHistogram repeated(uint64_t duration_ms, int times) {
  stalls::DurationHistogram histogram;
  for (int i = 0; i < times; ++i) histogram.observe(duration_ms * kMs * (8 + i % 5) / 10);
  return histogram;
}

stacks::Stack stack(const std::string& culprit, const std::string& file, int line) {
  using stacks::FrameKind;
  using stacks::Origin;
  return {
      .frames = {{"recv_into", "socket.py", "/usr/lib/python3.11/socket.py", 706, Origin::stdlib},
                 {"HTTPConnection.getresponse", "http/client.py",
                  "/usr/lib/python3.11/http/client.py", 1395, Origin::stdlib},
                 {"HTTPAdapter.send", "requests/adapters.py",
                  "/usr/lib/python3/dist-packages/requests/adapters.py", 489, Origin::well_known},
                 {culprit, file, "/srv/ocr/" + file, line, Origin::application, false,
                  FrameKind::coroutine},
                 {"upload", "app/main.py", "/srv/ocr/app/main.py", 48, Origin::application, false,
                  FrameKind::coroutine},
                 {"run_endpoint_function", "fastapi/routing.py",
                  "/usr/lib/python3/dist-packages/fastapi/routing.py", 191, Origin::well_known,
                  false, FrameKind::coroutine}},
      .truncated = false};
}

stalls::FunctionSeries function(std::string name, std::string file, int line, Cause cause,
                                uint64_t hold_ms, int holds, std::string advice) {
  return {.function = std::move(name),
          .file = std::move(file),
          .cause = cause,
          .holds = repeated(hold_ms, holds),
          .busy_ns = hold_ms * kMs * static_cast<uint64_t>(holds),
          .entry = "upload",
          .line = line,
          .leaf = "recv_into",
          .advice = std::move(advice)};
}

stalls::ServiceSnapshot ocr_service(uint64_t now_ns) {
  stalls::ServiceSnapshot service;
  service.labels = {.process = "app.main:app", .runtime = "uvloop"};
  service.turns = repeated(2, 48211);
  service.functions = {
      function("save_log", "app/services/log.py", 12, Cause::network, 210, 260,
               "requests.get waits for the network: use httpx.AsyncClient or aiohttp, or await "
               "asyncio.to_thread(...)."),
      function("compress_image", "app/services/image.py", 33, Cause::cpu, 95, 260,
               "PIL computes: run it in a process pool."),
      function("retry", "app/helpers.py", 8, Cause::sleep, 200, 31,
               "time.sleep sleeps with the whole loop: await asyncio.sleep(...)."),
      function("read_model", "app/services/model.py", 71, Cause::file, 18, 40,
               "Reading a large file: use aiofiles or a thread."),
      function("~framework", "", 0, Cause::cpu, 1, 900, ""),
      function("~unsampled", "", 0, Cause::cpu, 1, 40, ""),
  };
  service.functions[2].harm_ns = 4'100 * kMs;
  for (const auto& fn : service.functions) service.busy_ns[stalls::index(fn.cause)] += fn.busy_ns;
  service.busy_ns[stalls::index(Cause::runqueue)] = 900 * kMs;
  service.idle_ns = 170'000 * kMs;
  service.utilization = 0.41;
  service.utilization_max = 0.88;
  service.stalls[stalls::index(Cause::network)] = 260;
  service.stalls[stalls::index(Cause::sleep)] = 31;
  service.stall_ns[stalls::index(Cause::network)] = 54'600 * kMs;
  service.stall_ns[stalls::index(Cause::sleep)] = 6'200 * kMs;
  service.gain = {.life_ns = 60'000 * kMs,
                  .utilization = 0.41,
                  .functions = {{"save_log", "app/services/log.py", 0.21, 1.9, {}}}};
  service.startup_ns = 1'140 * kMs;
  service.delayed_events = 734;
  service.loops = {
      {.pid = 48211,
       .tid = 48211,
       .turn = {.start_ns = now_ns - 4'200 * kMs, .number = 7, .cause = Cause::network},
       .phase = "serving",
       .utilization_60s = 0.88,
       .stack = stack("save_log", "app/services/log.py", 12)},
      {.pid = 48212, .tid = 48212, .phase = "serving", .utilization_60s = 0.12},
  };
  return service;
}

stalls::ServiceSnapshot hostile_service(uint64_t now_ns) {
  stalls::ServiceSnapshot service;
  service.labels = {.process = "worker.py",
                    .runtime = "asyncio",
                    .namespace_ = "shop",
                    .pod = "worker-7d9f8b6c5-x2x9q",
                    .container = "worker"};
  service.turns = repeated(1, 900);
  service.functions = {
      function(kHostile, std::string(kHostile) + ".py", 3, Cause::lock, 40, 12, "")};
  service.functions[0].entry = kHostile;
  service.busy_ns[stalls::index(Cause::lock)] = 480 * kMs;
  service.idle_ns = 60'000 * kMs;
  service.utilization = 0.008;
  service.loops = {{.pid = 51,
                    .tid = 52,
                    .turn = {.start_ns = now_ns - 3 * kMs, .number = 7, .cause = Cause::lock},
                    .phase = "startup",
                    .utilization_60s = 0.008,
                    .stack = stack(kHostile, "worker.py", 3)}};
  return service;
}

stalls::ServiceSnapshot calm_service() {
  stalls::ServiceSnapshot service;
  service.labels = {.process = "calm.py", .runtime = "asyncio"};
  service.turns = repeated(1, 500);
  service.busy_ns[stalls::index(Cause::cpu)] = 60 * kMs;
  service.idle_ns = 60'000 * kMs;
  service.utilization = 0.001;
  service.loops = {{.pid = 7, .tid = 7, .phase = "serving", .utilization_60s = 0.001}};
  return service;
}

std::shared_ptr<const stalls::StallRecord> stall(std::string id, uint64_t wall_ns,
                                                 const stalls::ServiceSnapshot& service,
                                                 std::size_t function_index) {
  const stalls::FunctionSeries& fn = service.functions[function_index];
  stalls::StallRecord record;
  record.id = std::move(id);
  record.phase = "serving";
  record.start_wall_ns = wall_ns;
  record.duration_ns = fn.busy_ns / fn.holds.count();
  record.pid = service.loops[0].pid;
  record.tid = service.loops[0].tid;
  record.labels = service.labels;
  record.cause = fn.cause;
  record.cause_ns[stalls::index(fn.cause)] = record.duration_ns;
  record.delayed_events = 3;
  record.holds = {{.function = fn.function,
                   .entry = fn.entry,
                   .leaf = fn.leaf,
                   .file = fn.file,
                   .path = "/srv/ocr/" + fn.file,
                   .line = fn.line,
                   .cause = fn.cause,
                   .syscall = "recvfrom",
                   .hold_ns = record.duration_ns,
                   .coroutines = {fn.function == "retry" ? 5u : 1u, 7u},
                   .stack = stack(fn.function, fn.file, fn.line),
                   .advice = fn.advice}};
  return std::make_shared<const stalls::StallRecord>(std::move(record));
}

/// The same, of a loop that waited while another thread computed that.
std::shared_ptr<const stalls::StallRecord> behind_gil(
    const std::shared_ptr<const stalls::StallRecord>& computing) {
  auto record = std::make_shared<stalls::StallRecord>(*computing);
  record->cause = record->holds[0].cause = Cause::gil;
  record->holds[0].syscall = "futex";
  record->cause_ns = {};
  record->cause_ns[stalls::index(Cause::gil)] = record->duration_ns;
  return record;
}

/// Twenty minutes in which the service was busy now more, now less, and at the end for 38 %.
std::shared_ptr<const stalls::History> history_until(uint64_t wall_ns) {
  constexpr uint64_t kCount = 120;
  stalls::History history;
  stalls::Snapshot snapshot;
  snapshot.services = {ocr_service(1)};
  stalls::ServiceSnapshot& service = snapshot.services[0];
  service.busy_ns = {};
  service.idle_ns = 0;
  service.turns = {};
  for (uint64_t step = 1; step <= kCount; ++step) {
    snapshot.monotonic_ns = step * stalls::History::kStepNs;
    snapshot.wall_ns = wall_ns - (kCount - step) * stalls::History::kStepNs;
    const double wave = std::sin(static_cast<double>(kCount - step) / 9);
    const auto network_ns = static_cast<uint64_t>(3e9 + 2e9 * wave);
    service.busy_ns[stalls::index(Cause::network)] += network_ns;
    service.busy_ns[stalls::index(Cause::cpu)] += 800 * kMs;
    service.idle_ns += stalls::History::kStepNs - network_ns - 800 * kMs;
    for (int i = 0; i < 1000; ++i) service.turns.observe(2 * kMs);
    for (int i = 0; i < 10 + static_cast<int>(9 * wave); ++i) service.turns.observe(210 * kMs);
    service.loops[0].utilization_60s = 0.88 - 0.5 * wave * wave;
    history.add(snapshot);
  }
  return std::make_shared<const stalls::History>(std::move(history));
}

/// A snapshot that is always new, as that of a running agent.
class FixtureSource final : public stalls::SnapshotSource {
 public:
  explicit FixtureSource(std::string_view scene) : scene_(scene) {}

  std::shared_ptr<const stalls::Snapshot> snapshot() const override {
    const base::Clock& clock = base::system_clock();
    auto snapshot = std::make_shared<stalls::Snapshot>();
    snapshot->monotonic_ns = clock.monotonic_ns();
    snapshot->wall_ns = clock.wall_ns();
    snapshot->health = {
        .ready = true,
        .hooks = {{"turn_boundary", "tracepoint"}, {"tick", "perf_event_cpu_clock"}},
        .events_lost = {{"ring_full", 0}},
        .stack_errors = {{"cpython", "unreadable", 4}},
        .budget = {.used = 0.004, .allowed = 0.015},
        .function_series = {.used = 40, .limit = 5000}};
    if (scene_ == "empty") return snapshot;
    snapshot->services = {calm_service()};
    if (scene_ == "calm") return snapshot;
    snapshot->health.budget = {0.012, 0.015, stalls::Detail::fewer_stacks};
    snapshot->health.series_folded = 7;
    const auto ocr = ocr_service(snapshot->monotonic_ns);
    const auto hostile = hostile_service(snapshot->monotonic_ns);
    snapshot->services.push_back(hostile);
    snapshot->services.push_back(ocr);
    snapshot->history = history_;
    snapshot->stalls = {stall("s00003", started_wall_ns_ - 4'000 * kMs, ocr, 0),
                        stall("s00002", started_wall_ns_ - 17'000 * kMs, hostile, 0),
                        stall("s00001", started_wall_ns_ - 95'000 * kMs, ocr, 2),
                        behind_gil(stall("s00000", started_wall_ns_ - 130'000 * kMs, ocr, 1))};
    return snapshot;
  }

 private:
  const std::string_view scene_;
  const uint64_t started_wall_ns_ = base::system_clock().wall_ns();
  const std::shared_ptr<const stalls::History> history_ = history_until(started_wall_ns_);
};

}  // namespace

int main(int argc, char** argv) {
  if (argc != 2) return 2;
  exposition::HttpOptions options;
  options.listen = "127.0.0.1:0";
  options.admin_listen = "127.0.0.1:0";
  const auto source = std::make_shared<const FixtureSource>(argv[1]);
  const auto server = exposition::HttpPorts::listen(options).and_then([&](auto&& ports) {
    return exposition::HttpServer::start(options, std::move(ports), source, base::system_clock());
  });
  if (!server) {
    std::fprintf(stderr, "%s\n", server.error().message.c_str());
    return 3;
  }
  std::printf("%u\n", (*server)->admin_port());
  std::fflush(stdout);
  while (std::getchar() != EOF) {
  }
  return 0;
}
