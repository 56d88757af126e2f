// SPDX-License-Identifier: Apache-2.0
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <utility>

#include "sample_snapshot.h"
#include "terminal/cells.h"
#include "terminal/top_state.h"
#include "terminal/top_view.h"

namespace loopstall::terminal {
namespace {

using exposition::testing::kTakenNs;
using stalls::Cause;
using ::testing::HasSubstr;
using ::testing::Not;

/// The sample, five seconds after an earlier state of it.
class Top : public ::testing::Test {
 protected:
  Top() {
    auto before = exposition::testing::sample_snapshot();
    before.monotonic_ns = kTakenNs - 5'000'000'000;
    auto& service = before.services.front();
    service.busy_ns[stalls::index(Cause::network)] -= 1'500'000'000;
    service.idle_ns -= 3'500'000'000;
    service.functions.front().busy_ns -= 1'000'000'000;
    service.functions.front().harm_ns -= 250'000'000;
    service.functions.front().holds = {};
    window.keep(std::make_shared<const stalls::Snapshot>(std::move(before)));
    window.keep(std::make_shared<const stalls::Snapshot>(exposition::testing::sample_snapshot()));
    model = window.model({kTakenNs, nullptr});
  }

  void press(Key key) { state = after(state, {key}, model); }
  void type(std::string_view letters) {
    for (const char letter : letters) state = after(state, {Key::character, letter}, model);
  }
  std::string screen(ScreenSize size = {}) const {
    return plain_text(top_lines(model, state, size));
  }

  TopWindow window;
  TopModel model;
  TopState state;
};

TEST_F(Top, RowsAreOfTheWindowAlone) {
  EXPECT_EQ(model.window_ns, 5'000'000'000u);
  const ServiceRow& service = model.services.front();
  EXPECT_EQ(service.labels.process, "app.main:app");
  EXPECT_DOUBLE_EQ(service.utilization(), 0.3);
  EXPECT_EQ(service.busy_ns[stalls::index(Cause::cpu)], 0u) << "it did not grow";
  ASSERT_EQ(model.functions.size(), 1u) << "one that did nothing has no row";
  const FunctionRow& row = model.functions.front();
  EXPECT_EQ(row.function, "save_log");
  EXPECT_DOUBLE_EQ(row.occupancy, 0.2);
  EXPECT_DOUBLE_EQ(row.harm, 0.05);
  EXPECT_EQ(row.holds, 2u);
  EXPECT_NEAR(row.p99_seconds, 0.25, 0.01);
}

TEST_F(Top, TheWindowForgetsWhatIsOld) {
  TopWindow ages;
  for (uint64_t second = 0; second < 60; ++second) {
    stalls::Snapshot snapshot;
    snapshot.monotonic_ns = kTakenNs + second * 1'000'000'000;
    ages.keep(std::make_shared<const stalls::Snapshot>(std::move(snapshot)));
  }
  EXPECT_EQ(ages.model({kTakenNs, nullptr}).window_ns, 10'000'000'000u);
}

TEST_F(Top, EightyColumnsHaveEverything) {
  const std::string shown = screen();
  EXPECT_THAT(shown, HasSubstr("loopstall top, by occupancy, last 5.0 s: 2 loops in 2 services"));
  EXPECT_THAT(shown, HasSubstr("  30 %  nnnnnn.............."));
  EXPECT_THAT(shown, HasSubstr("app.main:app (uvloop)"));
  EXPECT_THAT(shown, HasSubstr("4242/4243  busy for at least 1.5 s: netw"));
  EXPECT_THAT(shown, HasSubstr("  20 %   248 ms    0.05  network    save_log < upload"));
  EXPECT_THAT(shown, HasSubstr("app/log.py:12"));
  EXPECT_THAT(shown, HasSubstr("q quit"));
}

TEST_F(Top, NoLineIsWiderAndNoScreenHigherThanTheTerminal) {
  for (const std::size_t columns : {40, 60, 80, 120, 300}) {
    for (const std::size_t height : {10, 24, 60}) {
      for (const bool opened : {false, true}) {
        state.selected = id_of(model.functions.front());
        state.is_open = opened;
        const auto lines = top_lines(model, state, {columns, height});
        EXPECT_LE(lines.size(), height);
        for (const Line& line : lines) {
          std::size_t width = 0;
          for (const Span& span : line.spans) width += width_of(span.text);
          EXPECT_LE(width, columns) << plain_text({line});
        }
      }
    }
  }
  EXPECT_FALSE(top_lines(model, {}, {1, 1}).empty()) << "however small the terminal says it is";
}

TEST_F(Top, KeysMoveAndOpen) {
  press(Key::down);
  EXPECT_EQ(state.selected, "4242/4243") << "the first row";
  press(Key::up);
  EXPECT_EQ(state.selected, "4242/4243") << "there is none above";
  press(Key::page_down);
  EXPECT_EQ(state.selected, id_of(model.functions.front())) << "the last one";
  press(Key::enter);
  EXPECT_THAT(screen(), HasSubstr("> save_log"));
  EXPECT_THAT(screen(), HasSubstr("advice: requests.get waits"));
  press(Key::escape);
  EXPECT_FALSE(state.is_open);
  EXPECT_FALSE(state.is_over);
  type("q");
  EXPECT_TRUE(state.is_over);
}

TEST_F(Top, NothingOpensWithoutASelection) {
  press(Key::enter);
  EXPECT_FALSE(state.is_open);
}

TEST_F(Top, ALoopOpensItsStack) {
  press(Key::down);
  press(Key::enter);
  EXPECT_THAT(screen(), HasSubstr("pid 4242, thread 4243"));
  EXPECT_THAT(screen(), HasSubstr("recv_into"));
}

TEST_F(Top, AStackScrollsAndStopsAtItsEnd) {
  press(Key::down);
  press(Key::enter);
  for (int i = 0; i < 50; ++i) press(Key::down);
  EXPECT_THAT(screen({80, 10}), HasSubstr("advice:")) << "its last line";
  for (int i = 0; i < 60; ++i) press(Key::up);
  EXPECT_THAT(screen({80, 10}), HasSubstr("pid 4242, thread 4243"));
}

TEST_F(Top, AFilterLeavesWhatItNames) {
  type("/worker");
  EXPECT_THAT(screen(), HasSubstr("filter: worker_"));
  EXPECT_THAT(screen(), Not(HasSubstr("save_log")));
  EXPECT_THAT(screen(), HasSubstr("worker.py in shop/worker-7d9f"));
  press(Key::backspace);
  press(Key::enter);
  EXPECT_EQ(state.filter, "worke");
  type("q");
  EXPECT_TRUE(state.is_over) << "keys are keys again";
  press(Key::escape);
  EXPECT_EQ(state.filter, "");
}

TEST_F(Top, AFilterByCauseAndByFunction) {
  type("/network");
  EXPECT_EQ(rows_of(model, state).functions.size(), 1u);
  press(Key::escape);
  type("/save_");
  EXPECT_EQ(rows_of(model, state).functions.size(), 1u);
  type("x");
  EXPECT_EQ(rows_of(model, state).functions.size(), 0u);
}

FunctionRow function_row(const char* name, double occupancy, double p99, double harm) {
  FunctionRow row;
  row.function = name;
  row.occupancy = occupancy;
  row.p99_seconds = p99;
  row.harm = harm;
  return row;
}

TEST_F(Top, OrdersAreByWhatTheyAreCalled) {
  model.functions = {function_row("often", 0.5, 0.01, 0.1), function_row("long", 0.1, 2, 0.2),
                     function_row("harmful", 0.2, 0.1, 3)};
  const auto first = [&] { return rows_of(model, state).functions.front()->function; };
  EXPECT_EQ(first(), "often");
  type("s");
  EXPECT_EQ(state.order, Order::hold);
  EXPECT_EQ(first(), "long");
  type("s");
  EXPECT_EQ(first(), "harmful");
  type("s");
  EXPECT_EQ(state.order, Order::occupancy);
  EXPECT_EQ(order_of("harm"), Order::harm);
  EXPECT_FALSE(order_of("size"));
}

TEST_F(Top, TheLeafInsteadOfTheFunction) {
  type("l");
  EXPECT_THAT(screen(), HasSubstr("recv_into < upload"));
  type("l");
  EXPECT_THAT(screen(), HasSubstr("save_log < upload"));
}

TEST_F(Top, PaperHasEveryRowAndNoKeys) {
  for (int i = 0; i < 100; ++i) {
    model.functions.push_back(function_row(("f" + std::to_string(i)).c_str(), 0.001, 0, 0));
  }
  const std::string paper = plain_text(paper_lines(model, state, 120));
  EXPECT_THAT(paper, HasSubstr("f99"));
  EXPECT_THAT(paper, Not(HasSubstr("q quit")));
  EXPECT_THAT(paper, Not(HasSubstr("\x1b")));
  EXPECT_THAT(screen(), Not(HasSubstr("f99"))) << "a screen ends";
}

TEST_F(Top, ARowThatWentAwaySaysSo) {
  press(Key::page_down);
  press(Key::enter);
  model.functions.clear();
  model.loops.clear();
  EXPECT_THAT(screen(), HasSubstr("this row is gone"));
}

TEST(CauseBar, HasEachCausesShare) {
  stalls::ByCause busy{};
  busy[stalls::index(Cause::cpu)] = 25;
  busy[stalls::index(Cause::sleep)] = 50;
  EXPECT_EQ(plain_text({cause_bar(busy, 100, 20)}), "cccccssssssssss.....\n");
  EXPECT_EQ(plain_text({cause_bar({}, 0, 5)}), ".....\n");
  busy.fill(100);
  EXPECT_EQ(plain_text({cause_bar(busy, 100, 10)}), "cccccccccc\n") << "more than all is all";
}

}  // namespace
}  // namespace loopstall::terminal
