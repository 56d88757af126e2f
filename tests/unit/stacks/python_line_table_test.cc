// SPDX-License-Identifier: Apache-2.0
#include "stacks/python_line_table.h"

#include <gtest/gtest.h>

#include <cstdint>
#include <limits>
#include <random>
#include <vector>

namespace loopstall::stacks {
namespace {

struct Range {
  int32_t begin;
  int32_t end;
  int line;  ///< 0: the compiler gave none
};

struct Sample {
  const char* python;  ///< the release that compiled it
  LineTableKind kind;
  std::vector<uint8_t> table;
  std::vector<Range> ranges;
};

// What each release made of the same function, and the ranges that its own co_lines() (before
// 3.10: dis.findlinestarts()) read from it. The source, compiled with exec(), is
//
//   1  def f(items):
//   2      total = (1 +
//   3               items[0])
//   4      for item in items:
//   5          try:
//   6              with open(item) as file:
//   7                  total += file.read(
//   8                      -1
//   9                  )
//  10          except OSError:
//  11              pass
//         … 300 empty lines …
// 312      return [
// 313          total,
// 314          len(
// 315              items)]
//
// so it holds long jumps, backward jumps and, from 3.10, instructions without a line.
const std::vector<Sample>& samples() {
  static const std::vector<Sample> kSamples = {
      Sample{"3.8.18",
             LineTableKind::lnotab,
             {0,  1, 2,  1, 6, 255, 4, 2,   8, 1,  2, 1, 10, 1, 6, 1,   2, 255,
              20, 3, 14, 1, 8, 127, 0, 127, 0, 48, 2, 1, 2,  1, 2, 255, 2, 254},
             {{0, 2, 2},
              {2, 8, 3},
              {8, 12, 2},
              {12, 20, 4},
              {20, 22, 5},
              {22, 32, 6},
              {32, 38, 7},
              {38, 40, 8},
              {40, 60, 7},
              {60, 74, 10},
              {74, 82, 11},
              {82, 84, 313},
              {84, 86, 314},
              {86, 88, 315},
              {88, 90, 314},
              {90, 94, 312}}},
      Sample{"3.9.18",
             LineTableKind::lnotab,
             {0,  1, 2,  1, 6, 255, 4, 2,   8, 1,  2, 1, 10, 1, 6, 1,   2, 255,
              40, 3, 12, 1, 8, 127, 0, 127, 0, 48, 2, 1, 2,  1, 2, 255, 2, 254},
             {{0, 2, 2},
              {2, 8, 3},
              {8, 12, 2},
              {12, 20, 4},
              {20, 22, 5},
              {22, 32, 6},
              {32, 38, 7},
              {38, 40, 8},
              {40, 80, 7},
              {80, 92, 10},
              {92, 100, 11},
              {100, 102, 313},
              {102, 104, 314},
              {104, 106, 315},
              {106, 108, 314},
              {108, 112, 312}}},
      Sample{"3.10.13",
             LineTableKind::linetable310,
             {2,   1,  6, 1, 4, 255, 8,   2, 2,   1, 10,  1, 6,  1, 2, 1, 8, 255, 28,  255, 4,
              128, 12, 4, 4, 1, 2,   255, 0, 127, 0, 127, 2, 49, 2, 1, 2, 1, 2,   255, 4,   254},
             {{0, 2, 2},
              {2, 8, 3},
              {8, 12, 2},
              {12, 20, 4},
              {20, 22, 5},
              {22, 32, 6},
              {32, 38, 7},
              {38, 40, 8},
              {40, 48, 7},
              {48, 76, 6},
              {76, 80, 0},
              {80, 92, 10},
              {92, 96, 11},
              {96, 98, 10},
              {98, 100, 313},
              {100, 102, 314},
              {102, 104, 315},
              {104, 106, 314},
              {106, 110, 312}}},
      Sample{
          "3.11.2",
          LineTableKind::location311,
          {128, 0,   216, 13,  14,  216, 13,  18,  144, 49,  140, 88,  241, 3,   1,   14,  22,  128,
           69,  224, 16,  21,  240, 0,   7,   5,   17,  240, 0,   7,   5,   17,  136, 4,   240, 2,
           6,   9,   17,  221, 17,  21,  144, 100, 145, 26,  148, 26,  240, 0,   3,   13,  18,  152,
           116, 216, 16,  21,  152, 20,  159, 25,  154, 25,  216, 20,  22,  241, 3,   2,   26,  18,
           244, 0,   2,   26,  18,  241, 0,   2,   17,  18,  144, 5,   240, 3,   3,   13,  18,  240,
           0,   3,   13,  18,  240, 0,   3,   13,  18,  241, 0,   3,   13,  18,  244, 0,   3,   13,
           18,  240, 0,   3,   13,  18,  240, 0,   3,   13,  18,  240, 0,   3,   13,  18,  240, 0,
           3,   13,  18,  240, 0,   3,   13,  18,  240, 0,   3,   13,  18,  248, 248, 248, 240, 0,
           3,   13,  18,  240, 0,   3,   13,  18,  240, 0,   3,   13,  18,  240, 0,   3,   13,  18,
           248, 248, 245, 8,   0,   16,  23,  240, 0,   1,   9,   17,  240, 0,   1,   9,   17,  240,
           0,   1,   9,   17,  216, 12,  16,  136, 68,  240, 3,   1,   9,   17,  248, 248, 248, 240,
           94,  9,   0,   9,   14,  221, 8,   11,  216, 12,  17,  241, 3,   1,   9,   19,  244, 0,
           1,   9,   19,  240, 5,   3,   12,  20,  240, 0,   3,   5,   20},
          {{0, 2, 1},       {2, 4, 2},       {4, 18, 3},     {18, 24, 2},     {24, 32, 4},
           {32, 34, 5},     {34, 66, 6},     {66, 92, 7},    {92, 94, 8},     {94, 114, 7},
           {114, 146, 6},   {146, 152, 0},   {152, 160, 6},  {160, 164, 0},   {164, 182, 10},
           {182, 186, 11},  {186, 188, 10},  {188, 194, 0},  {194, 196, 313}, {196, 208, 314},
           {208, 210, 315}, {210, 224, 314}, {224, 228, 312}}},
      Sample{
          "3.12.1",
          LineTableKind::location311,
          {128, 0,   216, 13,  14,  216, 13,  18, 144, 49,  137, 88,  241, 3,   1,   14,  22,  128,
           69,  224, 16,  21,  242, 0,   7,   5,  17,  136, 4,   240, 2,   6,   9,   17,  220, 17,
           21,  144, 100, 147, 26,  240, 0,   3,  13,  18,  152, 116, 216, 16,  21,  152, 20,  159,
           25,  153, 25,  216, 20,  22,  243, 3,  2,   26,  18,  241, 0,   2,   17,  18,  144, 5,
           247, 3,   3,   13,  18,  248, 240, 5,  7,   5,   17,  240, 106, 9,   0,   9,   14,  220,
           8,   11,  216, 12,  17,  243, 3,   1,  9,   19,  240, 5,   3,   12,  20,  240, 0,   3,
           5,   20,  247, 101, 9,   3,   13,  18, 240, 0,   3,   13,  18,  251, 244, 8,   0,   16,
           23,  242, 0,   1,   9,   17,  217, 12, 16,  240, 3,   1,   9,   17,  250},
          {{0, 2, 1},       {2, 4, 2},       {4, 12, 3},      {12, 18, 2},     {18, 28, 4},
           {28, 30, 5},     {30, 54, 6},     {54, 78, 7},     {78, 80, 8},     {80, 94, 7},
           {94, 110, 6},    {110, 112, 0},   {112, 114, 4},   {114, 116, 313}, {116, 126, 314},
           {126, 128, 315}, {128, 136, 314}, {136, 140, 312}, {140, 158, 6},   {158, 166, 0},
           {166, 182, 10},  {182, 186, 11},  {186, 188, 10},  {188, 194, 0}}},
      Sample{"3.13.0",
             LineTableKind::location311,
             {128, 0,   216, 13,  14,  216, 13,  18, 144, 49,  137, 88,  241, 3,   1,   14,
              22,  128, 69,  227, 16,  21,  136, 4,  240, 2,   6,   9,   17,  220, 17,  21,
              144, 100, 148, 26,  152, 116, 216, 16, 21,  159, 25,  153, 25,  216, 20,  22,
              243, 3,   2,   26,  18,  241, 0,   2,  17,  18,  144, 5,   247, 3,   0,   18,
              28,  145, 26,  241, 5,   0,   17,  22, 240, 106, 9,   0,   9,   14,  220, 8,
              11,  216, 12,  17,  243, 3,   1,   9,  19,  240, 5,   3,   12,  20,  240, 0,
              3,   5,   20,  247, 101, 9,   0,   18, 28,  150, 26,  251, 244, 8,   0,   16,
              23,  243, 0,   1,   9,   17,  218, 12, 16,  240, 3,   1,   9,   17,  250},
             {{0, 2, 1},       {2, 4, 2},       {4, 12, 3},      {12, 18, 2},     {18, 28, 4},
              {28, 30, 5},     {30, 54, 6},     {54, 76, 7},     {76, 78, 8},     {78, 92, 7},
              {92, 112, 6},    {112, 116, 4},   {116, 118, 313}, {118, 128, 314}, {128, 130, 315},
              {130, 138, 314}, {138, 142, 312}, {142, 172, 6},   {172, 180, 0},   {180, 198, 10},
              {198, 204, 11},  {204, 206, 10},  {206, 212, 0}}}};
  return kSamples;
}

class LineTable : public testing::TestWithParam<Sample> {};

TEST_P(LineTable, GivesEveryInstructionItsLine) {
  const Sample& sample = GetParam();
  for (const Range& range : sample.ranges) {
    for (int32_t at = range.begin; at < range.end; ++at) {
      EXPECT_EQ(python_line(sample.kind, sample.table, 1, at), range.line) << "at " << at;
    }
  }
}

TEST_P(LineTable, ShiftsWithTheFirstLine) {
  const Sample& sample = GetParam();
  const Range& last = sample.ranges.at(sample.ranges.size() - 2);
  EXPECT_EQ(python_line(sample.kind, sample.table, 101, last.begin),
            last.line == 0 ? 0 : last.line + 100);
}

TEST_P(LineTable, AFrameThatHasNotStartedIsAtTheFirstLine) {
  const Sample& sample = GetParam();
  EXPECT_EQ(python_line(sample.kind, sample.table, 7, -1), 7);
  EXPECT_EQ(python_line(sample.kind, sample.table, 7, std::numeric_limits<int32_t>::min()), 7);
}

TEST_P(LineTable, TableCutAnywhereIsRead) {
  const Sample& sample = GetParam();
  for (std::size_t size = 0; size < sample.table.size(); ++size) {
    const std::vector<uint8_t> cut(sample.table.begin(), sample.table.begin() + size);
    EXPECT_GE(python_line(sample.kind, cut, 1, 90), 0);
  }
}

INSTANTIATE_TEST_SUITE_P(Releases, LineTable, testing::ValuesIn(samples()),
                         [](const testing::TestParamInfo<Sample>& info) {
                           std::string name = info.param.python;
                           for (char& c : name) c = c == '.' ? '_' : c;
                           return name;
                         });

TEST(LineTableOfAHostileTarget, InstructionBeyondTheTableHasNoLine) {
  const std::vector<uint8_t> one_unit = {128, 0};
  EXPECT_EQ(python_line(LineTableKind::location311, one_unit, 5, 0), 5);
  EXPECT_EQ(python_line(LineTableKind::location311, one_unit, 5, 2), 0);
  EXPECT_EQ(python_line(LineTableKind::linetable310, {}, 5, 0), 0);
  EXPECT_EQ(python_line(LineTableKind::location311, {}, 5, 0), 0);
}

TEST(LineTableOfAHostileTarget, NumberWithoutAnEndIsSurvived) {
  std::vector<uint8_t> endless(65'536, 0x7f);
  endless[0] = 0x80 | (13 << 3);  // a signed number of lines follows
  EXPECT_GE(python_line(LineTableKind::location311, endless, 1, 0), 0);
}

TEST(LineTableOfAHostileTarget, LinesThatRunAwayAreNoLine) {
  // Each entry: 8 code units, + 2^30 lines or so.
  std::vector<uint8_t> table;
  for (int i = 0; i < 1'000; ++i) {
    table.insert(table.end(), {0x80 | (13 << 3) | 7, 0x7e, 0x7f, 0x7f, 0x7f, 0x7f, 0x01});
  }
  EXPECT_EQ(python_line(LineTableKind::location311, table, 1, 15'000), 0);
  EXPECT_EQ(python_line(LineTableKind::location311, {}, -5, -1), 0);
}

TEST(LineTableOfAHostileTarget, NoBytesAreTooOdd) {
  std::mt19937 random(20'261'122);
  for (int round = 0; round < 2'000; ++round) {
    std::vector<uint8_t> bytes(random() % 300);
    for (auto& byte : bytes) byte = static_cast<uint8_t>(random());
    const auto first = static_cast<int>(random());
    const auto at = static_cast<int32_t>(random() % 4'000);
    for (const auto kind :
         {LineTableKind::lnotab, LineTableKind::linetable310, LineTableKind::location311}) {
      EXPECT_GE(python_line(kind, bytes, first, at), 0);
    }
  }
}

}  // namespace
}  // namespace loopstall::stacks
