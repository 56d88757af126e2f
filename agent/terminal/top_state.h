// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "terminal/top_model.h"

namespace loopstall::terminal {

/// By what functions are ordered, the greatest first.
enum class Order : uint8_t {
  occupancy,  ///< the share of the loops' time
  hold,       ///< the length of one hold (its 99th percentile)
  harm,       ///< what ready descriptors waited for it
};

std::string_view order_name(Order order);
/// The order of that name; none for another word.
std::optional<Order> order_of(std::string_view name);

/// What a key of the terminal means.
enum class Key : uint8_t {
  none,
  up,
  down,
  page_up,
  page_down,
  enter,
  escape,
  backspace,
  resize,
  character
};

struct KeyPress {
  Key key = Key::none;
  char character = 0;  ///< of Key::character: printable ASCII
};

/// What the user has chosen to see. Changed by keys alone.
struct TopState {
  Order order = Order::occupancy;
  bool shows_leaf = false;    ///< the innermost frame instead of the function
  std::string filter;         ///< part of a process's, pod's or function's name, or of a cause
  bool takes_filter = false;  ///< keys go into the filter
  bool is_paused = false;
  bool is_over = false;      ///< the user wants to leave
  std::string selected;      ///< the id of a row; empty: none
  bool is_open = false;      ///< the selected row's stack is shown
  std::size_t scrolled = 0;  ///< lines of it above the screen
};

/// The rows that pass the filter, in the order in which they are shown.
struct TopRows {
  std::vector<const ServiceRow*> services;
  std::vector<const LoopNow*> loops;
  std::vector<const FunctionRow*> functions;
};

/// Pointers into the model.
TopRows rows_of(const TopModel& model, const TopState& state);

/// What TopState::selected says of a row.
std::string id_of(const LoopNow& loop);
std::string id_of(const FunctionRow& row);

/// The state after a key.
TopState after(TopState state, const KeyPress& press, const TopModel& model);

}  // namespace loopstall::terminal
