#include "sdk/conformance/elf_reader.hpp"

#include <elf.h>

#include <algorithm>
#include <cstring>
#include <optional>

namespace ccp::kit {
namespace {

constexpr std::size_t kMaxSegments = 256;
constexpr std::size_t kMaxDynamic = 4096;
constexpr std::size_t kMaxSymbols = 1u << 20;

tl::unexpected<Error> bad(const std::string& what) { return fail(Errc::validation_failed, what); }

/// Reads fixed-size values at any offset; nothing behind the end.
class Image {
 public:
  explicit Image(std::string_view bytes) : bytes_(bytes) {}
  template <class T>
  std::optional<T> at(std::uint64_t offset) const {
    if (offset > bytes_.size() || bytes_.size() - offset < sizeof(T)) return std::nullopt;
    T out;
    std::memcpy(&out, bytes_.data() + offset, sizeof(T));
    return out;
  }
  /// A string that ends with NUL within [offset, end of the table).
  std::optional<std::string> text(std::uint64_t table, std::uint64_t size, std::uint64_t index) const {
    if (table > bytes_.size() || size > bytes_.size() - table || index >= size) return std::nullopt;
    const std::string_view rest = bytes_.substr(table + index, size - index);
    const auto end = rest.find('\0');
    if (end == std::string_view::npos) return std::nullopt;
    return std::string(rest.substr(0, end));
  }

 private:
  std::string_view bytes_;
};

struct Dynamic {
  std::uint64_t symbols = 0, strings = 0, strings_size = 0, hash = 0, gnu_hash = 0;
  std::uint64_t flags = 0;
  bool textrel = false;
  std::vector<std::uint64_t> needed;
  std::optional<std::uint64_t> soname, rpath, runpath;
};

class Reader {
 public:
  explicit Reader(std::string_view bytes) : image_(bytes) {}

  Result<ElfFacts> read() {
    CCP_CHECK_OK(readHeader());
    CCP_CHECK_OK(readSegments());
    if (!dynamic_offset_) return bad("it has no dynamic section: it is no shared object");
    CCP_CHECK_OK(readDynamic());
    CCP_CHECK_OK(resolveNames());
    CCP_CHECK_OK(readSymbols());
    facts_.text_relocations = dynamic_.textrel || (dynamic_.flags & DF_TEXTREL) != 0;
    return std::move(facts_);
  }

 private:
  Status readHeader() {
    const auto header = image_.at<Elf64_Ehdr>(0);
    if (!header || std::memcmp(header->e_ident, ELFMAG, SELFMAG) != 0) return bad("it is no ELF file");
    if (header->e_ident[EI_CLASS] != ELFCLASS64 || header->e_ident[EI_DATA] != ELFDATA2LSB) return bad("it is no 64-bit little-endian ELF file");
    if (header->e_type != ET_DYN) return bad("it is no shared object (ELF type " + std::to_string(header->e_type) + ")");
    if (header->e_phentsize != sizeof(Elf64_Phdr) || header->e_phnum == 0 || header->e_phnum > kMaxSegments) return bad("its program headers are damaged");
    header_ = *header;
    facts_.machine = header->e_machine;
    return {};
  }

  Status readSegments() {
    for (std::uint64_t i = 0; i < header_.e_phnum; ++i) {
      const auto segment = image_.at<Elf64_Phdr>(header_.e_phoff + i * sizeof(Elf64_Phdr));
      if (!segment) return bad("its program headers end too early");
      if (segment->p_type == PT_LOAD) loads_.push_back(*segment);
      if (segment->p_type == PT_DYNAMIC) dynamic_offset_ = segment->p_offset;
      if (segment->p_type == PT_GNU_STACK) facts_.executable_stack = (segment->p_flags & PF_X) != 0;
    }
    return {};
  }

  /// Where an address of the loaded image stands in the file.
  std::optional<std::uint64_t> offsetOf(std::uint64_t address) const {
    for (const auto& load : loads_) {
      if (address >= load.p_vaddr && address - load.p_vaddr < load.p_filesz) return load.p_offset + (address - load.p_vaddr);
    }
    return std::nullopt;
  }

  Status readDynamic() {
    for (std::uint64_t i = 0;; ++i) {
      const auto entry = image_.at<Elf64_Dyn>(*dynamic_offset_ + i * sizeof(Elf64_Dyn));
      if (!entry || i >= kMaxDynamic) return bad("its dynamic section has no end");
      const std::uint64_t value = entry->d_un.d_val;
      switch (entry->d_tag) {
        case DT_NULL: return {};
        case DT_NEEDED: dynamic_.needed.push_back(value); break;
        case DT_SONAME: dynamic_.soname = value; break;
        case DT_RPATH: dynamic_.rpath = value; break;
        case DT_RUNPATH: dynamic_.runpath = value; break;
        case DT_STRTAB: dynamic_.strings = value; break;
        case DT_STRSZ: dynamic_.strings_size = value; break;
        case DT_SYMTAB: dynamic_.symbols = value; break;
        case DT_HASH: dynamic_.hash = value; break;
        case DT_GNU_HASH: dynamic_.gnu_hash = value; break;
        case DT_TEXTREL: dynamic_.textrel = true; break;
        case DT_FLAGS: dynamic_.flags = value; break;
        default: break;
      }
    }
  }

  Result<std::string> name(std::uint64_t index) const {
    const auto table = offsetOf(dynamic_.strings);
    const auto text = table ? image_.text(*table, dynamic_.strings_size, index) : std::nullopt;
    if (!text) return bad("its string table is damaged");
    return *text;
  }

  Status resolveNames() {
    for (const auto index : dynamic_.needed) {
      CCP_TRY(auto text, name(index));
      facts_.needed.push_back(std::move(text));
    }
    if (dynamic_.soname) {
      CCP_TRY(facts_.soname, name(*dynamic_.soname));
    }
    if (dynamic_.rpath) {
      CCP_TRY(facts_.rpath, name(*dynamic_.rpath));
    }
    if (dynamic_.runpath) {
      CCP_TRY(facts_.runpath, name(*dynamic_.runpath));
    }
    return {};
  }

  /// How many symbols the loader can find: the hash tables are the only count that it has.
  Result<std::uint64_t> symbolCount() const {
    if (const auto hash = dynamic_.hash ? offsetOf(dynamic_.hash) : std::nullopt) {
      const auto chains = image_.at<std::uint32_t>(*hash + 4);
      if (!chains) return bad("its hash table is damaged");
      return *chains;
    }
    const auto hash = dynamic_.gnu_hash ? offsetOf(dynamic_.gnu_hash) : std::nullopt;
    if (!hash) return bad("it has no symbol hash table");
    const auto buckets = image_.at<std::uint32_t>(*hash);
    const auto first = image_.at<std::uint32_t>(*hash + 4);
    const auto bloom_words = image_.at<std::uint32_t>(*hash + 8);
    if (!buckets || !first || !bloom_words || *buckets > kMaxSymbols || *bloom_words > kMaxSymbols) return bad("its hash table is damaged");
    const std::uint64_t bucket_table = *hash + 16 + std::uint64_t{8} * *bloom_words;
    const std::uint64_t chain_table = bucket_table + std::uint64_t{4} * *buckets;
    std::uint64_t last = 0;
    for (std::uint64_t i = 0; i < *buckets; ++i) {
      const auto bucket = image_.at<std::uint32_t>(bucket_table + 4 * i);
      if (!bucket) return bad("its hash table ends too early");
      last = std::max<std::uint64_t>(last, *bucket);
    }
    if (last < *first) return *first;  // nothing is exported
    for (;; ++last) {
      const auto chain = image_.at<std::uint32_t>(chain_table + 4 * (last - *first));
      if (!chain || last > kMaxSymbols) return bad("its hash table has no end");
      if ((*chain & 1) != 0) return last + 1;
    }
  }

  Status readSymbols() {
    const auto table = offsetOf(dynamic_.symbols);
    if (!table) return bad("it has no dynamic symbol table");
    CCP_TRY(const std::uint64_t count, symbolCount());
    if (count > kMaxSymbols) return bad("it claims more than a million symbols");
    for (std::uint64_t i = 1; i < count; ++i) {
      const auto symbol = image_.at<Elf64_Sym>(*table + i * sizeof(Elf64_Sym));
      if (!symbol) return bad("its symbol table ends too early");
      const auto bind = ELF64_ST_BIND(symbol->st_info);
      const auto visibility = ELF64_ST_VISIBILITY(symbol->st_other);
      if (symbol->st_shndx == SHN_UNDEF || bind == STB_LOCAL || visibility == STV_HIDDEN || visibility == STV_INTERNAL) continue;
      CCP_TRY(auto text, name(symbol->st_name));
      facts_.exported.push_back({std::move(text), bind == STB_GNU_UNIQUE});
    }
    return {};
  }

  Image image_;
  Elf64_Ehdr header_{};
  std::vector<Elf64_Phdr> loads_;
  std::optional<std::uint64_t> dynamic_offset_;
  Dynamic dynamic_;
  ElfFacts facts_;
};

}  // namespace

Result<ElfFacts> readElf(std::string_view bytes) { return Reader(bytes).read(); }

std::uint16_t ownMachine() noexcept {
#if defined(__x86_64__)
  return EM_X86_64;
#elif defined(__aarch64__)
  return EM_AARCH64;
#else
  return EM_NONE;
#endif
}

std::string machineName(std::uint16_t machine) {
  switch (machine) {
    case EM_X86_64: return "x86-64";
    case EM_AARCH64: return "aarch64";
    case EM_386: return "i386";
    case EM_ARM: return "arm";
    case EM_RISCV: return "riscv";
    default: return "machine " + std::to_string(machine);
  }
}

}  // namespace ccp::kit
