// SPDX-License-Identifier: Apache-2.0
#include "terminal/top_view.h"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>
#include <utility>

#include "terminal/cells.h"
#include "terminal/quantities.h"
#include "terminal/stack_lines.h"
#include "terminal/top_detail.h"

namespace loopstall::terminal {
namespace {

constexpr std::size_t kMinColumns = 40;
constexpr std::size_t kMinLines = 10;
constexpr std::size_t kEndless = 1'000'000;  // lines of paper
constexpr std::size_t kNarrow = 72;          // columns; below that, some are left out
constexpr std::size_t kBarColumns = 20;
constexpr std::size_t kNarrowBarColumns = 10;
constexpr uint64_t kLongTurnNs = 100'000'000;
constexpr double kBusyLoop = 0.8;

Line line_of(std::string text, Style style = Style::plain) {
  return {{{std::move(text), style, {}}}};
}

std::string name_of(const loops::LoopLabels& labels) {
  return labels.pod.empty()
             ? labels.process
             : fmt::format("{} in {}/{}", labels.process, labels.namespace_, labels.pod);
}

std::string plural(std::size_t number, std::string_view what) {
  return fmt::format("{} {}{}", number, what, number == 1 ? "" : "s");
}

Line title(const TopModel& model, const TopState& state, std::size_t columns) {
  std::string text = "loopstall top";
  if (state.is_paused) text += ", paused";
  if (!state.filter.empty() || state.takes_filter) {
    text += fmt::format(", filter: {}{}", state.filter, state.takes_filter ? "_" : "");
  }
  text += fmt::format(", by {}, last {}: {} in {}", order_name(state.order),
                      duration_text(model.window_ns), plural(model.loops.size(), "loop"),
                      plural(model.services.size(), "service"));
  return line_of(fit(text, columns), Style::heading);
}

// ---- services ---------------------------------------------------------------------------------

Line service_line(const ServiceRow& row, std::size_t columns) {
  const bool is_narrow = columns < kNarrow;
  const std::size_t bar_columns = is_narrow ? kNarrowBarColumns : kBarColumns;
  const double utilization = row.utilization();
  Line line;
  line.spans.push_back({fit_right(percent_text(utilization), 6) + "  ",
                        utilization >= kBusyLoop ? Style::bad : Style::plain,
                        {}});
  Line bar = cause_bar(row.busy_ns, row.life_ns, bar_columns);
  std::move(bar.spans.begin(), bar.spans.end(), std::back_inserter(line.spans));
  const std::string counts =
      is_narrow ? "  "
                : fmt::format("  {}  {}  ", fit_right(std::to_string(row.turns), 7),
                              fit_right(std::to_string(row.stalls), 6));
  line.spans.push_back({counts, row.stalls > 0 ? Style::bad : Style::plain, {}});
  const std::string name = fmt::format("{} ({}), {}", name_of(row.labels), row.labels.runtime,
                                       plural(row.loops, "loop"));
  line.spans.push_back({fit(name, columns - 8 - bar_columns - counts.size()), Style::plain, {}});
  return line;
}

Line service_heading(std::size_t columns) {
  return line_of(fit(columns < kNarrow ? "  BUSY  CAUSES      SERVICE"
                                       : "  BUSY  CAUSES                  TURNS  STALLS  SERVICE",
                     columns),
                 Style::dim);
}

// ---- loops ------------------------------------------------------------------------------------

std::string holder_text(const LoopNow& loop) {
  if (loop.blamed.function.empty()) return {};
  if (!loop.blamed.culprit) return loop.blamed.function;
  return fmt::format("{} {}", loop.blamed.function, place_text(loop.blamed.file, loop.blamed.line));
}

constexpr std::size_t kThreadColumns = 17;
constexpr std::size_t kNowColumns = 30;

Line loop_line(const LoopNow& loop, const TopState& state, std::size_t columns) {
  const bool is_long = loop.now.age_ns >= kLongTurnNs;
  const std::size_t rest = columns - kThreadColumns - 2;
  const std::size_t now_columns = columns < kNarrow ? rest : kNowColumns;
  Line line;
  line.is_selected = id_of(loop) == state.selected;
  line.spans = {{fit_right(id_of(loop), kThreadColumns) + "  ", Style::plain, {}},
                {fit(state_text(loop), now_columns), is_long ? Style::bad : Style::plain, {}}};
  if (columns >= kNarrow) {
    const std::string held = is_long ? holder_text(loop) : name_of(loop.labels);
    line.spans.push_back({"  " + fit(held, rest - now_columns - 2), Style::plain, {}});
  }
  return line;
}

Line loop_heading(std::size_t columns) {
  return line_of(
      fit("       PID/THREAD  NOW                             HELD BY, OR SERVICE", columns),
      Style::dim);
}

// ---- functions --------------------------------------------------------------------------------

// OCC., P99, HARM and CAUSE, with the blanks after them; on a narrow screen OCC. and CAUSE.
constexpr std::size_t kNumbersColumns = 6 + 2 + 7 + 2 + 6 + 2 + 9 + 2;
constexpr std::size_t kNarrowNumbersColumns = 6 + 2 + 9 + 2;

struct FunctionColumns {
  bool has_all;
  std::size_t name;
  std::size_t place;  // 0: none
};

FunctionColumns function_columns(std::size_t columns) {
  if (columns < kNarrow) return {false, columns - kNarrowNumbersColumns, 0};
  const std::size_t rest = columns - kNumbersColumns - 2;
  return {true, rest * 3 / 5, rest - rest * 3 / 5};
}

/// read_page < list_orders: the function, and the entry that it is in.
std::string function_text(const FunctionRow& row, bool shows_leaf) {
  const std::string& name = shows_leaf && !row.leaf.empty() ? row.leaf : row.function;
  if (row.entry.empty() || row.entry == row.function) return name;
  return fmt::format("{} < {}", name, row.entry);
}

Line function_line(const FunctionRow& row, const TopState& state, std::size_t columns) {
  const FunctionColumns widths = function_columns(columns);
  Line line;
  line.is_selected = id_of(row) == state.selected;
  line.spans.push_back({fit_right(percent_text(row.occupancy), 6) + "  ", Style::heading, {}});
  if (widths.has_all) {
    const std::string p99 =
        row.holds == 0 ? "-" : duration_text(static_cast<uint64_t>(row.p99_seconds * 1e9));
    const std::string harm = fmt::format("{:.2f}", std::min(row.harm, 999.0));
    line.spans.push_back({fit_right(p99, 7) + "  " + fit_right(harm, 6) + "  ", Style::plain, {}});
  }
  line.spans.push_back({fit(stalls::cause_name(row.cause), 9) + "  ", Style::plain, row.cause});
  line.spans.push_back({fit(function_text(row, state.shows_leaf), widths.name), Style::plain, {}});
  if (widths.has_all) {
    line.spans.push_back(
        {"  " + fit_tail(place_text(row.file, row.line), widths.place), Style::dim, {}});
  }
  return line;
}

Line function_heading(const TopState& state, std::size_t columns) {
  const FunctionColumns widths = function_columns(columns);
  const std::string name = state.shows_leaf ? "LEAF < ENTRY" : "FUNCTION < ENTRY";
  const std::string text =
      widths.has_all
          ? fmt::format("  OCC.      P99    HARM  CAUSE      {}  FILE", fit(name, widths.name))
          : fmt::format("  OCC.  CAUSE      {}", name);
  return line_of(fit(text, columns), Style::dim);
}

// ---- the whole --------------------------------------------------------------------------------

Line keys_line(const TopState& state, std::size_t columns) {
  std::string_view keys = "q quit  s order  l leaf  / filter  p pause  arrows, enter: open";
  if (state.takes_filter) keys = "enter: keep the filter  esc: drop it";
  if (state.is_open) keys = "esc back  arrows scroll  p pause  q quit";
  return line_of(fit(keys, columns), Style::dim);
}

/// Rows of which the first so many are shown; the selected one always is.
template <typename Row>
std::size_t first_shown(const std::vector<const Row*>& rows, const TopState& state,
                        std::size_t room) {
  for (std::size_t i = 0; i < rows.size(); ++i) {
    if (id_of(*rows[i]) == state.selected) return i < room ? 0 : i + 1 - room;
  }
  return 0;
}

template <typename Row, typename Render>
void add_rows(std::vector<Line>& lines, const std::vector<const Row*>& rows, const TopState& state,
              std::size_t room, Render render) {
  const std::size_t first = first_shown(rows, state, room);
  for (std::size_t i = first; i < rows.size() && i < first + room; ++i) {
    lines.push_back(render(*rows[i]));
  }
}

void add_hint(std::vector<Line>& lines, const TopModel& model) {
  if (model.snapshot != nullptr && !model.snapshot->health.ready) {
    lines.push_back(line_of("looking for event loops..."));
  } else if (model.loops.empty()) {
    lines.push_back(line_of("no event loop yet; `loopstall doctor` says what each process is"));
  }
}

void add_table(std::vector<Line>& lines, const TopModel& model, const TopState& state,
               ScreenSize size) {
  const TopRows rows = rows_of(model, state);
  const std::size_t columns = size.columns;
  const std::size_t share = std::max<std::size_t>(1, size.lines / 5);
  const std::size_t services = std::min(rows.services.size(), share);
  lines.push_back(service_heading(columns));
  for (std::size_t i = 0; i < services; ++i) {
    lines.push_back(service_line(*rows.services[i], columns));
  }
  add_hint(lines, model);
  lines.push_back(loop_heading(columns));
  add_rows(lines, rows.loops, state, std::min(rows.loops.size(), share),
           [&](const LoopNow& loop) { return loop_line(loop, state, columns); });
  lines.push_back(function_heading(state, columns));
  const std::size_t room = size.lines - std::min(size.lines, lines.size() + 1);
  add_rows(lines, rows.functions, state, room,
           [&](const FunctionRow& row) { return function_line(row, state, columns); });
}

/// A line that is longer than the screen is broken, so that nothing of a stack is lost.
void add_broken(std::vector<Line>& lines, const Line& line, std::size_t columns) {
  std::string rest = line.spans.front().text;
  const Style style = line.spans.front().style;
  while (width_of(rest) > columns) {
    std::size_t bytes = rest.size();
    while (width_of(rest.substr(0, bytes)) > columns) {
      do --bytes;
      while ((static_cast<unsigned char>(rest[bytes]) & 0xc0) == 0x80);
    }
    lines.push_back(line_of(rest.substr(0, bytes), style));
    rest.erase(0, bytes);
  }
  lines.push_back(line_of(std::move(rest), style));
}

void add_detail(std::vector<Line>& lines, const TopModel& model, const TopState& state,
                ScreenSize size) {
  std::vector<Line> broken;
  for (const Line& line : detail_lines(model, state)) add_broken(broken, line, size.columns);
  const std::size_t room = size.lines - 2;
  const std::size_t last = broken.size() - std::min(broken.size(), room);
  const std::size_t first = std::min(state.scrolled, last);
  for (std::size_t i = first; i < broken.size() && i < first + room; ++i) {
    lines.push_back(broken[i]);
  }
}

}  // namespace

std::vector<Line> top_lines(const TopModel& model, const TopState& state, ScreenSize size) {
  size.columns = std::max(size.columns, kMinColumns);
  size.lines = std::max(size.lines, kMinLines);
  std::vector<Line> lines = {title(model, state, size.columns)};
  if (state.is_open) {
    add_detail(lines, model, state, size);
  } else {
    add_table(lines, model, state, size);
  }
  lines.resize(std::min(lines.size(), size.lines - 1));
  lines.push_back(keys_line(state, size.columns));
  return lines;
}

std::vector<Line> paper_lines(const TopModel& model, const TopState& state, std::size_t columns) {
  std::vector<Line> lines = {title(model, state, columns)};
  add_table(lines, model, state, {columns, kEndless});
  return lines;
}

}  // namespace loopstall::terminal
