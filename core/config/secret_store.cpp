#include <algorithm>
#include <cctype>

#include "core/base/file.hpp"
#include "core/config/settings.hpp"

namespace ccp::config {
namespace {

std::string variableFor(std::string_view id) {
  std::string out = "CCP_SECRET_";
  for (const char c : id) {
    const auto u = static_cast<unsigned char>(c);
    out += std::isalnum(u) ? static_cast<char>(std::toupper(u)) : '_';
  }
  return out;
}

/// Ids are path segments of [a-z0-9_-]: nothing that could leave the secrets folder.
bool isSecretId(std::string_view id) {
  bool segment_started = false;
  for (const char c : id) {
    if (c == '/') {
      if (!segment_started) return false;
      segment_started = false;
    } else if (std::islower(static_cast<unsigned char>(c)) || std::isdigit(static_cast<unsigned char>(c)) || c == '_' || c == '-') {
      segment_started = true;
    } else {
      return false;
    }
  }
  return segment_started;
}

Result<SecretBytes> fromFile(const std::string& path) {
  CCP_TRY(auto text, readFile(path, 1 << 16));
  std::size_t end = text.size();
  while (end > 0 && (text[end - 1] == '\n' || text[end - 1] == '\r')) --end;
  SecretBytes out(std::string_view(text).substr(0, end));
  std::fill(text.begin(), text.end(), '\0');
  return out;
}

}  // namespace

SecretStore::SecretStore(std::string state_dir, std::map<std::string, std::string> environment)
    : state_dir_(std::move(state_dir)), environment_(std::move(environment)) {}

Result<SecretBytes> SecretStore::get(std::string_view id) const {
  if (!isSecretId(id)) return fail(Errc::secret_missing, "\"" + std::string(id) + "\" is not a secret id such as polar/token.");
  const auto name = variableFor(id);
  if (const auto at = environment_.find(name); at != environment_.end()) return SecretBytes(std::string_view(at->second));
  if (const auto at = environment_.find(name + "_FILE"); at != environment_.end()) return fromFile(at->second);
  const auto path = state_dir_ + "/secrets/" + std::string(id);
  if (fileExists(path)) return fromFile(path);
  return fail(Errc::secret_missing, "Secret \"" + std::string(id) + "\" is not set: looked for " + name + ", " + name +
                                        "_FILE and " + path + ".");
}

}  // namespace ccp::config
