// SPDX-License-Identifier: Apache-2.0
#include "session/recording_codec.h"

namespace loopstall::session::recording {

std::string_view interned(const std::string& name) {
  constexpr std::size_t kMaxNames = 10'000;
  constexpr std::size_t kMaxBytes = 100;
  static std::set<std::string> names;
  if (name.size() > kMaxBytes || names.size() >= kMaxNames) {
    throw std::runtime_error("it has names that this version does not have");
  }
  return *names.insert(name).first;
}

}  // namespace loopstall::session::recording
