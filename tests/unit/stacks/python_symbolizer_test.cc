// SPDX-License-Identifier: Apache-2.0
#include "stacks/python_symbolizer.h"

#include <gtest/gtest.h>

#include <string>

#include "memory_fake.h"
#include "python_objects.h"

namespace loopstall::stacks {
namespace {

constexpr uint64_t kCode = 0x7f00'0010'0000;
constexpr uint64_t kName = 0x7f00'0020'0000;
constexpr uint64_t kQualname = 0x7f00'0030'0000;
constexpr uint64_t kFilename = 0x7f00'0040'0000;
constexpr uint64_t kTable = 0x7f00'0050'0000;

class PythonSymbolizerTest : public testing::Test {
 protected:
  PythonSymbolizerTest() {
    put_string(memory_, layout_, kName, StringKind::ascii, "get");
    put_string(memory_, layout_, kQualname, StringKind::ascii, "Client.get");
    put_string(memory_, layout_, kFilename, StringKind::ascii, "/srv/app/client.py");
    // One code unit on the first line, one on the next.
    put_bytes(memory_, kTable, std::string("\x80\x00\xd8\x04\x05", 5));
    put_code(memory_, layout_, kCode, code_);
  }

  /// Puts the same code object elsewhere, as many times as asked.
  RawFrame copy_at(uint64_t address) {
    put_code(memory_, layout_, address, code_);
    return {address, 0, frame_.check};
  }

  const PythonLayout& layout_ = *python_layout({3, 11});
  FakeMemory memory_;
  const FakeCode code_{kName, kQualname, kFilename, kTable, 40, 0x83};
  const RawFrame frame_{kCode, 2, code_check(40, 0x83, kName)};
  PythonSymbolizer symbolizer_{memory_, layout_};
};

TEST_F(PythonSymbolizerTest, GivesNamesFileAndLine) {
  const CodeLocation expected{"Client.get", "get", "/srv/app/client.py",
                              41,           40,    FrameKind::coroutine};
  EXPECT_EQ(symbolizer_.resolve(frame_).value(), expected);
}

TEST_F(PythonSymbolizerTest, KnowsTheFormOfADecoratorsWrapper) {
  for (const auto& [flags, wraps] : std::vector<std::pair<uint32_t, bool>>{
           {0x9f, true},      // async def wrapper(*args, **kwargs), nested
           {0x0f, false},     // a function of (*args, **kwargs) that is not nested
           {0x1b, false},     // nested, but without *args
           {0x17, false}}) {  // nested, but without **kwargs
    FakeMemory memory;
    put_string(memory, layout_, kName, StringKind::ascii, "wrapper");
    put_string(memory, layout_, kQualname, StringKind::ascii, "timed.<locals>.wrapper");
    put_string(memory, layout_, kFilename, StringKind::ascii, "/srv/app/limits.py");
    put_bytes(memory, kTable, std::string("\x80\x00", 2));
    put_code(memory, layout_, kCode, {kName, kQualname, kFilename, kTable, 40, flags});
    PythonSymbolizer symbolizer(memory, layout_);
    EXPECT_EQ(symbolizer.resolve({kCode, 0, code_check(40, flags, kName)})->wraps, wraps) << flags;
  }
}

TEST_F(PythonSymbolizerTest, TheNameIsTheQualifiedNameBefore311) {
  const PythonLayout& old = *python_layout({3, 10});
  FakeMemory memory;
  put_string(memory, old, kName, StringKind::ascii, "get");
  put_string(memory, old, kFilename, StringKind::ascii, "client.py");
  put_bytes(memory, kTable, std::string("\x04\x01", 2));
  put_code(memory, old, kCode, code_);
  PythonSymbolizer symbolizer(memory, old);
  EXPECT_EQ(symbolizer.resolve(frame_).value(),
            (CodeLocation{"get", "get", "client.py", 41, 40, FrameKind::coroutine}));
}

TEST_F(PythonSymbolizerTest, TheFlagsSayWhatTheFrameRuns) {
  const std::pair<uint32_t, FrameKind> kinds[] = {{0x03, FrameKind::function},
                                                  {0x23, FrameKind::generator},
                                                  {0x83, FrameKind::coroutine},
                                                  {0x123, FrameKind::coroutine},  // types.coroutine
                                                  {0x203, FrameKind::async_generator}};
  for (const auto& [flags, kind] : kinds) {
    put_code(memory_, layout_, kCode, {kName, kQualname, kFilename, kTable, 40, flags});
    EXPECT_EQ(symbolizer_.resolve({kCode, 2, code_check(40, flags, kName)})->kind, kind) << flags;
  }
}

TEST_F(PythonSymbolizerTest, AsksTheTargetOnce) {
  ASSERT_TRUE(symbolizer_.resolve(frame_));
  const std::size_t reads = memory_.reads;
  EXPECT_EQ(symbolizer_.resolve({kCode, 0, frame_.check})->line, 40);
  EXPECT_EQ(memory_.reads, reads);
}

TEST_F(PythonSymbolizerTest, AnotherObjectAtTheAddressIsNotBelieved) {
  ASSERT_TRUE(symbolizer_.resolve(frame_));
  put_code(memory_, layout_, kCode, {kQualname, kQualname, kFilename, kTable, 40, 0x83});
  const RawFrame new_frame{kCode, 0, code_check(40, 0x83, kQualname)};
  EXPECT_EQ(symbolizer_.resolve(new_frame)->name, "Client.get");
  // The old object's stacks are still told from the new one's, and others are told apart.
  EXPECT_EQ(symbolizer_.resolve(frame_)->name, "get");
  const auto stranger = symbolizer_.resolve({kCode, 0, frame_.check + 1});
  ASSERT_FALSE(stranger);
  EXPECT_EQ(stranger.error(), "code_reused");
}

/// Changes what it reads after some reads, as a running target does.
class ChangingMemory final : public MemoryReader {
 public:
  ChangingMemory(const FakeMemory& before, const FakeMemory& after, int reads_before)
      : before_(before), after_(after), left_(reads_before) {}
  bool read(uint64_t address, void* to, std::size_t bytes) const override {
    return (left_-- > 0 ? before_ : after_).read(address, to, bytes);
  }

 private:
  const FakeMemory& before_;
  const FakeMemory& after_;
  mutable int left_;
};

TEST_F(PythonSymbolizerTest, AnObjectReplacedWhileItIsReadIsNotBelieved) {
  FakeMemory after = memory_;
  put_string(after, layout_, kName, StringKind::ascii, "other");
  put_code(after, layout_, kCode, {kQualname, kQualname, kFilename, kTable, 7, 1});
  const ChangingMemory memory(memory_, after, 1);
  PythonSymbolizer symbolizer(memory, layout_);
  const auto torn = symbolizer.resolve(frame_);
  ASSERT_FALSE(torn);
  EXPECT_EQ(torn.error(), "code_reused");
}

TEST_F(PythonSymbolizerTest, SaysWhatCannotBeRead) {
  EXPECT_EQ(symbolizer_.resolve({0xdead'0000, 0, 0}).error(), "unreadable_memory");
  EXPECT_EQ(symbolizer_.resolve({~uint64_t{0} - 8, 0, 0}).error(), "unreadable_memory");
  memory_.put<uint32_t>(kQualname + 32, 0);
  EXPECT_EQ(symbolizer_.resolve(frame_).error(), "unreadable_name");
  EXPECT_EQ(symbolizer_.cached(), 0u);
}

TEST_F(PythonSymbolizerTest, AFailureIsNotRemembered) {
  memory_.put<uint32_t>(kQualname + 32, 0);
  ASSERT_FALSE(symbolizer_.resolve(frame_));
  put_string(memory_, layout_, kQualname, StringKind::ascii, "Client.get");
  EXPECT_TRUE(symbolizer_.resolve(frame_));
}

TEST_F(PythonSymbolizerTest, AFrameWithoutALineTableKeepsItsName) {
  put_code(memory_, layout_, kCode, {kName, kQualname, kFilename, 0xdead'0000, 40, 0x83});
  EXPECT_EQ(symbolizer_.resolve(frame_).value(),
            (CodeLocation{"Client.get", "get", "/srv/app/client.py", 0, 40, FrameKind::coroutine}));
}

TEST_F(PythonSymbolizerTest, ALineTableIsReadUpToABound) {
  put_bytes(memory_, kTable, std::string(1 << 20, '\x80'));
  ASSERT_TRUE(symbolizer_.resolve(frame_));
  EXPECT_LE(memory_.largest_read, 64u * 1024);
}

TEST_F(PythonSymbolizerTest, NamesAreBounded) {
  put_string(memory_, layout_, kQualname, StringKind::ascii, std::string(1 << 20, 'q'));
  put_string(memory_, layout_, kFilename, StringKind::ascii, std::string(1 << 20, 'f'));
  const auto location = symbolizer_.resolve(frame_).value();
  EXPECT_EQ(location.qualname, std::string(256, 'q'));
  EXPECT_EQ(location.filename, std::string(1'024, 'f'));
}

TEST_F(PythonSymbolizerTest, TheCacheForgetsTheOldest) {
  PythonSymbolizer symbolizer(memory_, layout_, {.code_objects = 3, .bytes = 1 << 20});
  for (uint64_t i = 1; i <= 4; ++i) ASSERT_TRUE(symbolizer.resolve(copy_at(kCode + i * 0x1000)));
  EXPECT_EQ(symbolizer.cached(), 3u);
  std::size_t reads = memory_.reads;
  for (uint64_t i = 2; i <= 4; ++i) ASSERT_TRUE(symbolizer.resolve(copy_at(kCode + i * 0x1000)));
  EXPECT_EQ(memory_.reads, reads);
  ASSERT_TRUE(symbolizer.resolve(copy_at(kCode + 0x1000)));
  EXPECT_GT(memory_.reads, reads);
}

TEST_F(PythonSymbolizerTest, TheCacheIsBoundedInBytes) {
  put_bytes(memory_, kTable, std::string(60'000, '\x80'));
  PythonSymbolizer symbolizer(memory_, layout_, {.code_objects = 1'000, .bytes = 200'000});
  for (uint64_t i = 1; i <= 20; ++i) ASSERT_TRUE(symbolizer.resolve(copy_at(kCode + i * 0x1000)));
  EXPECT_EQ(symbolizer.cached(), 3u);
}

TEST(CodeCheck, DependsOnEachPart) {
  const uint32_t check = code_check(40, 0x83, kName);
  EXPECT_NE(code_check(41, 0x83, kName), check);
  EXPECT_NE(code_check(40, 0x03, kName), check);
  EXPECT_NE(code_check(40, 0x83, kName + 16), check);
  // The BPF side computes the same: these numbers are the contract.
  EXPECT_EQ(code_check(1, 0, 0), 2654435761u);
  EXPECT_EQ(code_check(0, 1, 0), 2246822519u);
  EXPECT_EQ(code_check(0, 0, 0x7fff'1234'5670), 0xf123'4567u);
}

}  // namespace
}  // namespace loopstall::stacks
