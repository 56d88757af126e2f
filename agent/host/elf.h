// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "base/unique_fd.h"

namespace loopstall::host {

/// A PT_LOAD program header.
struct ElfSegment {
  uint64_t offset = 0;
  uint64_t vaddr = 0;
  uint64_t file_size = 0;
  uint64_t memory_size = 0;
  bool executable = false;
};

/// What to add to a file's virtual addresses, given that its page at `offset` is mapped executable
/// at `start`. Empty when no executable segment holds that page.
std::optional<uint64_t> load_bias(std::span<const ElfSegment> segments, uint64_t start,
                                  uint64_t offset);

/// A symbol that this file defines.
struct ElfSymbol {
  uint64_t value = 0;  ///< virtual address before the load bias
  uint64_t size = 0;

  bool operator==(const ElfSymbol&) const = default;
};

/// What is read of one file at most. Sections may overlap, and a file may be a terabyte of holes
/// that cost its owner nothing; the largest real symbol tables are some 100 MiB.
inline constexpr uint64_t kMaxElfBytesRead = 512ULL << 20;

enum class ElfSymbolType : uint8_t { object, function };

/// A little-endian 64-bit ELF executable or shared object, read with pread alone: the file belongs
/// to a target and may be hostile or change under us, so nothing is mapped (a truncated mapping
/// would be SIGBUS) and no count, size or offset in it is believed beyond what a read returns.
/// Beyond the budget every read fails, as if the file ended there. Const calls may run in parallel.
class ElfFile {
 public:
  static base::Result<ElfFile> open(const std::string& path);
  /// Takes the descriptor. `name` is for messages.
  static base::Result<ElfFile> from(base::UniqueFd fd, std::string name,
                                    uint64_t max_bytes_read = kMaxElfBytesRead);

  uint16_t machine() const { return machine_; }  ///< EM_X86_64, EM_AARCH64, …
  /// Of this file, so far.
  uint64_t bytes_read() const { return bytes_read_->load(std::memory_order_relaxed); }
  bool position_independent() const { return position_independent_; }  ///< ET_DYN, not ET_EXEC
  std::span<const ElfSegment> segments() const { return segments_; }

  /// The definition of each name, in their order: in .dynsym, else in .symtab. Undefined entries
  /// are no definitions, nor are objects copy-relocated from a shared library.
  std::vector<std::optional<ElfSymbol>> definitions(std::span<const std::string_view> names,
                                                    ElfSymbolType type) const;
  std::optional<ElfSymbol> object(std::string_view name) const;

  /// The bytes of a section, at most `limit` of them; nothing for NOBITS.
  std::optional<std::vector<std::byte>> section(std::string_view name, std::size_t limit) const;

  /// A section's virtual address, before the load bias.
  std::optional<uint64_t> section_address(std::string_view name) const;

  /// `bytes` at a virtual address, from the file: their initial value. False outside the file part
  /// of every segment.
  bool read_initial(uint64_t vaddr, void* to, std::size_t bytes) const;

 private:
  struct Section {
    uint32_t name = 0;
    uint32_t type = 0;
    uint64_t address = 0;
    uint64_t offset = 0;
    uint64_t size = 0;
    uint32_t link = 0;
  };

  ElfFile() = default;
  bool read_at(uint64_t offset, void* to, std::size_t bytes) const;
  bool read_header();
  const Section* find_section(std::string_view name) const;
  void read_sections(uint64_t offset, uint16_t entry_size, uint32_t count, uint32_t names);
  void find_in_table(const Section& symbols, std::span<const std::string_view> names,
                     ElfSymbolType type, std::vector<std::optional<ElfSymbol>>& found) const;
  bool copy_relocated(std::size_t symbols_index, uint64_t symbol) const;

  base::UniqueFd fd_;
  std::string name_;
  uint64_t file_size_ = 0;
  uint64_t max_bytes_read_ = 0;
  std::unique_ptr<std::atomic<uint64_t>> bytes_read_;  // behind a pointer: files are moved
  uint16_t machine_ = 0;
  bool position_independent_ = false;
  std::vector<ElfSegment> segments_;
  std::vector<Section> sections_;
  std::string section_names_;
};

}  // namespace loopstall::host
