// SPDX-License-Identifier: Apache-2.0
#include "profile/formats.h"

#include <array>
#include <utility>

namespace loopstall::profile {
namespace {

using Named = std::pair<std::string_view, Format>;

constexpr std::array<Named, 5> kNames = {{{"html", Format::html},
                                          {"speedscope", Format::speedscope},
                                          {"pprof", Format::pprof},
                                          {"collapsed", Format::collapsed},
                                          {"lsr", Format::lsr}}};

constexpr std::array<Named, 10> kEndings = {{{".html", Format::html},
                                             {".htm", Format::html},
                                             {".json", Format::speedscope},
                                             {".speedscope", Format::speedscope},
                                             {".pprof", Format::pprof},
                                             {".pb.gz", Format::pprof},
                                             {".collapsed", Format::collapsed},
                                             {".folded", Format::collapsed},
                                             {".txt", Format::collapsed},
                                             {".lsr", Format::lsr}}};

}  // namespace

std::optional<Format> format_of(std::string_view name) {
  for (const auto& [known, format] : kNames) {
    if (known == name) return format;
  }
  return std::nullopt;
}

std::optional<Format> format_of_path(std::string_view path) {
  for (const auto& [ending, format] : kEndings) {
    if (path.size() > ending.size() && path.ends_with(ending)) return format;
  }
  return std::nullopt;
}

std::string written(const Profile& profile, Format format) {
  switch (format) {
    case Format::html:
      return to_html(profile);
    case Format::speedscope:
      return to_speedscope(profile);
    case Format::pprof:
      return to_pprof(profile);
    case Format::collapsed:
      return to_collapsed(profile);
    case Format::lsr:
      break;
  }
  return {};
}

}  // namespace loopstall::profile
