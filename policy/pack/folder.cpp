#include <algorithm>
#include <filesystem>
#include <map>

#include "core/base/file.hpp"
#include "policy/pack/document_text.hpp"

namespace ccp::policy {
namespace {

namespace fs = std::filesystem;

tl::unexpected<Error> inFile(const std::string& path, Error error) {
  error.detail = path + ": " + error.detail;
  return fail(std::move(error));
}

/// Paths of regular files below `folder`, sorted, with "/" between steps.
Result<std::vector<std::string>> listFiles(const std::string& folder) {
  std::vector<std::string> out;
  std::error_code bad;
  fs::recursive_directory_iterator it(folder, bad);
  if (bad) return fail(Errc::io_error, "Cannot read the folder " + folder + ": " + bad.message() + ".");
  for (const fs::recursive_directory_iterator end; it != end; it.increment(bad)) {
    if (bad) return fail(Errc::io_error, "Cannot read the folder " + folder + ": " + bad.message() + ".");
    const auto name = it->path().filename().string();
    const auto path = it->path().lexically_relative(folder).generic_string();
    const auto status = it->symlink_status(bad);
    if (name.starts_with('.') || (fs::is_directory(status) && path == "types")) {
      if (fs::is_directory(status)) it.disable_recursion_pending();
      continue;
    }
    if (it.depth() > 8) return fail(Errc::policy_file_invalid, path + " lies too deep; a pack has at most 8 levels of folders.");
    // A link could bring a file of this machine into a pack that is given away.
    if (fs::is_symlink(status)) return fail(Errc::policy_file_invalid, path + " is a link; a pack consists of files.");
    if (fs::is_regular_file(status)) out.push_back(path);
    if (out.size() > 10'000) return fail(Errc::policy_too_large, folder + " has more than 10,000 files.");
  }
  std::sort(out.begin(), out.end());
  return out;
}

Result<std::string> readText(const std::string& folder, const std::string& path, std::size_t max_bytes) {
  std::error_code bad;
  const auto size = fs::file_size(fs::path(folder) / path, bad);
  if (!bad && size > max_bytes) {
    return fail(Errc::policy_too_large, path + " has " + std::to_string(size) + " bytes; at most " + std::to_string(max_bytes) + " are allowed.");
  }
  return readFile((fs::path(folder) / path).string(), max_bytes);
}

/// "…at byte 120." → "…at byte 120 (line 7)."
std::string withLine(std::string detail, std::string_view text) {
  const auto at = detail.rfind("at byte ");
  if (at == std::string::npos) return detail;
  const auto byte = static_cast<std::size_t>(std::max(0, std::atoi(detail.c_str() + at + 8)));
  const auto line = 1 + std::count(text.begin(), text.begin() + static_cast<std::ptrdiff_t>(std::min(byte, text.size())), '\n');
  if (detail.ends_with('.')) detail.pop_back();
  return detail + " (line " + std::to_string(line) + ").";
}

Result<Json> jsonOf(const std::string& path, std::string_view text) {
  auto json = parseJson(text, {.max_bytes = kMaxDocumentBytes, .max_depth = 40});
  if (!json) return fail(Errc::policy_document_invalid, path + ": " + withLine(json.error().detail, text));
  return json;
}

bool isBelow(std::string_view path, std::string_view folder) noexcept {
  return path.starts_with(folder) && path.size() > folder.size() && path[folder.size()] == '/';
}

/// README and the like are not part of the pack.
bool belongs(const std::string& path) noexcept {
  if (path.ends_with(".json") || isBelow(path, "tests") || isBelow(path, "golden") || isBelow(path, "data")) return true;
  std::string lower = path;
  std::transform(lower.begin(), lower.end(), lower.begin(), [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return lower.ends_with(".lua") || lower.ends_with(".luac");
}

std::string stemOf(const std::string& path) { return fs::path(path).stem().string(); }

/// tests/a.json holds one case, named "a" unless it says otherwise, or a list: "a/1", "a/2"…
Status addTests(const std::string& path, std::string_view text, bool golden, PackDocument& out) {
  CCP_TRY(const Json json, jsonOf(path, text));
  const auto add = [&](const Json& item, const std::string& pointer, const std::string& name) -> Status {
    auto test = testFromJson(item, pointer, golden, name);
    if (!test) return inFile(path, std::move(test).error());
    for (const auto& other : out.tests) {
      if (other.golden == golden && other.name == test->name) {
        return fail(Errc::policy_document_invalid, path + ": another case is called \"" + test->name + "\" as well.");
      }
    }
    out.tests.push_back(std::move(*test));
    return {};
  };
  if (!json.isArray()) return add(json, "", stemOf(path));
  std::size_t i = 0;
  for (const Json& item : json.items()) {
    const auto number = std::to_string(++i);
    CCP_CHECK_OK(add(item, "/" + std::to_string(i - 1), stemOf(path) + "/" + number));
  }
  return {};
}

Status addFile(const std::string& path, const std::string& text, PackDocument& out) {
  const bool json = path.ends_with(".json");
  if (path == "pack.json") return {};
  if (const bool golden = isBelow(path, "golden"); golden || isBelow(path, "tests")) {
    if (!json) return fail(Errc::policy_file_invalid, path + ": the folders tests and golden hold cases as .json files only.");
    return addTests(path, text, golden, out);
  }
  if (isBelow(path, "data")) {
    const auto name = stemOf(path);
    if (!json || !checkPackFile(path, "") || fs::path(path).parent_path() != "data") {
      return fail(Errc::policy_file_invalid, path + ": the folder data holds files NAME.json, which the policy reads as ccp.data.NAME.");
    }
    CCP_TRY(auto value, jsonOf(path, text));
    if (out.data.find(name)) return fail(Errc::policy_document_invalid, path + ": pack.json has data of the name \"" + name + "\" as well.");
    out.data.set(name, std::move(value));
    return {};
  }
  if (json) {
    return fail(Errc::policy_file_invalid,
                path + " has no place in a pack: constants belong into data/, cases into tests/ and golden/.");
  }
  if (!belongs(path)) return {};
  CCP_CHECK_OK(checkPackFile(path, text));
  out.files.emplace_back(path, text);
  return {};
}

}  // namespace

Result<PackDocument> packFromFiles(const std::map<std::string, std::string>& files) {
  const auto manifest = files.find("pack.json");
  if (manifest == files.end()) return fail(Errc::not_found, "There is no pack.json; `ccp policy new` makes a pack.");
  auto json = parseDocument(manifest->second);
  if (!json) {
    auto error = std::move(json).error();
    error.detail = withLine(std::move(error.detail), manifest->second);
    return inFile("pack.json", std::move(error));
  }
  auto pack = packFromJson(*json, Strictness::folder);
  if (!pack) return inFile("pack.json", std::move(pack).error());
  for (const auto& [path, text] : files) CCP_CHECK_OK(addFile(path, text, *pack));
  for (const auto& [point, path] : pack->entry) {
    if (!pack->file(path)) {
      return fail(Errc::policy_document_invalid,
                  "pack.json: /entry/" + std::string(toString(point)) + " names " + path + ", which is not there.");
    }
  }
  // Signing adds times only; what is too large now would be refused then.
  if (const auto size = toText(*pack).size(); size + 128 > kMaxDocumentBytes) {
    return fail(Errc::policy_too_large, "The pack makes a document of " + std::to_string(size) + " bytes, and 1 MiB is the most.");
  }
  return pack;
}

Result<PackDocument> readPackFolder(const std::string& folder) {
  std::error_code bad;
  if (!fs::is_directory(folder, bad)) return fail(Errc::not_found, folder + " is not a folder.");
  CCP_TRY(const auto paths, listFiles(folder));
  std::map<std::string, std::string> files;
  std::size_t total = 0;
  for (const auto& path : paths) {
    if (!belongs(path)) continue;
    CCP_TRY(auto text, readText(folder, path, path.ends_with(".json") ? kMaxDocumentBytes : kMaxFileBytes));
    total += text.size();
    if (total > 2 * kMaxDocumentBytes) return fail(Errc::policy_too_large, folder + " holds more than a pack of 1 MiB can.");
    files.emplace(path, std::move(text));
  }
  auto pack = packFromFiles(files);
  if (!pack) return inFile(folder, std::move(pack).error());
  return pack;
}

}  // namespace ccp::policy
