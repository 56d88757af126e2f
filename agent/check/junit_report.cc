// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <set>
#include <string_view>
#include <tuple>

#include "base/utf8.h"
#include "check/formats.h"

namespace loopstall::check {
namespace {

/// Text for an attribute or an element. Characters that XML 1.0 has no place for are '?'.
std::string escaped(std::string_view text) {
  std::string xml;
  const std::string valid = base::valid_utf8(text);
  for (std::size_t i = 0; i < valid.size(); ++i) {
    const bool is_no_character = valid.compare(i, 2, "\xef\xbf") == 0 && i + 2 < valid.size() &&
                                 static_cast<unsigned char>(valid[i + 2]) >= 0xbe;
    if (is_no_character) {
      xml += '?';
      i += 2;
      continue;
    }
    switch (valid[i]) {
      case '&':
        xml += "&amp;";
        break;
      case '<':
        xml += "&lt;";
        break;
      case '>':
        xml += "&gt;";
        break;
      case '"':
        xml += "&quot;";
        break;
      default:
        xml += valid[i];
    }
  }
  return xml;
}

std::string case_of(const std::string& file, const std::string& function,
                    const std::string& inside) {
  return fmt::format("    <testcase classname=\"{}\" name=\"{}\">{}</testcase>\n",
                     escaped(file.empty() ? "event loop" : file), escaped(function), inside);
}

std::string outcome_of(const Finding& finding, const Locate& locate) {
  const std::string message = escaped(sentence_of(finding));
  if (finding.standing != Standing::fails) {
    return fmt::format("<skipped message=\"{}: {} {}\"/>", standing_name(finding.standing), message,
                       escaped(finding.excuse));
  }
  return fmt::format("<failure type=\"{}\" message=\"{}\">{}:{} {} {}</failure>",
                     rule_name(finding.rule), message, escaped(locate(finding)), finding.line,
                     escaped(finding.excuse), escaped(finding.advice));
}

std::string idle_case(const Judgement& judgement) {
  if (verdict_of(judgement) != "unjudged") return case_of("", "has been tried", "");
  return case_of("", "has been tried", "<error message=\"too idle to judge\"/>");
}

}  // namespace

std::string to_junit(const Judgement& judgement, const Criteria&, const Locate& locate) {
  std::string cases = idle_case(judgement);
  std::size_t tests = 1;
  std::size_t failures = 0;
  std::set<std::tuple<std::string, std::string>> found;
  for (const Finding& finding : judgement.findings) {
    const std::string name = fmt::format("{} ({})", finding.function, rule_name(finding.rule));
    cases += case_of(finding.file, name, outcome_of(finding, locate));
    found.emplace(finding.function, finding.file);
    ++tests;
    if (finding.standing == Standing::fails) ++failures;
  }
  for (const JudgedFunction& judged : judgement.functions) {
    if (found.contains({judged.function, judged.file})) continue;
    cases += case_of(judged.file, judged.function, "");
    ++tests;
  }
  return fmt::format(
      "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites>\n"
      "  <testsuite name=\"loopstall check\" tests=\"{}\" failures=\"{}\" errors=\"{}\" "
      "time=\"{:.1f}\">\n"
      "{}  </testsuite>\n</testsuites>\n",
      tests, failures, verdict_of(judgement) == "unjudged" ? 1 : 0,
      static_cast<double>(judgement.window_ns) / 1e9, cases);
}

}  // namespace loopstall::check
