// What the dynamic loader will see in a library, read from its bytes without running anything. Follows the
// program headers and the dynamic section, as the loader does: section headers may lie or be missing.
// Every offset is checked; the file may be hostile (tests/fuzz/elf_fuzz.cpp). Pure.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/error.hpp"

namespace ccp::kit {

struct ElfSymbol {
  std::string name;
  bool unique = false;  ///< STB_GNU_UNIQUE: one copy per process, pins the library for ever
};

struct ElfFacts {
  std::uint16_t machine = 0;
  std::vector<ElfSymbol> exported;  ///< defined, global, weak or unique, visible to others
  std::vector<std::string> needed;
  std::string soname, rpath, runpath;
  bool text_relocations = false;
  bool executable_stack = false;
};

/// `validation_failed` says what is no 64-bit little-endian ELF shared object, or where it is damaged.
Result<ElfFacts> readElf(std::string_view bytes);
/// e_machine of this program.
std::uint16_t ownMachine() noexcept;
std::string machineName(std::uint16_t machine);

}  // namespace ccp::kit
