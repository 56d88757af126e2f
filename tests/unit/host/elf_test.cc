// SPDX-License-Identifier: Apache-2.0
#include "host/elf.h"

#include <gtest/gtest.h>
#include <sys/mman.h>
#include <unistd.h>

#include <array>
#include <chrono>
#include <cstring>
#include <random>

#include "elf_builder.h"
#include "temporary_tree.h"

namespace loopstall::host {
namespace {

class Elf : public testing::Test {
 protected:
  /// In memory: the tests below open thousands.
  static base::Result<ElfFile> open(const std::string& image) {
    base::UniqueFd fd(::memfd_create("image", MFD_CLOEXEC));
    EXPECT_EQ(::write(fd.get(), image.data(), image.size()), static_cast<ssize_t>(image.size()));
    return ElfFile::from(std::move(fd), "image");
  }

  TemporaryTree tree_;
};

TEST_F(Elf, ReadsWhatAFileSays) {
  ElfBuilder builder;
  builder.symbol("PyCode_Type", 0x5100);
  builder.symbol("_PyRuntime", 0x5008);
  builder.symbol("helper", 0x7000, STT_FUNC);
  const auto file = open(builder.build());
  ASSERT_TRUE(file) << file.error().message;
  EXPECT_EQ(file->machine(), EM_X86_64);
  EXPECT_TRUE(file->position_independent());
  ASSERT_EQ(file->segments().size(), 2u);
  EXPECT_EQ(file->segments()[0].vaddr, ElfBuilder::kDataVaddr);
  EXPECT_FALSE(file->segments()[0].executable);
  EXPECT_TRUE(file->segments()[1].executable);
  EXPECT_EQ(file->object("_PyRuntime"), (ElfSymbol{0x5008, 16}));

  constexpr std::array<std::string_view, 3> kNames = {"_PyRuntime", "absent", "PyCode_Type"};
  const auto found = file->definitions(kNames, ElfSymbolType::object);
  ASSERT_EQ(found.size(), 3u);
  EXPECT_EQ(found[0]->value, 0x5008u);
  EXPECT_FALSE(found[1]);
  EXPECT_EQ(found[2]->value, 0x5100u);
}

TEST_F(Elf, ObjectsAndFunctionsAreToldApart) {
  ElfBuilder builder;
  builder.symbol("_PyRuntime", 0x7000, STT_FUNC);
  const auto file = open(builder.build());
  ASSERT_TRUE(file);
  EXPECT_FALSE(file->object("_PyRuntime"));
  constexpr std::string_view kName = "_PyRuntime";
  EXPECT_TRUE(file->definitions(std::span(&kName, 1), ElfSymbolType::function)[0]);
}

TEST_F(Elf, UndefinedIsNoDefinition) {
  ElfBuilder builder;
  builder.symbol("_PyRuntime", 0x5008, STT_OBJECT, SHN_UNDEF);
  const auto file = open(builder.build());
  ASSERT_TRUE(file);
  EXPECT_FALSE(file->object("_PyRuntime"));
}

TEST_F(Elf, ACopyIsNoDefinition) {
  ElfBuilder builder;
  builder.symbol("_PyRuntime", 0x5008);
  builder.copy_relocation_of_last();
  builder.symbol("PyCode_Type", 0x5100);
  const auto file = open(builder.build());
  ASSERT_TRUE(file);
  EXPECT_FALSE(file->object("_PyRuntime"));
  EXPECT_TRUE(file->object("PyCode_Type"));
}

TEST_F(Elf, NamesMayShareTails) {
  ElfBuilder builder;
  builder.symbol("not_PyRuntime", 0x5010);
  builder.symbol("other_PyRuntime", 0x5020);
  builder.skip_in_last_name(5);
  const auto file = open(builder.build());
  ASSERT_TRUE(file);
  EXPECT_EQ(file->object("_PyRuntime")->value, 0x5020u);
  EXPECT_FALSE(file->object("PyRuntime"));
}

TEST_F(Elf, FindsNamesAcrossReads) {
  // String tables are read in pieces of 256 KiB: put names on both sides of every cut.
  for (const std::size_t before : {262'130u, 262'138u, 262'143u, 262'144u, 524'280u}) {
    ElfBuilder builder;
    builder.symbol(std::string(before, 'x'), 1);
    builder.symbol("_PyRuntime", 0x5008);
    const auto file = open(builder.build());
    ASSERT_TRUE(file);
    EXPECT_TRUE(file->object("_PyRuntime")) << before;
  }
}

TEST_F(Elf, ReadsSectionsByName) {
  ElfBuilder builder;
  builder.data("xdebugpy version");
  const auto file = open(builder.build());
  ASSERT_TRUE(file);
  const auto section = file->section(".PyRuntime", 100);
  ASSERT_TRUE(section);
  EXPECT_EQ(section->size(), 16u);
  EXPECT_EQ(std::memcmp(section->data(), "xdebugpy", 8), 0);
  EXPECT_EQ(file->section(".PyRuntime", 4)->size(), 4u);
  EXPECT_FALSE(file->section(".absent", 100));
  EXPECT_FALSE(file->section(".Py", 100));
  EXPECT_FALSE(file->section(".bss", 100));
}

TEST_F(Elf, ReadsInitialValues) {
  const auto file = open(ElfBuilder().build());
  ASSERT_TRUE(file);
  std::array<char, 4> bytes{};
  EXPECT_TRUE(file->read_initial(ElfBuilder::kDataVaddr + 2, bytes.data(), bytes.size()));
  EXPECT_EQ(std::string_view(bytes.data(), 4), "2345");
  EXPECT_FALSE(file->read_initial(ElfBuilder::kDataVaddr + 0x7fe, bytes.data(), bytes.size()));
  EXPECT_FALSE(file->read_initial(0x4ffe, bytes.data(), bytes.size()));
  EXPECT_FALSE(file->read_initial(~uint64_t{0} - 1, bytes.data(), bytes.size()));
}

TEST(ElfLoadBias, ComesFromTheExecutableMapping) {
  const std::vector<ElfSegment> segments = {
      {.offset = 0, .vaddr = 0, .file_size = 0x2345, .memory_size = 0x2345},
      {.offset = 0x2345,
       .vaddr = 0x3345,
       .file_size = 0x1000,
       .memory_size = 0x1000,
       .executable = true}};
  EXPECT_EQ(load_bias(segments, 0x7f0000003000, 0x2000), 0x7f0000000000u);
  EXPECT_EQ(load_bias(segments, 0x7f0000004000, 0x3000), 0x7f0000000000u);
  EXPECT_EQ(load_bias(segments, 0x7f0000004000, 0x100000), std::nullopt);
  EXPECT_EQ(load_bias({}, 0x7f0000004000, 0), std::nullopt);
}

TEST_F(Elf, OtherFilesAreRefused) {
  EXPECT_FALSE(open(""));
  EXPECT_FALSE(open("#!/bin/sh\n"));
  EXPECT_FALSE(open(std::string(10'000, '\0')));
  EXPECT_FALSE(ElfFile::open(tree_.path("absent")));
  EXPECT_TRUE(ElfFile::open(tree_.write("image", ElfBuilder().build())));
  EXPECT_FALSE(ElfFile::open(tree_.root().string()));
  EXPECT_FALSE(ElfFile::open("/dev/zero"));
  for (const auto& [at, value] : std::vector<std::pair<std::size_t, char>>{
           {EI_CLASS, ELFCLASS32}, {EI_DATA, ELFDATA2MSB}, {16, ET_CORE}, {54, 1}}) {
    std::string image = ElfBuilder().build();
    image[at] = value;
    EXPECT_FALSE(open(image)) << at;
  }
}

/// Everything that a file can be asked.
void ask_everything(const ElfFile& file) {
  file.object("_PyRuntime");
  constexpr std::string_view kName = "_PyRuntime";
  file.definitions(std::span(&kName, 1), ElfSymbolType::function);
  const auto section = file.section(".PyRuntime", 4'096);
  EXPECT_LE(section ? section->size() : 0, 4'096u);
  std::array<char, 24> bytes;
  file.read_initial(0x5000, bytes.data(), bytes.size());
  load_bias(file.segments(), 0x7f0000000000, 0x2000);
}

std::string rich_image() {
  ElfBuilder builder;
  builder.symbol("PyCode_Type", 0x5100);
  builder.symbol("_PyRuntime", 0x5008);
  builder.copy_relocation_of_last();
  return builder.build();
}

TEST_F(Elf, FilesCutAnywhereAreSurvived) {
  const std::string image = rich_image();
  for (std::size_t size = 0; size < image.size(); size += size < 256 || size > 0x3000 ? 1 : 97) {
    const auto file = open(image.substr(0, size));
    if (file) ask_everything(*file);
  }
}

TEST_F(Elf, SpoiltBytesAreSurvived) {
  const std::string image = rich_image();
  // Only the headers and tables: text and data are never interpreted.
  std::vector<std::size_t> places;
  for (std::size_t at = 0; at < 176; ++at) places.push_back(at);
  for (std::size_t at = 0x3000; at < image.size(); ++at) places.push_back(at);
  std::mt19937 random(20'261'122);
  for (int round = 0; round < 2'000; ++round) {
    std::string spoilt = image;
    for (unsigned hits = 1 + random() % 8; hits > 0; --hits) {
      constexpr std::array<unsigned char, 4> kNasty = {0x00, 0xff, 0x7f, 0x80};
      const bool nasty = random() % 2 == 0;
      spoilt[places[random() % places.size()]] =
          static_cast<char>(nasty ? kNasty[random() % kNasty.size()] : random());
    }
    const auto file = open(spoilt);
    if (file) ask_everything(*file);
  }
}

TEST_F(Elf, ClaimedSizesCostNothing) {
  std::string image = rich_image();
  Elf64_Ehdr header;
  std::memcpy(&header, image.data(), sizeof header);
  for (int i = 0; i < header.e_shnum; ++i) {
    const uint64_t huge = ~uint64_t{0} >> 1;
    std::memcpy(
        image.data() + header.e_shoff + i * sizeof(Elf64_Shdr) + offsetof(Elf64_Shdr, sh_size),
        &huge, sizeof huge);
  }
  const auto file = open(image);
  ASSERT_TRUE(file);
  ask_everything(*file);
}

TEST_F(Elf, ManyCopiesOfANameCostABoundedSearch) {
  // Each definition is looked for among the relocations: quadratic unless bounded.
  ElfBuilder builder;
  builder.symbol("_PyRuntime", 0x5008);
  for (int i = 0; i < 100'000; ++i) {
    builder.copy_relocation_of_last();
    builder.repeat_last();
  }
  const auto file = open(builder.build());
  ASSERT_TRUE(file);
  const auto start = std::chrono::steady_clock::now();
  file->object("_PyRuntime");
  EXPECT_LT(std::chrono::steady_clock::now() - start, std::chrono::seconds(10));
}

TEST_F(Elf, ATerabyteOfHolesCostsABoundedSearch) {
  // A sparse file costs its owner nothing, and its sections may claim all of it.
  std::string image = rich_image();
  Elf64_Ehdr header;
  std::memcpy(&header, image.data(), sizeof header);
  const uint64_t size = uint64_t{1} << 40;
  for (int i = 0; i < header.e_shnum; ++i) {
    std::memcpy(
        image.data() + header.e_shoff + i * sizeof(Elf64_Shdr) + offsetof(Elf64_Shdr, sh_size),
        &size, sizeof size);
  }
  base::UniqueFd fd(::memfd_create("image", MFD_CLOEXEC));
  ASSERT_EQ(::write(fd.get(), image.data(), image.size()), static_cast<ssize_t>(image.size()));
  ASSERT_EQ(::ftruncate(fd.get(), static_cast<off_t>(2 * size)), 0);
  constexpr uint64_t kBudget = 4 << 20;
  const auto file = ElfFile::from(std::move(fd), "image", kBudget);
  ASSERT_TRUE(file);
  ask_everything(*file);
  EXPECT_GT(file->bytes_read(), kBudget / 2);
  EXPECT_LE(file->bytes_read(), kBudget);
}

}  // namespace
}  // namespace loopstall::host
