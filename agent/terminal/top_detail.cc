// SPDX-License-Identifier: Apache-2.0
#include "terminal/top_detail.h"

#include <fmt/format.h>

#include <algorithm>

#include "terminal/cells.h"
#include "terminal/quantities.h"
#include "terminal/stack_lines.h"

namespace loopstall::terminal {
namespace {

Line line_of(std::string text, Style style = Style::plain) {
  return {{{std::move(text), style, {}}}};
}

Line stack_line(std::string text) {
  const bool is_marked = text.starts_with("  >");
  return line_of(std::move(text), is_marked ? Style::heading : Style::plain);
}

std::vector<Line> loop_lines(const LoopNow& loop) {
  std::vector<Line> lines = {
      line_of(fmt::format("{} ({}), pid {}, thread {}", printable(loop.labels.process),
                          printable(loop.labels.runtime), loop.loop.pid, loop.loop.tid),
              Style::heading),
      line_of(fmt::format("{}, utilisation {}", state_text(loop),
                          percent_text(loop.loop.utilization_60s)))};
  if (!loop.now.is_busy()) return lines;
  if (loop.loop.stack.frames.empty())
    lines.push_back(line_of("its stack was not seen yet in this turn"));
  for (std::string& line : where_lines(loop)) lines.push_back(stack_line(std::move(line)));
  if (!loop.advice.empty()) lines.push_back(line_of("advice: " + printable(loop.advice)));
  return lines;
}

/// The newest stall in which the function had a part by that cause, and which part.
struct Seen {
  const stalls::StallRecord* stall = nullptr;
  const stalls::StallHold* hold = nullptr;
};

Seen newest_stall(const stalls::Snapshot& snapshot, const FunctionRow& row) {
  for (const auto& stall : snapshot.stalls) {
    if (stall->labels != row.labels) continue;
    for (const stalls::StallHold& hold : stall->holds) {
      if (hold.function == row.function && hold.file == row.file && hold.cause == row.cause) {
        return {stall.get(), &hold};
      }
    }
  }
  return {};
}

void add_gain(std::vector<Line>& lines, const stalls::Snapshot& snapshot, const FunctionRow& row) {
  const stalls::Gain& all = stalls::service_of(snapshot, row.labels).gain;
  for (const stalls::FunctionGain& gain : all.functions) {
    if (gain.function != row.function || gain.file != row.file) continue;
    lines.push_back(
        line_of(fmt::format("gain: without it the loops would be busy for {} of their time, not {}",
                            percent_text(gain.utilization), percent_text(all.utilization))));
  }
}

void add_stall(std::vector<Line>& lines, const Seen& seen) {
  lines.push_back(line_of(""));
  if (seen.stall == nullptr) {
    lines.push_back(line_of("no stall of it is on record: none of its turns lasted long enough"));
    return;
  }
  lines.push_back(line_of(
      fmt::format("its newest stall, {}: {} of {}, in {}{}", seen.stall->id,
                  duration_text(seen.hold->hold_ns), duration_text(seen.stall->duration_ns),
                  stalls::cause_name(seen.hold->cause),
                  seen.hold->syscall.empty() ? "" : fmt::format(" ({})", seen.hold->syscall)),
      Style::heading));
  const auto& frames = seen.hold->stack.frames;
  const auto blamed = std::find_if(frames.begin(), frames.end(), [&](const stacks::Frame& frame) {
    return frame.function == seen.hold->function && frame.file == seen.hold->file;
  });
  const auto marked =
      blamed == frames.end() ? std::nullopt : std::optional<std::size_t>(blamed - frames.begin());
  for (const std::string& line : stack_lines(seen.hold->stack, marked)) {
    lines.push_back(stack_line("  " + line));
  }
}

std::vector<Line> function_lines(const stalls::Snapshot& snapshot, const FunctionRow& row) {
  std::vector<Line> lines = {
      line_of(fmt::format("{}  {}", printable(row.function), place_text(row.file, row.line)),
              Style::heading),
      line_of(fmt::format("in {} ({}){}", printable(row.labels.process),
                          printable(row.labels.runtime),
                          row.entry.empty() ? "" : ", entry " + printable(row.entry))),
      line_of(fmt::format("{} of the loops' time by {}, {} holds, p99 {}, harm {:.2f} s per second",
                          percent_text(row.occupancy), stalls::cause_name(row.cause), row.holds,
                          duration_text(static_cast<uint64_t>(row.p99_seconds * 1e9)), row.harm))};
  if (!row.advice.empty()) lines.push_back(line_of("advice: " + printable(row.advice)));
  add_gain(lines, snapshot, row);
  add_stall(lines, newest_stall(snapshot, row));
  return lines;
}

}  // namespace

std::vector<Line> detail_lines(const TopModel& model, const TopState& state) {
  for (const LoopNow& loop : model.loops) {
    if (id_of(loop) == state.selected) return loop_lines(loop);
  }
  for (const FunctionRow& row : model.functions) {
    if (id_of(row) == state.selected) return function_lines(*model.snapshot, row);
  }
  return {line_of("this row is gone: nothing of it was seen in the last seconds")};
}

}  // namespace loopstall::terminal
