// SPDX-License-Identifier: Apache-2.0
#include "stacks/python_string.h"

#include <gtest/gtest.h>

#include <string>

#include "memory_fake.h"
#include "python_objects.h"

namespace loopstall::stacks {
namespace {

constexpr uint64_t kAt = 0x7f0000001000;

class PythonString : public testing::TestWithParam<PythonVersion> {
 protected:
  const PythonLayout& layout() const { return *python_layout(GetParam()); }
  tl::expected<std::string, std::string_view> read(std::size_t limit = 256) const {
    return read_python_string(memory_, layout(), kAt, limit);
  }

  FakeMemory memory_;
};

TEST_P(PythonString, Ascii) {
  put_string(memory_, layout(), kAt, StringKind::ascii, "save_log");
  EXPECT_EQ(read().value(), "save_log");
}

TEST_P(PythonString, EmptyIsAString) {
  put_string(memory_, layout(), kAt, StringKind::ascii, "");
  EXPECT_EQ(read().value(), "");
}

TEST_P(PythonString, Latin1IsNotUtf8) {
  put_string(memory_, layout(), kAt, StringKind::latin1, "r\xe9ponse \xff");
  EXPECT_EQ(read().value(), "réponse ÿ");
}

TEST_P(PythonString, TwoBytesACharacter) {
  const std::u16string text = u"оплата€";
  put_string(memory_, layout(), kAt, StringKind::ucs2, bytes_of(text));
  EXPECT_EQ(read().value(), "оплата€");
}

TEST_P(PythonString, FourBytesACharacter) {
  const std::u32string text = U"a𝑓🐍";
  put_string(memory_, layout(), kAt, StringKind::ucs4, bytes_of(text));
  EXPECT_EQ(read().value(), "a𝑓🐍");
}

TEST_P(PythonString, SurrogatesAndImpossibleCharactersAreReplaced) {
  // U+DCE9 is how Python keeps the byte 0xe9 of an undecodable file name.
  put_string(memory_, layout(), kAt, StringKind::ucs2, bytes_of(std::u16string{u'x', 0xdce9}));
  EXPECT_EQ(read().value(), "x\ufffd");
  put_string(memory_, layout(), kAt, StringKind::ucs4,
             bytes_of(std::u32string{U'x', 0x110000, 0xffffffff, 0xd800}));
  EXPECT_EQ(read().value(), "x\ufffd\ufffd\ufffd");
}

TEST_P(PythonString, AsciiThatIsNoneIsReplaced) {
  put_string(memory_, layout(), kAt, StringKind::ascii,
             "a\xff"
             "b");
  EXPECT_EQ(read().value(),
            "a\ufffd"
            "b");
}

TEST_P(PythonString, ControlCharactersStay) {
  put_string(memory_, layout(), kAt, StringKind::ascii, std::string("a\n\0\x1b[31m", 8));
  EXPECT_EQ(read().value(), std::string("a\n\0\x1b[31m", 8));
}

TEST_P(PythonString, LongOnesAreCutBetweenCharacters) {
  put_string(memory_, layout(), kAt, StringKind::latin1, std::string(300, '\xe9'));
  std::string expected;
  for (int i = 0; i < 5; ++i) expected += "é";
  EXPECT_EQ(read(11).value(), expected);
  put_string(memory_, layout(), kAt, StringKind::ascii, std::string(300, 'a'));
  EXPECT_EQ(read().value(), std::string(256, 'a'));
}

TEST_P(PythonString, AMegabyteOfNameCostsABoundedRead) {
  put_string(memory_, layout(), kAt, StringKind::ucs4, std::string(4 << 20, 'x'));
  ASSERT_TRUE(read());
  EXPECT_LE(memory_.largest_read, 4 * 256u);
}

TEST_P(PythonString, AClaimedLengthIsNotBelieved) {
  put_string(memory_, layout(), kAt, StringKind::ascii, "abc");
  memory_.put<uint64_t>(kAt + PythonLayout::kUnicodeLength, ~uint64_t{0});
  const auto text = read();
  ASSERT_FALSE(text);
  EXPECT_EQ(text.error(), "unreadable_memory");
}

TEST_P(PythonString, WhatIsNoCompactStringIsRefused) {
  put_string(memory_, layout(), kAt, StringKind::ascii, "abc");
  for (const uint32_t state : {0u, 1u << 6, 1u << 5, (1u << 5) | (3u << 2), (1u << 5) | (7u << 2),
                               (1u << 6) | (1u << 5) | (2u << 2)}) {
    memory_.put<uint32_t>(kAt + PythonLayout::kUnicodeState, state);
    const auto text = read();
    ASSERT_FALSE(text) << state;
    EXPECT_EQ(text.error(), "unreadable_name");
  }
}

TEST_P(PythonString, NullIsUnreadable) {
  const auto text = read_python_string(memory_, layout(), 0, 256);
  ASSERT_FALSE(text);
  EXPECT_EQ(text.error(), "unreadable_memory");
}

INSTANTIATE_TEST_SUITE_P(Headers, PythonString,
                         testing::Values(PythonVersion{3, 11}, PythonVersion{3, 12}),
                         [](const auto& info) {
                           return "of3_" + std::to_string(info.param.minor);
                         });

}  // namespace
}  // namespace loopstall::stacks
