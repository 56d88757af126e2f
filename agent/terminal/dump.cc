// SPDX-License-Identifier: Apache-2.0
#include "terminal/dump.h"

#include <fmt/format.h>

#include <string_view>

#include "exposition/json_values.h"
#include "exposition/loop_json.h"
#include "terminal/cells.h"
#include "terminal/quantities.h"
#include "terminal/stack_lines.h"

namespace loopstall::terminal {
namespace {

std::string where_text(const loops::LoopLabels& labels) {
  if (labels.pod.empty()) return {};
  return printable(fmt::format(", pod {}/{}", labels.namespace_, labels.pod));
}

std::string blame_text(const LoopNow& loop) {
  if (loop.blamed.function.empty()) return {};
  std::string text = "held by " + printable(loop.blamed.function);
  if (loop.blamed.culprit)
    text += fmt::format(" ({})", place_text(loop.blamed.file, loop.blamed.line));
  if (!loop.blamed.entry.empty() && loop.blamed.entry != loop.blamed.function) {
    text += ", entry " + printable(loop.blamed.entry);
  }
  return text + "\n";
}

std::string paragraph(const LoopNow& loop) {
  std::string text = fmt::format("{} ({}), pid {}, thread {}{}\n{}, utilisation {}{}\n",
                                 printable(loop.labels.process), printable(loop.labels.runtime),
                                 loop.loop.pid, loop.loop.tid, where_text(loop.labels),
                                 state_text(loop), percent_text(loop.loop.utilization_60s),
                                 loop.loop.phase == "startup" ? ", still starting" : "");
  if (!loop.now.is_busy()) return text;
  text += blame_text(loop);
  if (loop.loop.stack.frames.empty()) {
    text += "  (its stack was not seen yet in this turn)\n";
  }
  for (const std::string& line : where_lines(loop)) text += line + "\n";
  if (!loop.advice.empty()) text += "advice: " + printable(loop.advice) + "\n";
  return text;
}

}  // namespace

std::string dump_text(const std::vector<LoopNow>& loops) {
  std::string text;
  for (const LoopNow& loop : loops) {
    if (!text.empty()) text += "\n";
    text += paragraph(loop);
  }
  return text;
}

std::string dump_json(const std::vector<LoopNow>& loops, uint64_t wall_ns) {
  using exposition::Json;
  Json json = {{"version", exposition::kApiVersion},
               {"wall_time", exposition::rfc3339(wall_ns)},
               {"loops", Json::array()}};
  for (const LoopNow& loop : loops) {
    Json shown = exposition::loop_json(loop.loop, loop.now);
    shown["labels"] = exposition::labels_json(loop.labels);
    shown["function"] = loop.blamed.function;
    shown["file"] = loop.blamed.file;
    shown["line"] = loop.blamed.line;
    shown["entry"] = loop.blamed.entry;
    shown["leaf"] = loop.blamed.leaf;
    shown["advice"] = loop.advice;
    json["loops"].push_back(std::move(shown));
  }
  return exposition::dump(json) + "\n";
}

}  // namespace loopstall::terminal
