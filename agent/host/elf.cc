// SPDX-License-Identifier: Apache-2.0
#include "host/elf.h"

#include <elf.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

namespace loopstall::host {
namespace {

using base::ErrorKind;
using base::fail;
using base::Result;

// A real binary has some 40 sections, 15 segments and, at the largest, a million symbols.
constexpr uint32_t kMaxSections = 65'535;
constexpr uint32_t kMaxSegments = 1'024;
constexpr uint64_t kMaxSymbols = 4 << 20;
constexpr uint64_t kMaxStringBytes = 256 << 20;
constexpr uint64_t kMaxSectionNameBytes = 1 << 20;
constexpr uint64_t kMaxRelocations = 16 << 20;
constexpr std::size_t kMaxNamePositions = 64;
// Each costs a pass over the relocations; a real table has one entry of a name.
constexpr int kMaxCopyChecks = 16;
constexpr std::size_t kChunkBytes = 256 * 1'024;

/// Where a name ends up in a string table. Linkers share tails ("x_PyRuntime" may hold
/// "_PyRuntime"), so every occurrence before a zero byte counts.
struct NamePosition {
  uint64_t offset;
  std::size_t name;
};

void find_in_chunk(std::string_view chunk, uint64_t chunk_offset, std::size_t fresh_from,
                   std::span<const std::string_view> names, std::vector<NamePosition>& found) {
  for (std::size_t i = 0; i < names.size(); ++i) {
    const std::string with_end = std::string(names[i]) + '\0';
    for (std::size_t at = chunk.find(with_end); at != std::string_view::npos;
         at = chunk.find(with_end, at + 1)) {
      // What ends before `fresh_from` was seen with the chunk before.
      if (at + with_end.size() <= fresh_from) continue;
      if (found.size() < kMaxNamePositions) found.push_back({chunk_offset + at, i});
    }
  }
}

}  // namespace

Result<ElfFile> ElfFile::open(const std::string& path) {
  base::UniqueFd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY));
  if (!fd) return fail(ErrorKind::target, "cannot open {}: {}", path, std::strerror(errno));
  return from(std::move(fd), path);
}

Result<ElfFile> ElfFile::from(base::UniqueFd fd, std::string name, uint64_t max_bytes_read) {
  struct stat status {};
  if (::fstat(fd.get(), &status) != 0 || !S_ISREG(status.st_mode)) {
    return fail(ErrorKind::target, "{} is no regular file", name);
  }
  ElfFile file;
  file.fd_ = std::move(fd);
  file.name_ = std::move(name);
  file.file_size_ = static_cast<uint64_t>(status.st_size);
  file.max_bytes_read_ = max_bytes_read;
  file.bytes_read_ = std::make_unique<std::atomic<uint64_t>>(0);
  if (!file.read_header()) {
    return fail(ErrorKind::target, "{} is no 64-bit little-endian ELF program or library",
                file.name_);
  }
  return file;
}

bool ElfFile::read_at(uint64_t offset, void* to, std::size_t bytes) const {
  if (offset > file_size_ || bytes > file_size_ - offset) return false;
  if (bytes_read_->load(std::memory_order_relaxed) + bytes > max_bytes_read_) return false;
  bytes_read_->fetch_add(bytes, std::memory_order_relaxed);
  auto* out = static_cast<char*>(to);
  while (bytes > 0) {
    const ssize_t got = ::pread(fd_.get(), out, bytes, static_cast<off_t>(offset));
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) return false;
    out += got;
    offset += static_cast<uint64_t>(got);
    bytes -= static_cast<std::size_t>(got);
  }
  return true;
}

bool ElfFile::read_header() {
  Elf64_Ehdr header;
  if (!read_at(0, &header, sizeof header)) return false;
  if (std::memcmp(header.e_ident, ELFMAG, SELFMAG) != 0 || header.e_ident[EI_CLASS] != ELFCLASS64 ||
      header.e_ident[EI_DATA] != ELFDATA2LSB ||
      (header.e_type != ET_EXEC && header.e_type != ET_DYN) ||
      header.e_phentsize != sizeof(Elf64_Phdr)) {
    return false;
  }
  machine_ = header.e_machine;
  position_independent_ = header.e_type == ET_DYN;
  for (uint32_t i = 0; i < std::min<uint32_t>(header.e_phnum, kMaxSegments); ++i) {
    Elf64_Phdr segment;
    // An offset that wraps is beyond the file or reads something harmless: bounds are in read_at.
    if (!read_at(header.e_phoff + uint64_t{i} * sizeof segment, &segment, sizeof segment)) break;
    if (segment.p_type != PT_LOAD) continue;
    segments_.push_back({segment.p_offset, segment.p_vaddr, segment.p_filesz, segment.p_memsz,
                         (segment.p_flags & PF_X) != 0});
  }
  if (header.e_shoff != 0) {
    read_sections(header.e_shoff, header.e_shentsize, header.e_shnum, header.e_shstrndx);
  }
  return !segments_.empty();
}

void ElfFile::read_sections(uint64_t offset, uint16_t entry_size, uint32_t count, uint32_t names) {
  if (entry_size != sizeof(Elf64_Shdr)) return;
  for (uint32_t i = 0; i < std::min(count, kMaxSections); ++i) {
    Elf64_Shdr section;
    if (!read_at(offset + uint64_t{i} * sizeof section, &section, sizeof section)) break;
    sections_.push_back({section.sh_name, section.sh_type, section.sh_addr, section.sh_offset,
                         section.sh_size, section.sh_link});
  }
  if (names >= sections_.size() || sections_[names].type != SHT_STRTAB) return;
  section_names_.resize(
      std::min(sections_[names].size, std::min(file_size_, kMaxSectionNameBytes)));
  if (!read_at(sections_[names].offset, section_names_.data(), section_names_.size())) {
    section_names_.clear();
  }
}

std::optional<ElfSymbol> ElfFile::object(std::string_view name) const {
  return definitions(std::span(&name, 1), ElfSymbolType::object)[0];
}

std::vector<std::optional<ElfSymbol>> ElfFile::definitions(std::span<const std::string_view> names,
                                                           ElfSymbolType type) const {
  std::vector<std::optional<ElfSymbol>> found(names.size());
  for (const uint32_t table : {uint32_t{SHT_DYNSYM}, uint32_t{SHT_SYMTAB}}) {
    const auto symbols = std::find_if(sections_.begin(), sections_.end(),
                                      [&](const Section& s) { return s.type == table; });
    if (symbols != sections_.end()) find_in_table(*symbols, names, type, found);
  }
  return found;
}

void ElfFile::find_in_table(const Section& symbols, std::span<const std::string_view> names,
                            ElfSymbolType type,
                            std::vector<std::optional<ElfSymbol>>& found) const {
  if (symbols.link >= sections_.size()) return;
  const Section& strings = sections_[symbols.link];
  if (strings.type != SHT_STRTAB) return;

  // First the strings: most files of a process do not hold the name at all.
  std::size_t longest = 0;
  for (const auto& name : names) longest = std::max(longest, name.size() + 1);
  std::vector<NamePosition> positions;
  std::string chunk;
  std::size_t kept = 0;
  const uint64_t string_bytes = std::min({strings.size, file_size_, kMaxStringBytes});
  for (uint64_t done = 0; done < string_bytes;) {
    const std::size_t bytes = std::min<uint64_t>(kChunkBytes, string_bytes - done);
    chunk.resize(kept + bytes);
    if (!read_at(strings.offset + done, chunk.data() + kept, bytes)) break;
    find_in_chunk(chunk, done - kept, kept, names, positions);
    done += bytes;
    kept = std::min(longest, chunk.size());
    chunk.erase(0, chunk.size() - kept);
  }
  if (positions.empty()) return;

  const std::size_t table_index = static_cast<std::size_t>(&symbols - sections_.data());
  const uint64_t count =
      std::min({symbols.size, file_size_, kMaxSymbols * sizeof(Elf64_Sym)}) / sizeof(Elf64_Sym);
  constexpr std::size_t kPerChunk = kChunkBytes / sizeof(Elf64_Sym);
  std::vector<Elf64_Sym> entries;
  int copy_checks = 0;
  for (uint64_t first = 0; first < count; first += entries.size()) {
    entries.resize(std::min<uint64_t>(kPerChunk, count - first));
    if (!read_at(symbols.offset + first * sizeof(Elf64_Sym), entries.data(),
                 entries.size() * sizeof(Elf64_Sym))) {
      return;
    }
    for (std::size_t i = 0; i < entries.size(); ++i) {
      const Elf64_Sym& entry = entries[i];
      const auto position =
          std::find_if(positions.begin(), positions.end(),
                       [&](const NamePosition& p) { return p.offset == entry.st_name; });
      if (position == positions.end() || found[position->name]) continue;
      const unsigned wanted = type == ElfSymbolType::object ? STT_OBJECT : STT_FUNC;
      if (ELF64_ST_TYPE(entry.st_info) != wanted || entry.st_shndx == SHN_UNDEF) continue;
      if (type == ElfSymbolType::object) {
        if (++copy_checks > kMaxCopyChecks) return;
        if (copy_relocated(table_index, first + i)) continue;
      }
      found[position->name] = ElfSymbol{entry.st_value, entry.st_size};
    }
  }
}

bool ElfFile::copy_relocated(std::size_t symbols_index, uint64_t symbol) const {
  const uint32_t copy = machine_ == EM_AARCH64 ? R_AARCH64_COPY : R_X86_64_COPY;
  std::vector<Elf64_Rela> entries;
  for (const Section& section : sections_) {
    if (section.type != SHT_RELA || section.link != symbols_index) continue;
    const uint64_t count =
        std::min({section.size, file_size_, kMaxRelocations * sizeof(Elf64_Rela)}) /
        sizeof(Elf64_Rela);
    for (uint64_t first = 0; first < count; first += entries.size()) {
      entries.resize(std::min<uint64_t>(kChunkBytes / sizeof(Elf64_Rela), count - first));
      if (!read_at(section.offset + first * sizeof(Elf64_Rela), entries.data(),
                   entries.size() * sizeof(Elf64_Rela))) {
        break;
      }
      for (const Elf64_Rela& entry : entries) {
        if (ELF64_R_TYPE(entry.r_info) == copy && ELF64_R_SYM(entry.r_info) == symbol) return true;
      }
    }
  }
  return false;
}

const ElfFile::Section* ElfFile::find_section(std::string_view name) const {
  const std::string with_end = std::string(name) + '\0';
  for (const Section& section : sections_) {
    if (section.name >= section_names_.size()) continue;
    if (section_names_.compare(section.name, with_end.size(), with_end) == 0) return &section;
  }
  return nullptr;
}

std::optional<std::vector<std::byte>> ElfFile::section(std::string_view name,
                                                       std::size_t limit) const {
  const Section* section = find_section(name);
  if (section == nullptr || section->type == SHT_NOBITS) return std::nullopt;
  std::vector<std::byte> bytes(std::min<uint64_t>({section->size, limit, file_size_}));
  if (!read_at(section->offset, bytes.data(), bytes.size())) return std::nullopt;
  return bytes;
}

std::optional<uint64_t> ElfFile::section_address(std::string_view name) const {
  const Section* section = find_section(name);
  if (section == nullptr || section->address == 0) return std::nullopt;
  return section->address;
}

bool ElfFile::read_initial(uint64_t vaddr, void* to, std::size_t bytes) const {
  for (const ElfSegment& segment : segments_) {
    if (vaddr < segment.vaddr) continue;
    const uint64_t inside = vaddr - segment.vaddr;
    if (inside > segment.file_size || bytes > segment.file_size - inside) continue;
    return read_at(segment.offset + inside, to, bytes);
  }
  return false;
}

std::optional<uint64_t> load_bias(std::span<const ElfSegment> segments, uint64_t start,
                                  uint64_t offset) {
  // The loader maps whole pages (of up to 64 KiB on arm64), so a mapping may begin a little before
  // its segment. Executable segments only: neighbours share pages of the file.
  constexpr uint64_t kMaxPageBytes = 65'536;
  for (const ElfSegment& segment : segments) {
    if (!segment.executable) continue;
    const bool inside = offset >= segment.offset && offset - segment.offset < segment.file_size;
    const bool same_page = offset < segment.offset && segment.offset - offset < kMaxPageBytes;
    if (inside || same_page) return start - offset + segment.offset - segment.vaddr;
  }
  return std::nullopt;
}

}  // namespace loopstall::host
