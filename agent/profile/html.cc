// SPDX-License-Identifier: Apache-2.0
#include <string>
#include <string_view>

#include "exposition/json_values.h"
#include "profile/formats.h"
#include "profile/words.h"

namespace loopstall::profile {

// Defined by the build, from the files of web/ (cmake/embed_files.cmake).
extern const std::string_view kProfileHtml;
extern const std::string_view kProfileScript;
extern const std::string_view kProfileStyle;

namespace {

using exposition::Json;

Json causes_json(const stalls::ByCause& ns) {
  Json causes = Json::object();
  for (std::size_t i = 0; i < stalls::kCauseCount; ++i) {
    if (ns[i] == 0) continue;
    causes[std::string(stalls::cause_name(static_cast<stalls::Cause>(i)))] =
        exposition::seconds(ns[i]);
  }
  return causes;
}

Json services_json(const Profile& profile) {
  Json services = Json::array();
  for (const ServiceTime& service : profile.services) {
    services.push_back({{"name", name_of(service.labels)},
                        {"runtime", service.labels.runtime},
                        {"causes", causes_json(service.busy_ns)},
                        {"idle", exposition::seconds(service.idle_ns)}});
  }
  return services;
}

Json places_json(const Profile& profile) {
  Json places = Json::array();
  for (const Place& place : profile.places) {
    places.push_back({{"name", place.function},
                      {"file", place.file},
                      {"line", place.line},
                      {"origin", stacks::origin_name(place.origin)}});
  }
  return places;
}

Json samples_json(const Profile& profile) {
  Json samples = Json::array();
  for (const Sample& sample : profile.samples) {
    samples.push_back({{"service", sample.service},
                       {"places", sample.places},
                       {"blamed", sample.blamed},
                       {"cause", stalls::cause_name(sample.cause)},
                       {"seconds", exposition::seconds(sample.ns)}});
  }
  return samples;
}

/// JSON that no parser of HTML takes for anything else: names are the observed programs' own.
std::string inert(const std::string& json) {
  std::string text;
  text.reserve(json.size());
  for (const char character : json) {
    switch (character) {
      case '<':
        text += "\\u003c";
        break;
      case '>':
        text += "\\u003e";
        break;
      case '&':
        text += "\\u0026";
        break;
      default:
        text += character;
    }
  }
  return text;
}

/// The first `mark` is replaced; what replaces it is not looked at again.
void put(std::string& page, std::string_view mark, std::string_view text) {
  if (const std::size_t at = page.find(mark); at != std::string::npos) {
    page.replace(at, mark.size(), text);
  }
}

}  // namespace

std::string to_html(const Profile& profile) {
  const Json data = {{"title", profile.title},
                     {"start", exposition::rfc3339(profile.start_wall_ns)},
                     {"seconds", exposition::seconds(profile.duration_ns)},
                     {"services", services_json(profile)},
                     {"places", places_json(profile)},
                     {"samples", samples_json(profile)}};
  std::string page(kProfileHtml);
  put(page, "/*style*/", kProfileStyle);
  put(page, "/*script*/", kProfileScript);
  put(page, "/*data*/", inert(exposition::dump(data)));
  return page;
}

}  // namespace loopstall::profile
