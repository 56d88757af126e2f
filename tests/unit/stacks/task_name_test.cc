// SPDX-License-Identifier: Apache-2.0
#include "stacks/task_name.h"

#include <gtest/gtest.h>

#include <array>
#include <cstring>
#include <functional>
#include <string>
#include <vector>

#include "memory_fake.h"
#include "python_objects.h"

namespace loopstall::stacks {
namespace {

using Said = std::array<uint64_t, 13>;

// As Debian's 3.14 says it: the task, the interpreter, the thread.
constexpr Said kReal = {232, 136, 168, 160, 161, 128, 216, 7312, 7288, 936, 864, 872, 880};
enum { kTaskBytes = 0, kName = 1, kCoroutine = 5, kThreadBytes = 9, kLoop = 10, kRunning = 11 };

std::optional<TaskLayout> layout_with(const std::function<void(Said&)>& change) {
  Said said = kReal;
  change(said);
  return task_layout(std::as_bytes(std::span(said)));
}

TEST(TaskLayout, IsWhatTheModuleSays) {
  const auto layout = layout_with([](Said&) {});
  ASSERT_TRUE(layout);
  EXPECT_EQ(layout->running_task, 872u);
  EXPECT_EQ(layout->name, 136u);
  EXPECT_EQ(layout->coroutine, 128u);
}

TEST(TaskLayout, RefusesWhatCannotBe) {
  const auto field = [](int at, uint64_t value) {
    return layout_with([&](Said& said) { said[static_cast<std::size_t>(at)] = value; });
  };
  EXPECT_FALSE(field(kTaskBytes, 1 << 20)) << "larger than any task";
  EXPECT_FALSE(field(kThreadBytes, 1 << 20)) << "larger than any thread's state";
  EXPECT_FALSE(field(kName, 232)) << "behind the task";
  EXPECT_FALSE(field(kName, ~uint64_t{0} - 7)) << "overflows";
  EXPECT_FALSE(field(kName, 137)) << "no pointer lies there";
  EXPECT_FALSE(field(kName, 0)) << "the reference count is there";
  EXPECT_FALSE(field(kName, 128)) << "the coroutine is there";
  EXPECT_FALSE(field(kCoroutine, 230)) << "half behind the task";
  EXPECT_FALSE(field(kRunning, 936)) << "behind the thread's state";
  EXPECT_FALSE(field(kRunning, 864)) << "the running loop is there";
  EXPECT_FALSE(field(kLoop, 3)) << "no pointer lies there";
}

TEST(TaskLayout, RefusesAnotherLength) {
  const std::vector<uint64_t> longer(14, 8);
  EXPECT_FALSE(task_layout(std::as_bytes(std::span(longer))));
  EXPECT_FALSE(task_layout(std::as_bytes(std::span(kReal)).first(96)));
  EXPECT_FALSE(task_layout({}));
}

constexpr uint64_t kAt = 0x1000;

/// The first 104 bytes of such a string of 3.14, as the kernel side copies them.
std::vector<std::byte> text(StringKind kind, const std::string& characters) {
  FakeMemory memory;
  put_string(memory, *python_layout({3, 14}), kAt, kind, characters);
  std::vector<std::byte> object(104);  // behind a short one is what the kernel side read there
  std::size_t copied = object.size();
  while (!memory.read(kAt, object.data(), copied)) --copied;
  return object;
}

std::string repeated(const std::string& text, int times) {
  std::string all;
  for (int i = 0; i < times; ++i) all += text;
  return all;
}

TEST(TaskName, OfTextIsUtf8) {
  EXPECT_EQ(task_name_of_text(text(StringKind::ascii, "checkout-42")), "checkout-42");
  EXPECT_EQ(task_name_of_text(text(StringKind::ascii, "")), "");
  EXPECT_EQ(task_name_of_text(text(StringKind::latin1, "caf\xe9")), "café");
  EXPECT_EQ(task_name_of_text(text(StringKind::ucs2, bytes_of(std::u16string(u"оплата")))),
            "оплата");
  EXPECT_EQ(task_name_of_text(text(StringKind::ucs4, bytes_of(std::u32string(U"a🐍")))), "a🐍");
}

TEST(TaskName, OfTextIsCutWhereTheCopyEnds) {
  EXPECT_EQ(task_name_of_text(text(StringKind::ascii, std::string(500, 'x'))),
            std::string(64, 'x'));
  EXPECT_EQ(task_name_of_text(text(StringKind::ucs4, bytes_of(std::u32string(100, U'🐍')))),
            repeated("🐍", 12));
  const auto checkout = text(StringKind::ascii, "checkout");
  EXPECT_EQ(task_name_of_text(std::span(checkout).first(42)), "ch");
}

TEST(TaskName, OfNoStringIsEmpty) {
  EXPECT_EQ(task_name_of_text({}), "");
  EXPECT_EQ(task_name_of_text(std::vector<std::byte>(104)), "");
  EXPECT_EQ(task_name_of_text(std::vector<std::byte>(104, std::byte{0xff})), "");
}

std::string number(uint64_t tag, uint32_t low, uint32_t high = 0) {
  std::array<std::byte, 104> object{};
  std::memcpy(object.data() + 16, &tag, sizeof tag);
  std::memcpy(object.data() + 24, &low, sizeof low);
  std::memcpy(object.data() + 28, &high, sizeof high);
  return task_name_of_number(object);
}

TEST(TaskName, OfANumberIsThatOfPython) {
  EXPECT_EQ(number(1 << 3, 7), "Task-7");
  EXPECT_EQ(number(1 << 3, (1 << 30) - 1), "Task-1073741823");
  EXPECT_EQ(number(2 << 3, 1, 3), "Task-3221225473");
}

TEST(TaskName, OfAnImpossibleNumberIsEmpty) {
  EXPECT_EQ(number((1 << 3) | 2, 7), "") << "negative";
  EXPECT_EQ(number(1, 0), "") << "zero";
  EXPECT_EQ(number(3 << 3, 7), "") << "beyond 60 bits";
  EXPECT_EQ(task_name_of_number(std::array<std::byte, 31>{}), "");
}

}  // namespace
}  // namespace loopstall::stacks
