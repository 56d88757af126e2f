// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstdint>
#include <string_view>

namespace loopstall::stalls {

/// How much is measured; each level leaves out what the one before it still does. The BPF side's
/// enum ls_detail.
enum class Detail : uint8_t {
  full,
  fewer_stacks,  ///< one of eight
  no_stacks,     ///< causes are known, functions are not
  turns,         ///< of a turn only its length is known
};
inline constexpr std::array<std::string_view, 4> kDetailNames = {"full", "fewer_stacks",
                                                                 "no_stacks", "turns"};

constexpr std::string_view detail_name(Detail detail) {
  return kDetailNames[static_cast<std::size_t>(detail)];
}

/// What the agent costs and may cost, in cores, and what it measures for that.
struct BudgetState {
  double used = 0;     ///< its own CPU time and that of its BPF programs, of the last seconds
  double allowed = 0;  ///< for the node and for each core that loops are observed on
  Detail detail = Detail::full;
};

}  // namespace loopstall::stalls
