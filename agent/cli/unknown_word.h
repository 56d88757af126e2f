// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

namespace CLI {
class App;
}

namespace loopstall::cli {

/// One sentence about a word that `command` does not know, with the nearest that it does.
std::string unknown_word_message(const CLI::App& command, const std::string& word);

}  // namespace loopstall::cli
