// SPDX-License-Identifier: Apache-2.0
#include "replay.h"

#include <stdexcept>

#include "exposition/snapshot_samples.h"
#include "exposition/text_format.h"
#include "probes/decode.h"
#include "session/loop.h"
#include "session/stall_records.h"
#include "stacks/attribution.h"

namespace loopstall::golden {
namespace {

constexpr uint64_t kTickNs = 1'000'000'000 / 99;

class Replay {
 public:
  explicit Replay(const Scenario& scenario) : scenario_(scenario) {}

  Outcome run() {
    for (const Step& step : scenario_.steps) {
      std::visit([this](const auto& one) { take(one); }, step);
      advance();
    }
    now_ns_ += 10'000'000'000;  // stalls whose delayed events never came
    advance();
    return {exposition::to_text(
                exposition::snapshot_samples(snapshot(), {.present = {.now_ns = seen_ns_}})),
            records_};
  }

 private:
  void take(const Record& record) {
    auto event = probes::decode_event(record.bytes);
    if (!event) throw std::runtime_error("a record was rejected");
    now_ns_ = std::max(now_ns_, event->origin.time_ns);
    std::visit([&](auto& what) { on(event->origin, what); }, event->what);
  }
  void take(const Reading& reading) {
    now_ns_ = seen_ns_ = reading.time_ns;
    loop_.update(probes::decode_slot(reading.slot), reading.time_ns);
    // The session reads the open span's stack; a recording has the last one of the turn.
    if (auto seen = loop_.known_in_turn(reading.slot.turn_number)) {
      loop_.see_open_span(reading.slot.accounted_ns, std::move(seen));
    }
  }

  void on(const probes::EventOrigin& origin, probes::BlockEnded& block) {
    session::SeenStackPtr seen = loop_.take_holder();
    if (block.cause != stalls::Cause::gil) {
      seen = name(block.stack);
    } else if (seen == nullptr) {
      seen = name({});
    }
    loop_.add_block(origin, std::move(block), std::move(seen));
  }
  void on(const probes::EventOrigin& origin, probes::Ticked& tick) {
    loop_.add_tick(origin, tick, name(tick.stack));
  }
  void on(const probes::EventOrigin&, probes::HolderSeen& holder) {
    loop_.set_holder(name(holder.stack));
  }
  void on(const probes::EventOrigin& origin, probes::TurnEnded& ended) {
    loop_.finish_turn(origin, ended);
  }
  void on(const probes::EventOrigin& origin, probes::EventsDelayed& delayed) {
    loop_.set_delayed(origin.turn_number, delayed.count);
  }
  template <typename Other>
  void on(const probes::EventOrigin&, Other&) {
    throw std::runtime_error("an event that is not of a loop's life");
  }

  session::SeenStackPtr name(const stacks::RawStack& raw) {
    auto seen = std::make_shared<session::SeenStack>();
    if (raw.frames.empty()) {
      seen->known = stalls::reserved_stack(stacks::kUnknown);
      return seen;
    }
    stalls::KnownStack known;
    known.stack.truncated = raw.truncated;
    for (const stacks::RawFrame& frame : raw.frames) {
      known.stack.frames.push_back(scenario_.code.at(frame.code));
    }
    known.attribution =
        raw.in_gc ? stacks::attribute_collection(known.stack) : stacks::attribute(known.stack);
    seen->known = std::make_shared<const stalls::KnownStack>(std::move(known));
    return seen;
  }

  void advance() {
    loop_.claim_known(kTickNs);
    while (const auto finished = loop_.take_finished(now_ns_)) {
      const stalls::Turn turn = session::named_turn(*finished);
      const auto holds = stalls::attribute_turn(turn);
      if (turn.serving) {
        for (const stalls::Hold& hold : holds) {
          service_.functions().observe_hold(hold, session::advice_of(hold), finished->end_ns);
        }
      }
      if (turn.is_long) record(*finished, turn, holds);
    }
  }

  void record(const session::FinishedTurn& finished, const stalls::Turn& turn,
              const std::vector<stalls::Hold>& holds) {
    stalls::StallRecord record = session::make_stall_record(turn, holds);
    record.id = "s" + std::to_string(++record_count_);
    record.start_wall_ns = 1'700'000'000'000'000'000 + turn.start_ns;
    record.pid = loop_.pid();
    record.tid = loop_.tid();
    record.labels = loop_.labels();
    record.delayed_events = finished.delayed_events.value_or(0);
    record.harm_ns = stalls::harm_ns(record.duration_ns, record.delayed_events);
    records_ += stalls::to_json(record) + "\n";
  }

  stalls::Snapshot snapshot() const {
    stalls::Snapshot snapshot;
    snapshot.monotonic_ns = seen_ns_;
    stalls::ServiceSnapshot service = service_.snapshot();
    stalls::LoopState state;
    state.turn = stalls::turn_in_progress(loop_.account());
    service.utilization = service.utilization_max = loop_.ledger().utilization().ratio();
    service.loops.push_back(std::move(state));
    snapshot.services.push_back(std::move(service));
    return snapshot;
  }

  const Scenario& scenario_;
  const loops::LoopLabels labels_{"app.main:app", "uvloop", "", "", ""};
  stalls::ServiceTable services_{{}, 5'000};
  stalls::Service& service_ = services_.service(labels_, 0);
  session::Loop loop_{{100, 100, 1}, 1, 1, nullptr, labels_, service_};
  std::string records_;
  int record_count_ = 0;
  uint64_t now_ns_ = 0;
  uint64_t seen_ns_ = 0;
};

}  // namespace

Outcome replay(const Scenario& scenario) { return Replay(scenario).run(); }

}  // namespace loopstall::golden
