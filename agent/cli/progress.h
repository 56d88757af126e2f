// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>

namespace loopstall::cli {

/// A line on standard error that says how far something is, drawn over itself a few times a second.
/// Silent where that is no terminal.
class Progress {
 public:
  explicit Progress(uint64_t whole_ns);
  ~Progress() { end(); }
  Progress(const Progress&) = delete;
  Progress& operator=(const Progress&) = delete;

  /// `words` follow the bar.
  void show(uint64_t done_ns, const std::string& words);
  /// Takes the line away. Idempotent.
  void end();

 private:
  const uint64_t whole_ns_;
  const bool is_terminal_;
  uint64_t drawn_ns_ = 0;
  bool is_drawn_ = false;
};

/// "[#####-----]  30.0 s of 60.0 s  words", at most `columns` wide.
std::string progress_line(uint64_t done_ns, uint64_t whole_ns, const std::string& words,
                          std::size_t columns);

}  // namespace loopstall::cli
