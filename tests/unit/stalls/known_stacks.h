// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <string>
#include <utility>

#include "stalls/turn.h"

namespace loopstall::stalls::testing {

/// A stack whose blame is settled: what attribution would say of it is another folder's test.
inline KnownStackPtr stack_of(std::string function, std::string file = "app/main.py",
                              std::string entry = "endpoint", std::string leaf = "leaf") {
  KnownStack known;
  known.attribution.function = std::move(function);
  known.attribution.path = "/srv/" + file;
  known.attribution.file = std::move(file);
  known.attribution.line = 7;
  known.attribution.entry = std::move(entry);
  known.attribution.leaf = std::move(leaf);
  return std::make_shared<const KnownStack>(std::move(known));
}

inline uint64_t sum(const ByCause& by_cause) {
  uint64_t total = 0;
  for (const uint64_t ns : by_cause) total += ns;
  return total;
}

}  // namespace loopstall::stalls::testing
