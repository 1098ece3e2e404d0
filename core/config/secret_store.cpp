#include <sys/stat.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <cerrno>
#include <chrono>
#include <mutex>
#include <optional>

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

/// What changes when a file does.
using Version = std::array<std::int64_t, 7>;
struct Look {
  bool exists = false;
  /// Nothing when it was written a moment ago: times have a granularity, and a second change could look
  /// like the first.
  std::optional<Version> version = {};
};
Look lookAt(const std::string& path) {
  constexpr std::int64_t kSettledAfterS = 2;
  struct stat s {};
  if (::stat(path.c_str(), &s) != 0) return {errno != ENOENT && errno != ENOTDIR};
  const auto now = std::chrono::duration_cast<std::chrono::seconds>(std::chrono::system_clock::now().time_since_epoch()).count();
  if (s.st_ctim.tv_sec + kSettledAfterS >= now) return {true};
  return {true, Version{static_cast<std::int64_t>(s.st_dev), static_cast<std::int64_t>(s.st_ino), s.st_size,
                        s.st_mtim.tv_sec, s.st_mtim.tv_nsec, s.st_ctim.tv_sec, s.st_ctim.tv_nsec}};
}

}  // namespace

struct SecretStore::Kept {
  struct File {
    Version version;
    SecretBytes content;
  };
  std::mutex mutex;
  std::map<std::string, File> files;
};

/// Nothing: there is no such file.
std::optional<Result<SecretBytes>> SecretStore::fromFile(const std::string& path) const {
  const auto [exists, version] = lookAt(path);
  if (!exists) return std::nullopt;
  if (version) {
    const std::lock_guard lock(kept_->mutex);
    const auto found = kept_->files.find(path);
    if (found != kept_->files.end() && found->second.version == *version) return found->second.content.clone();
  }
  auto text = readFile(path, 1 << 16);
  if (!text) return fail(std::move(text).error());
  std::size_t end = text->size();
  while (end > 0 && ((*text)[end - 1] == '\n' || (*text)[end - 1] == '\r')) --end;
  SecretBytes out(std::string_view(*text).substr(0, end));
  std::fill(text->begin(), text->end(), '\0');
  // With the version from before the reading: of what changed meanwhile the next caller sees another.
  if (version) {
    const std::lock_guard lock(kept_->mutex);
    kept_->files.insert_or_assign(path, Kept::File{*version, out.clone()});
  }
  return out;
}

SecretStore::SecretStore(std::string state_dir, std::map<std::string, std::string> environment)
    : state_dir_(std::move(state_dir)), environment_(std::move(environment)), kept_(std::make_unique<Kept>()) {}

SecretStore::~SecretStore() = default;

Result<SecretBytes> SecretStore::get(std::string_view id) const {
  if (!isSecretId(id)) return fail(Errc::secret_missing, "\"" + std::string(id) + "\" is not a secret id such as polar/token.");
  const auto name = variableFor(id);
  if (const auto at = environment_.find(name); at != environment_.end()) return SecretBytes(std::string_view(at->second));
  if (const auto at = environment_.find(name + "_FILE"); at != environment_.end()) {
    if (auto found = fromFile(at->second)) return std::move(*found);
    return fail(Errc::io_error, name + "_FILE names " + at->second + ", and there is no such file.");
  }
  const auto path = state_dir_ + "/secrets/" + std::string(id);
  if (auto found = fromFile(path)) return std::move(*found);
  return fail(Errc::secret_missing, "Secret \"" + std::string(id) + "\" is not set: looked for " + name + ", " + name +
                                        "_FILE and " + path + ".");
}

}  // namespace ccp::config
