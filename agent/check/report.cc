// SPDX-License-Identifier: Apache-2.0
#include "check/report.h"

#include <array>
#include <utility>

#include "check/formats.h"

namespace loopstall::check {
namespace {

using Render = std::string (*)(const Judgement&, const Criteria&, const Locate&);

constexpr std::array<std::pair<std::string_view, Render>, 4> kFormats = {
    {{"text", to_text}, {"json", to_json}, {"junit", to_junit}, {"sarif", to_sarif}}};

}  // namespace

std::string verdict_of(const Judgement& judgement) {
  if (judgement.fails()) return "fail";
  return judgement.is_idle() ? "unjudged" : "pass";
}

std::optional<Format> format_of(std::string_view name) {
  for (std::size_t i = 0; i < kFormats.size(); ++i) {
    if (kFormats.at(i).first == name) return static_cast<Format>(i);
  }
  return std::nullopt;
}

std::string report_of(const Judgement& judgement, const Criteria& criteria, Format format,
                      const Locate& locate) {
  return kFormats.at(static_cast<std::size_t>(format)).second(judgement, criteria, locate);
}

}  // namespace loopstall::check
