// SPDX-License-Identifier: Apache-2.0
#include "cli/top_command.h"

#include <fmt/format.h>
#include <unistd.h>

#include <cstdlib>
#include <memory>

#include "base/clock.h"
#include "cli/measuring.h"
#include "terminal/screen.h"
#include "terminal/top_view.h"

namespace loopstall::cli {
namespace {

constexpr int kKeyPatienceMs = 100;
constexpr uint64_t kRedrawNs = 1'000'000'000;
constexpr std::size_t kPaperColumns = 120;

/// https://no-color.org
bool wants_colours(const TopRequest& request) {
  const char* no_color = std::getenv("NO_COLOR");  // NOLINT(concurrency-mt-unsafe): nobody sets it
  return !request.no_color && (no_color == nullptr || *no_color == '\0');
}

terminal::TopModel model_of(const terminal::TopWindow& window, const session::Session& session,
                            const base::Clock& clock) {
  return window.model({clock.monotonic_ns(), &session});
}

base::Result<void> show(const session::Session& session, const TopRequest& request,
                        const base::Clock& clock, StopSignals& signals) {
  auto screen = terminal::Screen::open(wants_colours(request));
  if (!screen) return tl::unexpected(screen.error());
  terminal::TopWindow window;
  terminal::TopState state;
  state.order = request.order;
  terminal::TopModel model;
  uint64_t looked_ns = 0;
  bool is_new = true;
  while (!state.is_over && !signals.has_arrived()) {
    const uint64_t now_ns = clock.monotonic_ns();
    window.keep(session.snapshot());
    if (!state.is_paused && now_ns - looked_ns >= kRedrawNs) {
      model = model_of(window, session, clock);
      looked_ns = now_ns;
      is_new = true;
    }
    if (is_new) (*screen)->show(terminal::top_lines(model, state, (*screen)->size()));
    const terminal::KeyPress press = (*screen)->next_key(kKeyPatienceMs);
    is_new = press.key != terminal::Key::none;
    state = terminal::after(std::move(state), press, model);
  }
  return {};
}

base::Result<void> print_once(const session::Session& session, const TopRequest& request,
                              const base::Clock& clock, StopSignals& signals) {
  terminal::TopWindow window;
  const auto keep = [&] {
    window.keep(session.snapshot());
    return false;
  };
  const bool goes_on = wait_until_ready(signals, clock, session) &&
                       wait_until(signals, clock, request.duration_ns, keep);
  if (!goes_on) return {};
  terminal::TopState state;
  state.order = request.order;
  fmt::print("{}", terminal::plain_text(terminal::paper_lines(model_of(window, session, clock),
                                                              state, kPaperColumns)));
  return {};
}

}  // namespace

base::Result<void> run_top(const TopRequest& request) {
  const base::Clock& clock = base::system_clock();
  StopSignals signals;
  const auto session = start_measuring(request.config, clock);
  if (!session) return tl::unexpected(session.error());
  const bool is_interactive = ::isatty(STDOUT_FILENO) == 1 && ::isatty(STDIN_FILENO) == 1;
  return is_interactive ? show(**session, request, clock, signals)
                        : print_once(**session, request, clock, signals);
}

}  // namespace loopstall::cli
