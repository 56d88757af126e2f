// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include "base/utf8.h"
#include "check/formats.h"

namespace loopstall::check {
namespace {

std::string place_of(const Finding& finding, const Locate& locate) {
  const std::string file = base::valid_utf8(locate(finding));
  if (file.empty()) return base::valid_utf8(finding.labels.process);
  return finding.line > 0 ? fmt::format("{}:{}", file, finding.line) : file;
}

std::string mark_of(const Finding& finding) {
  if (finding.standing == Standing::fails) return "FAIL";
  return std::string(standing_name(finding.standing));
}

std::string paragraph(const Finding& finding, const Locate& locate) {
  std::string text = fmt::format("{}: {}: {}\n", mark_of(finding), place_of(finding, locate),
                                 base::valid_utf8(sentence_of(finding)));
  if (!finding.entry.empty() && finding.entry != finding.function) {
    text += fmt::format("    in {}\n", base::valid_utf8(finding.entry));
  }
  if (!finding.excuse.empty()) text += fmt::format("    {}\n", base::valid_utf8(finding.excuse));
  const bool needs_advice = finding.standing == Standing::fails && !finding.advice.empty();
  if (needs_advice) text += fmt::format("    {}\n", base::valid_utf8(finding.advice));
  return text;
}

}  // namespace

std::string to_text(const Judgement& judgement, const Criteria&, const Locate& locate) {
  std::string text;
  for (const Finding& finding : judgement.findings) text += paragraph(finding, locate);
  return text +
         fmt::format(
             "{}: {} turns in {:.0f} s, the event loops {:.1f} % busy, {} functions seen in them\n",
             verdict_of(judgement), judgement.turns, static_cast<double>(judgement.window_ns) / 1e9,
             100 * judgement.utilization, judgement.functions.size());
}

}  // namespace loopstall::check
