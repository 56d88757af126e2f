// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <elf.h>

#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>
#include <vector>

namespace loopstall::host {

/// Builds a small shared object in memory: one executable and one data segment, a dynamic symbol
/// table, relocations, and a named section. Every part can then be spoiled.
class ElfBuilder {
 public:
  static constexpr uint64_t kDataOffset = 0x1000;
  static constexpr uint64_t kDataVaddr = 0x5000;
  static constexpr uint64_t kTextOffset = 0x2000;
  static constexpr uint64_t kTextVaddr = 0x7000;

  void symbol(std::string_view name, uint64_t value, unsigned char type = STT_OBJECT,
              uint16_t section = 1) {
    Elf64_Sym entry{};
    entry.st_name = static_cast<uint32_t>(strings_.size());
    entry.st_info = ELF64_ST_INFO(STB_GLOBAL, type);
    entry.st_shndx = section;
    entry.st_value = value;
    entry.st_size = 16;
    strings_ += name;
    strings_ += '\0';
    symbols_.push_back(entry);
  }
  /// Makes the last symbol's name the tail of its string, as linkers do.
  void skip_in_last_name(uint32_t bytes) { symbols_.back().st_name += bytes; }
  void repeat_last() { symbols_.push_back(symbols_.back()); }
  void copy_relocation_of_last() {
    Elf64_Rela entry{};
    entry.r_info = ELF64_R_INFO(symbols_.size() - 1, R_X86_64_COPY);
    relocations_.push_back(entry);
  }
  void data(std::string_view bytes) { data_ = bytes; }

  std::string build() const {
    std::string image(kTextOffset + 0x1000, '\0');
    std::memcpy(image.data() + kDataOffset, data_.data(), data_.size());
    std::vector<Elf64_Shdr> sections(1);
    std::string names(1, '\0');
    const auto add = [&](std::string_view name, uint32_t type, uint64_t offset, uint64_t size,
                         uint32_t link) {
      Elf64_Shdr section{};
      section.sh_name = static_cast<uint32_t>(names.size());
      names += name;
      names += '\0';
      section.sh_type = type;
      section.sh_offset = offset;
      section.sh_size = size;
      section.sh_link = link;
      sections.push_back(section);
    };
    const auto append = [&](const void* bytes, std::size_t size) {
      const uint64_t offset = image.size();
      image.append(static_cast<const char*>(bytes), size);
      return offset;
    };
    add(".PyRuntime", SHT_PROGBITS, kDataOffset, data_.size(), 0);
    const uint64_t strings_at = append(strings_.data(), strings_.size());
    add(".dynstr", SHT_STRTAB, strings_at, strings_.size(), 0);
    const uint64_t symbols_at = append(symbols_.data(), symbols_.size() * sizeof(Elf64_Sym));
    add(".dynsym", SHT_DYNSYM, symbols_at, symbols_.size() * sizeof(Elf64_Sym), 2);
    const uint64_t relocations_at =
        append(relocations_.data(), relocations_.size() * sizeof(Elf64_Rela));
    add(".rela.dyn", SHT_RELA, relocations_at, relocations_.size() * sizeof(Elf64_Rela), 3);
    add(".bss", SHT_NOBITS, kDataOffset, 64, 0);
    add(".shstrtab", SHT_STRTAB, image.size(), names.size() + 10, 0);
    image += names;
    const uint64_t sections_at = append(sections.data(), sections.size() * sizeof(Elf64_Shdr));

    Elf64_Ehdr header{};
    std::memcpy(header.e_ident, ELFMAG, SELFMAG);
    header.e_ident[EI_CLASS] = ELFCLASS64;
    header.e_ident[EI_DATA] = ELFDATA2LSB;
    header.e_type = ET_DYN;
    header.e_machine = EM_X86_64;
    header.e_phoff = sizeof header;
    header.e_phentsize = sizeof(Elf64_Phdr);
    header.e_phnum = 2;
    header.e_shoff = sections_at;
    header.e_shentsize = sizeof(Elf64_Shdr);
    header.e_shnum = static_cast<uint16_t>(sections.size());
    header.e_shstrndx = static_cast<uint16_t>(sections.size() - 1);
    Elf64_Phdr segments[2]{};
    segments[0] = {PT_LOAD, PF_R | PF_W, kDataOffset, kDataVaddr, 0, 0x800, 0x1000, 0x1000};
    segments[1] = {PT_LOAD, PF_R | PF_X, kTextOffset, kTextVaddr, 0, 0x1000, 0x1000, 0x1000};
    std::memcpy(image.data(), &header, sizeof header);
    std::memcpy(image.data() + sizeof header, segments, sizeof segments);
    return image;
  }

 private:
  std::string strings_ = std::string(1, '\0');
  std::vector<Elf64_Sym> symbols_ = std::vector<Elf64_Sym>(1);
  std::vector<Elf64_Rela> relocations_;
  std::string data_ = "0123456789abcdef";
};

}  // namespace loopstall::host
