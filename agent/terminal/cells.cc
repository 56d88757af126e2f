// SPDX-License-Identifier: Apache-2.0
#include "terminal/cells.h"

#include <locale.h>

#include <clocale>
#include <cwchar>
#include <deque>

#include "base/utf8.h"

namespace loopstall::terminal {
namespace {

constexpr std::string_view kEllipsis = "…";

/// One character and what it takes.
struct Cell {
  std::string_view bytes;
  std::size_t columns = 0;
};

/// wcwidth() by the tables of UTF-8, whatever the user's locale is.
int columns_of(char32_t character) {
  static const locale_t utf8 = ::newlocale(LC_CTYPE_MASK, "C.UTF-8", locale_t{});
  if (utf8 == locale_t{}) return character < 0x7f ? 1 : 0;
  const locale_t before = ::uselocale(utf8);
  const int columns = ::wcwidth(static_cast<wchar_t>(character));
  ::uselocale(before);
  return columns;
}

/// The first character of valid UTF-8.
char32_t decode(std::string_view text, std::size_t& length) {
  const auto first = static_cast<unsigned char>(text.front());
  length = first < 0x80 ? 1 : first < 0xe0 ? 2 : first < 0xf0 ? 3 : 4;
  char32_t character = length == 1 ? first : first & (0x7f >> length);
  for (std::size_t i = 1; i < length && i < text.size(); ++i) {
    character = character << 6 | (static_cast<unsigned char>(text[i]) & 0x3f);
  }
  return character;
}

/// Of valid UTF-8; what takes no column is left out.
std::deque<Cell> cells_of(std::string_view text) {
  std::deque<Cell> cells;
  while (!text.empty()) {
    std::size_t length = 0;
    const int columns = columns_of(decode(text, length));
    if (columns > 0) cells.push_back({text.substr(0, length), static_cast<std::size_t>(columns)});
    text.remove_prefix(std::min(length, text.size()));
  }
  return cells;
}

std::size_t width_of(const std::deque<Cell>& cells) {
  std::size_t columns = 0;
  for (const Cell& cell : cells) columns += cell.columns;
  return columns;
}

std::string joined(const std::deque<Cell>& cells) {
  std::string text;
  for (const Cell& cell : cells) text += cell.bytes;
  return text;
}

enum class End : uint8_t { head, tail };

/// Which end of a text that is too long is kept.
std::string fitted(std::string_view text, std::size_t columns, End kept) {
  const std::string valid = base::valid_utf8(text);
  std::deque<Cell> cells = cells_of(valid);
  std::size_t width = width_of(cells);
  if (width <= columns) return joined(cells) + std::string(columns - width, ' ');
  if (columns == 0) return {};
  while (width > columns - 1) {
    width -= kept == End::head ? cells.back().columns : cells.front().columns;
    if (kept == End::head) {
      cells.pop_back();
    } else {
      cells.pop_front();
    }
  }
  const std::string rest = joined(cells);
  const std::string cut =
      kept == End::head ? rest + std::string(kEllipsis) : std::string(kEllipsis) + rest;
  return cut + std::string(columns - 1 - width, ' ');
}

}  // namespace

std::string printable(std::string_view text) { return joined(cells_of(base::valid_utf8(text))); }

std::size_t width_of(std::string_view text) { return width_of(cells_of(text)); }

std::string fit(std::string_view text, std::size_t columns) {
  return fitted(text, columns, End::head);
}

std::string fit_tail(std::string_view text, std::size_t columns) {
  return fitted(text, columns, End::tail);
}

std::string fit_right(std::string_view text, std::size_t columns) {
  const std::size_t width = width_of(text);
  return width >= columns ? fit(text, columns)
                          : std::string(columns - width, ' ') + std::string(text);
}

}  // namespace loopstall::terminal
