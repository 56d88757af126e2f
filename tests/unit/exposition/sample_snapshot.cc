// SPDX-License-Identifier: Apache-2.0
#include "sample_snapshot.h"

namespace loopstall::exposition::testing {
namespace {

using stalls::Cause;

stalls::DurationHistogram histogram(std::initializer_list<uint64_t> durations_ms) {
  stalls::DurationHistogram histogram;
  for (uint64_t ms : durations_ms) histogram.observe(ms * 1'000'000);
  return histogram;
}

stacks::Stack upload_stack() {
  using stacks::Origin;
  return {.frames = {{.function = "recv_into",
                      .file = "socket.py",
                      .path = "/usr/lib/python3.11/socket.py",
                      .line = 706,
                      .origin = Origin::stdlib},
                     {.function = "get",
                      .file = "requests/api.py",
                      .path = "/usr/lib/python3/dist-packages/requests/api.py",
                      .line = 73,
                      .origin = Origin::well_known},
                     {.function = "save_log",
                      .file = "app/log.py",
                      .path = "/srv/app/log.py",
                      .line = 12,
                      .origin = Origin::application,
                      .ownership = stacks::Ownership::application_package},
                     {.function = "upload",
                      .file = "app/main.py",
                      .path = "/srv/app/main.py",
                      .line = 48,
                      .origin = Origin::application}},
          .truncated = false};
}

stalls::ServiceSnapshot upload_service() {
  stalls::ServiceSnapshot service;
  service.labels = {.process = "app.main:app", .runtime = "uvloop"};
  service.created_ns = kTakenNs - 60'000'000'000;
  service.turns = histogram({1, 3, 120, 130, 40'000});
  service.timer_lag = histogram({1, 30});
  service.busy_ns[stalls::index(Cause::cpu)] = 1'250'000'000;
  service.busy_ns[stalls::index(Cause::network)] = 2'000'000'000;
  service.idle_ns = 6'750'000'000;
  service.utilization = 0.325;
  service.utilization_max = 0.4;
  service.functions = {
      {.function = "save_log",
       .file = "app/log.py",
       .cause = Cause::network,
       .holds = histogram({120, 130}),
       .busy_ns = 1'200'000'000,
       .harm_ns = 375'000'000,
       .entry = "upload",
       .line = 12,
       .leaf = "recv_into",
       .advice = "requests.get waits for the network: use httpx.AsyncClient or aiohttp.",
       .created_ns = kTakenNs - 20'250'000'000},
      {.function = "~framework",
       .file = "",
       .cause = Cause::cpu,
       .holds = {},
       .busy_ns = 50'000'000},
  };
  service.entries = {{.entry = "upload", .cause = Cause::network, .busy_ns = 1'200'000'000}};
  service.syscalls = {{.syscall = "recvfrom", .blocked_ns = 1'900'000'000}};
  service.deaths = {{.function = "save_log", .file = "app/log.py", .count = 1}};
  service.stalls[stalls::index(Cause::network)] = 2;
  service.stall_ns[stalls::index(Cause::network)] = 250'000'000;
  service.startup_ns = 1'100'000'000;
  service.pool = {.busy = 4, .idle = 36};
  service.ready_events = 10;
  service.delayed_events = 3;
  service.loops = {
      {.pid = 4242,
       .tid = 4243,
       .slot = kBusySlot,
       .turn = {.start_ns = kTakenNs - 1'500'000'000,
                .number = 7,
                .at_least = true,
                .cause = Cause::network},
       .phase = "serving",
       .utilization_60s = 0.4,
       .stack = upload_stack()},
      {.pid = 4244, .tid = 4244, .phase = "serving", .utilization_60s = 0.25},
  };
  return service;
}

stalls::ServiceSnapshot hostile_service() {
  stalls::ServiceSnapshot service;
  service.labels = {.process = "worker.py",
                    .runtime = "asyncio",
                    .namespace_ = "shop",
                    .pod = "worker-7d9f",
                    .container = "worker"};
  service.busy_ns[stalls::index(Cause::cpu)] = 1'000'000'000;
  service.idle_ns = 1'000'000'000;
  service.functions = {{.function = kHostileName,
                        .file = "a\"b\\c.py",
                        .cause = Cause::cpu,
                        .holds = histogram({20}),
                        .busy_ns = 900'000'000,
                        .entry = kHostileName,
                        .line = 3,
                        .leaf = kHostileName,
                        .advice = ""}};
  return service;
}

stalls::AgentHealth health() {
  return {.ready = true,
          .not_ready = {},
          .hooks = {{"turn_boundary", "tracepoint"}, {"tick", "perf_event_cpu_clock"}},
          .sample_rate_hz = 49,
          .tick_price_ns = 88'000,
          .targets = {{"cpython3.11", "measured", 2}, {"other", "ignored", 40}},
          .events_lost = {{"ring_full", 0}, {"no_slot", 1}},
          .stack_errors = {{"cpython", "unreadable", 4}},
          .programs = {{"on_switch", 2048, 0.25}},
          .account_error_ratio = 0.00125,
          .canary = {.reported = 3, .missed = 1},
          .budget = {.used = 0.012, .allowed = 0.015, .detail = stalls::Detail::fewer_stacks},
          .function_series = {.used = 40, .limit = 5000},
          .series_folded = 7,
          .stall_records_suppressed = 5};
}

stalls::StallRecord stall() {
  stalls::StallRecord record;
  record.id = "k3f9a2";
  record.phase = "serving";
  record.start_wall_ns = kTakenWallNs - 3'000'000'000;
  record.start_monotonic_ns = kTakenNs - 3'000'000'000;
  record.duration_ns = 130'000'000;
  record.pid = 4242;
  record.tid = 4243;
  record.labels = {.process = "app.main:app", .runtime = "uvloop"};
  record.cause = Cause::network;
  record.cause_ns[stalls::index(Cause::network)] = 129'000'000;
  record.cause_ns[stalls::index(Cause::cpu)] = 1'000'000;
  record.syscalls = {{.name = "recvfrom", .fd_kind = "socket", .blocked_ns = 129'000'000}};
  record.delayed_events = 3;
  record.holds = {
      {.function = "save_log",
       .entry = "upload",
       .leaf = "recv_into",
       .file = "app/log.py",
       .path = "/srv/app/log.py",
       .line = 12,
       .cause = Cause::network,
       .syscall = "recvfrom",
       .hold_ns = 129'000'000,
       .stack = upload_stack(),
       .advice = "requests.get waits for the network: use httpx.AsyncClient or aiohttp."}};
  return record;
}

stalls::StallRecord hostile_stall() {
  stalls::StallRecord record = stall();
  record.id = "m00001";
  record.labels = hostile_service().labels;
  record.cause = Cause::cpu;
  record.holds[0].function = kHostileName;
  record.holds[0].advice = "";
  return record;
}

}  // namespace

stalls::Snapshot sample_snapshot() {
  stalls::Snapshot snapshot;
  snapshot.monotonic_ns = kTakenNs;
  snapshot.wall_ns = kTakenWallNs;
  snapshot.wall_offset_ns = kTakenWallNs - kTakenNs;
  snapshot.services = {upload_service(), hostile_service()};
  snapshot.health = health();
  snapshot.stalls = {std::make_shared<const stalls::StallRecord>(hostile_stall()),
                     std::make_shared<const stalls::StallRecord>(stall())};
  return snapshot;
}

}  // namespace loopstall::exposition::testing
