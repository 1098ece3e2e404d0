#include "sdk/conformance/subject.hpp"

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <utility>

namespace ccp::kit {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t kMaxLibrary = std::size_t{256} << 20;
constexpr std::size_t kMaxFile = std::size_t{4} << 20;

Result<std::string> libraryIn(const std::string& folder) {
  std::vector<std::string> found;
  std::error_code ignored;
  for (const auto& entry : fs::directory_iterator(folder, ignored)) {
    if (entry.path().extension() == ".so" && entry.is_regular_file()) found.push_back(entry.path().string());
  }
  std::sort(found.begin(), found.end());
  if (found.empty()) return fail(Errc::not_found, folder + " holds no .so file. Name the folder of a package, or the library itself.");
  if (found.size() > 1) return fail(Errc::not_found, folder + " holds " + std::to_string(found.size()) + " .so files; a package has one. Name the library itself.");
  return found.front();
}

void readManifest(Subject& s) {
  const std::string path = s.folder + "/plugin.json";
  auto text = readWholeFile(path, kMaxFile);
  if (!text) {
    s.manifest_problem = "there is no " + path;
    return;
  }
  s.manifest_text = std::move(*text);
  auto manifest = plugin::parseManifest(s.manifest_text);
  if (!manifest) {
    s.manifest_problem = manifest.error().detail;
    return;
  }
  s.manifest = std::move(*manifest);
  if (s.manifest->config_schema.empty()) return;
  const auto schema_text = readWholeFile(s.folder + "/" + s.manifest->config_schema, kMaxFile);
  auto schema = schema_text ? parseJson(*schema_text, {kMaxFile, 64}) : Result<Json>(fail(schema_text.error()));
  if (schema) {
    s.config_schema = std::move(*schema);
  } else {
    s.config_schema_problem = s.manifest->config_schema + ": " + schema.error().detail;
  }
}

}  // namespace

plugin::Package Subject::package() const {
  plugin::Package out;
  out.folder = folder;
  if (manifest) out.manifest = *manifest;
  out.library = library;
  out.config_schema = config_schema;
  return out;
}

Result<std::string> readWholeFile(const std::string& path, std::size_t max) {
  std::ifstream in(path, std::ios::binary);
  std::error_code ignored;
  if (!in || !fs::is_regular_file(path, ignored)) return fail(Errc::not_found, path + " cannot be read.");
  const auto size = fs::file_size(path, ignored);
  if (ignored || size > max) return fail(Errc::body_too_large, path + " is larger than " + std::to_string(max) + " bytes.");
  std::string out(static_cast<std::size_t>(size), '\0');
  in.read(out.data(), static_cast<std::streamsize>(out.size()));
  out.resize(static_cast<std::size_t>(in.gcount()));
  return out;
}

Result<Subject> readSubject(const std::string& path, const std::string& fixtures) {
  Subject s;
  std::error_code ignored;
  if (fs::is_directory(path, ignored)) {
    s.folder = fs::path(path).lexically_normal().string();
    if (s.folder.size() > 1 && s.folder.back() == '/') s.folder.pop_back();
    CCP_TRY(s.library_path, libraryIn(s.folder));
  } else {
    s.library_path = path;
    const auto parent = fs::path(path).parent_path();
    s.folder = parent.empty() ? "." : parent.string();
  }
  CCP_TRY(s.library, readWholeFile(s.library_path, kMaxLibrary));
  readManifest(s);
  s.fixtures = fixtures.empty() && fs::is_directory(s.folder + "/conformance", ignored) ? s.folder + "/conformance" : fixtures;
  if (!s.fixtures.empty()) {
    if (!fs::is_directory(s.fixtures, ignored)) return fail(Errc::not_found, "The folder of fixtures " + s.fixtures + " does not exist.");
    if (const auto text = readWholeFile(s.fixtures + "/secrets.json", kMaxFile)) {
      CCP_TRY(const Json secrets, parseJson(*text));
      for (const auto& [id, value] : secrets.members()) {
        if (const auto* v = value.asString()) s.secrets[id] = *v;
      }
    }
  }
  return s;
}

}  // namespace ccp::kit
