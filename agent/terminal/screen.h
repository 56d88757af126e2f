// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <vector>

#include "base/result.h"
#include "terminal/line.h"
#include "terminal/top_state.h"
#include "terminal/top_view.h"

namespace loopstall::terminal {

/// The terminal that standard output is, taken over as a whole, with another page than that of the
/// shell. At its end the terminal is as it was. One at a time; used by one thread.
class Screen {
 public:
  /// `colours`: where the terminal has any. Fails with ErrorKind::usage for a terminal that nothing
  /// is known of (TERM).
  static base::Result<std::unique_ptr<Screen>> open(bool colours);
  ~Screen();
  Screen(const Screen&) = delete;
  Screen& operator=(const Screen&) = delete;

  ScreenSize size() const;
  void show(const std::vector<Line>& lines);
  /// The next key; Key::none after so many milliseconds without one. Ctrl-C is `q`.
  KeyPress next_key(int timeout_ms);

 private:
  explicit Screen(bool colours);
  bool colours_;
};

}  // namespace loopstall::terminal
