// SPDX-License-Identifier: Apache-2.0
#include "cli/unknown_word.h"

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <vector>

#include "base/log.h"
#include "base/nearest.h"

namespace loopstall::cli {
namespace {

std::vector<std::string> flags_of(const CLI::App& command) {
  std::vector<std::string> flags;
  for (const CLI::Option* option : command.get_options()) {
    for (const std::string& name : option->get_lnames()) flags.push_back("--" + name);
  }
  return flags;
}

std::vector<std::string> commands_of(const CLI::App& command) {
  std::vector<std::string> names;
  for (const CLI::App* sub : command.get_subcommands([](const CLI::App*) { return true; })) {
    names.push_back(sub->get_name());
  }
  return names;
}

/// loopstall, or `loopstall agent`.
std::string called(const CLI::App& command) {
  const CLI::App* parent = command.get_parent();
  return parent == nullptr ? command.get_name() : called(*parent) + " " + command.get_name();
}

std::string suggestion(const std::string& found, const std::string& help) {
  return found.empty() ? fmt::format("{} --help lists them", help)
                       : fmt::format("did you mean {}?", found);
}

}  // namespace

std::string unknown_word_message(const CLI::App& command, const std::string& word) {
  const std::string name = word.substr(0, word.find('='));
  const std::string shown = base::quoted(name);
  if (word.starts_with('-')) {
    return fmt::format("{} has no option {}; {}", called(command), shown,
                       suggestion(base::nearest(name, flags_of(command)), called(command)));
  }
  if (command.get_parent() == nullptr) {
    return fmt::format("there is no command {}; {}", shown,
                       suggestion(base::nearest(name, commands_of(command)), called(command)));
  }
  return fmt::format("{} takes no argument {}; {} --help lists its options", called(command), shown,
                     called(command));
}

}  // namespace loopstall::cli
