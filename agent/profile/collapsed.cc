// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <iterator>
#include <string>

#include "base/utf8.h"
#include "profile/formats.h"
#include "profile/words.h"

namespace loopstall::profile {
namespace {

/// A frame must not end its line, nor itself.
std::string frame_text(std::string_view text) {
  std::string frame = base::valid_utf8(text);
  for (char& character : frame) {
    if (character == ';') character = ',';
  }
  return frame;
}

}  // namespace

std::string to_collapsed(const Profile& profile) {
  std::string text;
  for (const Sample& sample : profile.samples) {
    if (sample.ns < 1000) continue;
    text += frame_text(name_of(profile.services[sample.service].labels));
    for (const std::size_t place : sample.places) {
      text += ';' + frame_text(text_of(profile.places[place]));
    }
    fmt::format_to(std::back_inserter(text), ";{} {}\n", bracketed(sample.cause), sample.ns / 1000);
  }
  return text;
}

}  // namespace loopstall::profile
