// SPDX-License-Identifier: Apache-2.0
#include "terminal/top_state.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <tuple>
#include <utility>

namespace loopstall::terminal {
namespace {

constexpr std::array<std::pair<Order, std::string_view>, 3> kOrders = {
    {{Order::occupancy, "occupancy"}, {Order::hold, "hold"}, {Order::harm, "harm"}}};
constexpr std::size_t kMaxFilter = 60;
constexpr std::size_t kPage = 10;

bool has(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

bool passes(const loops::LoopLabels& labels, const std::string& filter) {
  return has(labels.process, filter) || has(labels.namespace_ + "/" + labels.pod, filter);
}

bool passes(const FunctionRow& row, const std::string& filter) {
  return passes(row.labels, filter) || has(row.function, filter) || has(row.entry, filter) ||
         has(std::string(stalls::cause_name(row.cause)), filter);
}

std::tuple<double, double> rank(const FunctionRow& row, Order order) {
  switch (order) {
    case Order::hold:
      return {row.p99_seconds, row.occupancy};
    case Order::harm:
      return {row.harm, row.occupancy};
    case Order::occupancy:
      break;
  }
  return {row.occupancy, row.p99_seconds};
}

std::vector<std::string> ids_of(const TopRows& rows) {
  std::vector<std::string> ids;
  for (const LoopNow* loop : rows.loops) ids.push_back(id_of(*loop));
  for (const FunctionRow* row : rows.functions) ids.push_back(id_of(*row));
  return ids;
}

/// Moves the selection by so many rows; the first key selects the first row.
void move_selection(TopState& state, const TopModel& model, std::ptrdiff_t by) {
  const std::vector<std::string> ids = ids_of(rows_of(model, state));
  if (ids.empty()) return;
  const auto found = std::find(ids.begin(), ids.end(), state.selected);
  const std::ptrdiff_t last = std::ssize(ids) - 1;
  const std::ptrdiff_t at = found == ids.end() ? 0 : found - ids.begin() + by;
  state.selected = ids[static_cast<std::size_t>(std::clamp<std::ptrdiff_t>(at, 0, last))];
}

void move(TopState& state, const TopModel& model, std::ptrdiff_t by) {
  if (!state.is_open) {
    move_selection(state, model, by);
  } else if (by > 0) {
    state.scrolled += static_cast<std::size_t>(by);
  } else {
    state.scrolled -= std::min(state.scrolled, static_cast<std::size_t>(-by));
  }
}

void take_filter_key(TopState& state, const KeyPress& press) {
  if (press.key == Key::character) {
    if (state.filter.size() < kMaxFilter) state.filter += press.character;
  } else if (press.key == Key::backspace) {
    if (!state.filter.empty()) state.filter.pop_back();
  } else if (press.key == Key::enter) {
    state.takes_filter = false;
  } else if (press.key == Key::escape) {
    state.filter.clear();
    state.takes_filter = false;
  }
}

Order next(Order order) {
  return kOrders[(static_cast<std::size_t>(order) + 1) % kOrders.size()].first;
}

void take_letter(TopState& state, char letter, const TopModel& model) {
  switch (letter) {
    case 'q':
      state.is_over = true;
      break;
    case 's':
      state.order = next(state.order);
      break;
    case 'l':
      state.shows_leaf = !state.shows_leaf;
      break;
    case 'p':
    case ' ':
      state.is_paused = !state.is_paused;
      break;
    case '/':
      state.is_open = false;
      state.takes_filter = true;
      break;
    case 'j':
      move(state, model, 1);
      break;
    case 'k':
      move(state, model, -1);
      break;
    default:
      break;
  }
}

void leave(TopState& state) {
  if (state.is_open) {
    state.is_open = false;
  } else {
    state.filter.clear();
    state.selected.clear();
  }
}

}  // namespace

std::string_view order_name(Order order) {
  return kOrders.at(static_cast<std::size_t>(order)).second;
}

std::optional<Order> order_of(std::string_view name) {
  for (const auto& [order, known] : kOrders) {
    if (known == name) return order;
  }
  return std::nullopt;
}

std::string id_of(const LoopNow& loop) {
  return fmt::format("{}/{}", loop.loop.pid, loop.loop.tid);
}

std::string id_of(const FunctionRow& row) {
  return fmt::format("{}\n{}/{}\n{}\n{}\n{}\n{}", row.labels.process, row.labels.namespace_,
                     row.labels.pod, row.labels.container, row.function, row.file,
                     stalls::cause_name(row.cause));
}

TopRows rows_of(const TopModel& model, const TopState& state) {
  TopRows rows;
  for (const ServiceRow& row : model.services) {
    if (passes(row.labels, state.filter)) rows.services.push_back(&row);
  }
  for (const LoopNow& loop : model.loops) {
    if (passes(loop.labels, state.filter)) rows.loops.push_back(&loop);
  }
  for (const FunctionRow& row : model.functions) {
    if (passes(row, state.filter)) rows.functions.push_back(&row);
  }
  std::stable_sort(rows.functions.begin(), rows.functions.end(),
                   [&](const FunctionRow* one, const FunctionRow* other) {
                     return rank(*one, state.order) > rank(*other, state.order);
                   });
  return rows;
}

TopState after(TopState state, const KeyPress& press, const TopModel& model) {
  if (state.takes_filter) {
    take_filter_key(state, press);
    return state;
  }
  switch (press.key) {
    case Key::up:
      move(state, model, -1);
      break;
    case Key::down:
      move(state, model, 1);
      break;
    case Key::page_up:
      move(state, model, -std::ptrdiff_t{kPage});
      break;
    case Key::page_down:
      move(state, model, kPage);
      break;
    case Key::enter:
      state.is_open = !state.is_open && !state.selected.empty();
      state.scrolled = 0;
      break;
    case Key::escape:
      leave(state);
      break;
    case Key::character:
      take_letter(state, press.character, model);
      break;
    case Key::none:
    case Key::backspace:
    case Key::resize:
      break;
  }
  return state;
}

}  // namespace loopstall::terminal
