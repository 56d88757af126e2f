// SPDX-License-Identifier: Apache-2.0
#include "terminal/screen.h"

#define NCURSES_NOMACROS  // functions instead: `move` and `timeout` are names of others too
#include <curses.h>
#include <langinfo.h>

#include <algorithm>
#include <array>
#include <clocale>
#include <cstdio>
#include <string_view>

namespace loopstall::terminal {
namespace {

constexpr char kCtrlC = 3;
constexpr short kBadPair = 31;

// In the order of stalls::Cause.
constexpr std::array<short, stalls::kCauseCount> kCauseColours = {
    COLOR_GREEN,   COLOR_WHITE, COLOR_WHITE, COLOR_RED,     COLOR_YELLOW, COLOR_CYAN, COLOR_CYAN,
    COLOR_MAGENTA, COLOR_RED,   COLOR_CYAN,  COLOR_MAGENTA, COLOR_WHITE,  COLOR_BLUE, COLOR_WHITE};

short pair_of(stalls::Cause cause) { return static_cast<short>(stalls::index(cause) + 1); }

void define_colours() {
  start_color();
  use_default_colors();
  for (std::size_t i = 0; i < kCauseColours.size(); ++i) {
    init_pair(static_cast<short>(i + 1), kCauseColours.at(i), -1);
  }
  init_pair(kBadPair, COLOR_RED, -1);
}

attr_t attributes_of(Style style) {
  switch (style) {
    case Style::heading:
    case Style::bad:
      return A_BOLD;
    case Style::dim:
      return A_DIM;
    case Style::plain:
      break;
  }
  return A_NORMAL;
}

short pair_of(const Span& span) {
  if (span.cause) return pair_of(*span.cause);
  return span.style == Style::bad ? kBadPair : short{0};
}

void draw(const Line& line, bool colours) {
  for (const Span& span : line.spans) {
    attr_t attributes = attributes_of(span.style);
    if (line.is_selected) attributes |= A_REVERSE;
    attr_set(attributes, colours ? pair_of(span) : short{0}, nullptr);
    addstr(span.text.c_str());
  }
}

/// What we draw is UTF-8. A session whose locale was lost on its way (ssh, sudo) has a terminal
/// that takes it nevertheless.
void use_utf8() {
  std::setlocale(LC_ALL, "");
  if (std::string_view(nl_langinfo(CODESET)) != "UTF-8") std::setlocale(LC_CTYPE, "C.UTF-8");
}

KeyPress press_of(int code) {
  switch (code) {
    case ERR:
      return {};
    case KEY_UP:
      return {Key::up};
    case KEY_DOWN:
      return {Key::down};
    case KEY_PPAGE:
      return {Key::page_up};
    case KEY_NPAGE:
      return {Key::page_down};
    case KEY_ENTER:
    case '\n':
    case '\r':
      return {Key::enter};
    case 27:
      return {Key::escape};
    case KEY_BACKSPACE:
    case 127:
    case '\b':
      return {Key::backspace};
    case KEY_RESIZE:
      return {Key::resize};
    case kCtrlC:
      return {Key::character, 'q'};
    default:
      break;
  }
  if (code < ' ' || code > '~') return {Key::resize};  // nothing of ours, but it was a key
  return {Key::character, static_cast<char>(code)};
}

}  // namespace

base::Result<std::unique_ptr<Screen>> Screen::open(bool colours) {
  use_utf8();
  if (newterm(nullptr, stdout, stdin) == nullptr) {
    return base::fail(
        base::ErrorKind::usage,
        "this terminal is unknown; set TERM to what it is, such as xterm, or pipe the "
        "output for a plain snapshot");
  }
  return std::unique_ptr<Screen>(new Screen(colours && has_colors()));
}

Screen::Screen(bool colours) : colours_(colours) {
  raw();
  noecho();
  curs_set(0);
  keypad(stdscr, TRUE);
  set_escdelay(50);
  if (colours_) define_colours();
}

Screen::~Screen() { endwin(); }

ScreenSize Screen::size() const {
  return {static_cast<std::size_t>(std::max(getmaxx(stdscr), 1)),
          static_cast<std::size_t>(std::max(getmaxy(stdscr), 1))};
}

void Screen::show(const std::vector<Line>& lines) {
  erase();
  const int room = getmaxy(stdscr);
  for (int y = 0; y < room && static_cast<std::size_t>(y) < lines.size(); ++y) {
    move(y, 0);
    draw(lines[static_cast<std::size_t>(y)], colours_);
  }
  attr_set(A_NORMAL, 0, nullptr);
  refresh();
}

KeyPress Screen::next_key(int timeout_ms) {
  wtimeout(stdscr, timeout_ms);
  return press_of(getch());
}

}  // namespace loopstall::terminal
