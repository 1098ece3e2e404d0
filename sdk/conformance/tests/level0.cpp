// Level 0: the files, before anything of them runs.
#include <algorithm>
#include <filesystem>

#include "core/crypto/dsse.hpp"
#include "core/package/package.hpp"
#include "sdk/conformance/elf_reader.hpp"
#include "sdk/conformance/tests/tests.hpp"

namespace ccp::kit::tests {
namespace {

namespace fs = std::filesystem;

std::optional<ElfFacts> elf(Context& t) {
  auto facts = readElf(t.subject.library);
  if (!facts) {
    t.skip("the library is no shared object; see L0.elf");
    return std::nullopt;
  }
  return std::move(*facts);
}

std::string joined(const std::vector<std::string>& words, std::size_t most = 8) {
  std::string out;
  for (std::size_t i = 0; i < words.size() && i < most; ++i) out += (i ? ", " : "") + words[i];
  if (words.size() > most) out += ", and " + std::to_string(words.size() - most) + " more";
  return out;
}

std::string dependencies(const ElfFacts& facts) { return facts.needed.empty() ? "needs no library" : "needs " + joined(facts.needed); }

}  // namespace

void elfFile(Context& t) {
  const auto facts = readElf(t.subject.library);
  if (!facts) {
    t.fail(t.subject.library_path + ": " + facts.error().detail, "a 64-bit ELF shared object", "Link with -shared -fPIC; ccp_add_plugin() does.");
    return;
  }
  if (facts->machine != ownMachine()) {
    t.fail(t.subject.library_path + " is for " + machineName(facts->machine), "a library for " + machineName(ownMachine()), "Build for this machine.");
  }
  t.note(dependencies(*facts));
}

void exports(Context& t) {
  const auto facts = elf(t);
  if (!facts) return;
  std::vector<std::string> others;
  bool entry = false;
  for (const auto& symbol : facts->exported) {
    if (symbol.name == CCP_ENTRY_SYMBOL) entry = true;
    else others.push_back(symbol.name);
  }
  if (!entry) t.fail("the library does not export " CCP_ENTRY_SYMBOL, "exactly this symbol", "End one .cpp file with CCP_PLUGIN(Class), or mark the C function CCP_EXPORT.");
  if (!others.empty()) {
    t.fail("the library also exports " + joined(others), "no symbol but " CCP_ENTRY_SYMBOL ", so that plugins cannot clash",
           "Link with -Wl,--version-script={global: " CCP_ENTRY_SYMBOL "; local: *;} and compile with -fvisibility=hidden; ccp_add_plugin() does both.");
  }
}

void uniqueSymbols(Context& t) {
  const auto facts = elf(t);
  if (!facts) return;
  std::vector<std::string> found;
  for (const auto& symbol : facts->exported) {
    if (symbol.unique) found.push_back(symbol.name);
  }
  if (!found.empty()) {
    t.fail("GNU_UNIQUE symbols: " + joined(found), "none: a unique symbol is shared with every other plugin and pins the library", "Compile with -fno-gnu-unique (g++).");
  }
}

void searchPath(Context& t) {
  const auto facts = elf(t);
  if (!facts) return;
  for (const auto& [name, value] : {std::pair<const char*, const std::string&>{"RPATH", facts->rpath}, {"RUNPATH", facts->runpath}}) {
    if (!value.empty()) {
      t.fail(std::string("the library has the ") + name + " " + value, "no search path: whoever can write there could exchange its libraries", "Link without -rpath; in CMake set CMAKE_SKIP_RPATH.");
    }
  }
}

void textRelocations(Context& t) {
  const auto facts = elf(t);
  if (facts && facts->text_relocations) t.fail("the library has text relocations", "none: they need memory that is writable and executable", "Compile everything that is linked in with -fPIC.");
}

void executableStack(Context& t) {
  const auto facts = elf(t);
  if (facts && facts->executable_stack) t.fail("the library asks for an executable stack", "a stack that is not executable", "Link with -z noexecstack; assembler files need .note.GNU-stack.");
}

void libraryName(Context& t) {
  if (!t.subject.manifest) return t.skip("there is no valid plugin.json; see L0.manifest");
  const std::string name = fs::path(t.subject.library_path).filename().string();
  if (t.subject.manifest->library != name) {
    t.fail("the file under test is " + name + "; the manifest's `files` names the library " + t.subject.manifest->library, "the same name", "Pack the library under the name that the manifest gives.");
  }
  const std::string folder = plugin::folderOf(t.subject.manifest->id);
  if (folder != fs::path(name).stem().string()) {
    t.fail("the library of " + t.subject.manifest->id + " is called " + name, folder + ".so, as the folder below plugin_dir is called", "Name the target " + folder + ".");
  }
}

void manifest(Context& t) {
  if (!t.subject.manifest) {
    t.fail(t.subject.manifest_problem, "a valid plugin.json beside the library", "See docs/plugin-guide for the members; ccp_add_plugin() fills in the hashes.");
    return;
  }
  const SystemClock clock;
  if (const auto fits = plugin::checkCompatible(*t.subject.manifest, clock.now()); !fits) {
    t.fail(fits.error().detail, "a manifest that this release of CCP accepts", "Correct the manifest, or check with the release that it is meant for.");
  }
}

void hashes(Context& t) {
  if (!t.subject.manifest) return t.skip("there is no valid plugin.json; see L0.manifest");
  for (const auto& [path, hash] : t.subject.manifest->files) {
    const auto bytes = path == t.subject.manifest->library ? Result<std::string>(t.subject.library) : readWholeFile(t.subject.folder + "/" + path, std::size_t{64} << 20);
    if (!bytes) {
      t.fail("the manifest lists " + path + ": " + bytes.error().detail, "every file of `files` in the package", "Pack it, or take it out of the manifest.");
    } else if (const std::string found = sha256Hex(*bytes); found != hash) {
      t.fail(path + " has the SHA-256 " + found + "; the manifest says " + hash, "the file that the manifest was made for", "Pack again: the manifest is written after the library is linked.");
    }
  }
}

void signature(Context& t) {
  const auto text = readWholeFile(t.subject.folder + "/plugin.json.dsse", std::size_t{1} << 20);
  if (!text) return t.skip("the package is not signed: servers in production refuse it (ccp plugin sign)");
  if (t.subject.manifest_text.empty()) return t.skip("there is no plugin.json; see L0.manifest");
  const auto envelope = crypto::parseDsse(*text);
  if (!envelope) {
    t.fail("plugin.json.dsse: " + envelope.error().detail, "a DSSE envelope", "Sign the package again with ccp plugin sign.");
    return;
  }
  if (envelope->payload_type != crypto::kPayloadPluginManifest) {
    t.fail("the envelope is of type " + envelope->payload_type.substr(0, 100), std::string(crypto::kPayloadPluginManifest), "Sign the package with ccp plugin sign.");
  }
  if (envelope->payload != t.subject.manifest_text) {
    t.fail("the signed manifest is not the plugin.json beside it", "the very same bytes", "Sign after the last change of plugin.json.");
  }
  t.note("signed; whether a server trusts the key is for `ccp plugin verify` to say");
}

}  // namespace ccp::kit::tests
