#include "core/package/package.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>

#include "ccp/abi/host.h"
#include "core/base/encoding.hpp"
#include "core/package/interfaces.hpp"

namespace ccp::plugin {
namespace {

constexpr std::size_t kMaxLibrary = std::size_t{256} << 20;
constexpr std::size_t kMaxFile = std::size_t{1} << 20;

tl::unexpected<Error> refuse(std::string detail) { return fail(Errc::plugin_refused, std::move(detail)); }

class Fd {
 public:
  explicit Fd(int fd) noexcept : fd_(fd) {}
  ~Fd() {
    if (fd_ >= 0) ::close(fd_);
  }
  Fd(const Fd&) = delete;
  Fd& operator=(const Fd&) = delete;
  int get() const noexcept { return fd_; }

 private:
  int fd_;
};

/// Nobody but root and this process's user may own or write what is about to run as this user.
Status checkOwnerAndMode(int fd, const std::string& path, bool folder) {
  struct stat st {};
  if (::fstat(fd, &st) != 0) return refuse(path + " cannot be examined: " + std::strerror(errno));
  if (folder ? !S_ISDIR(st.st_mode) : !S_ISREG(st.st_mode)) return refuse(path + (folder ? " is no folder." : " is no regular file."));
  if (st.st_uid != 0 && st.st_uid != ::geteuid()) {
    return refuse(path + " belongs to user " + std::to_string(st.st_uid) + "; it must belong to root or to the user that runs ccpd (" +
                  std::to_string(::geteuid()) + "). chown it.");
  }
  if ((st.st_mode & (S_IWGRP | S_IWOTH)) != 0) {
    return refuse(path + " can be written by other users (mode " + std::to_string((st.st_mode >> 6) & 7) + std::to_string((st.st_mode >> 3) & 7) +
                  std::to_string(st.st_mode & 7) + "). chmod go-w it.");
  }
  return {};
}

Result<std::string> readAll(int fd, const std::string& path, std::size_t max) {
  std::string out;
  std::array<char, 65536> buffer{};
  while (true) {
    const ssize_t n = ::read(fd, buffer.data(), buffer.size());
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return refuse(path + " cannot be read: " + std::strerror(errno));
    if (n == 0) return out;
    out.append(buffer.data(), static_cast<std::size_t>(n));
    if (out.size() > max) return refuse(path + " is larger than " + std::to_string(max) + " bytes.");
  }
}

/// One file of the package below `folder_fd`; symbolic links are refused at every step of the path.
Result<std::string> readFileOf(int folder_fd, const std::string& folder, std::string_view relative, std::size_t max) {
  const auto slash = relative.find('/');
  const std::string name(relative.substr(0, slash));
  const std::string path = folder + "/" + name;
  const bool is_folder = slash != std::string_view::npos;
  const Fd fd(::openat(folder_fd, name.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW | (is_folder ? O_DIRECTORY : O_NONBLOCK)));
  if (fd.get() < 0) {
    return refuse(path + (errno == ELOOP ? " is a symbolic link; packages hold plain files only." : std::string(" cannot be opened: ") + std::strerror(errno)));
  }
  CCP_CHECK_OK(checkOwnerAndMode(fd.get(), path, is_folder));
  if (is_folder) return readFileOf(fd.get(), path, relative.substr(slash + 1), max);
  return readAll(fd.get(), path, max);
}

bool isKnownService(std::string_view id) {
  static constexpr std::array<std::string_view, 9> kServices = {CCP_LOG_ID,    CCP_CLOCK_ID,   CCP_HTTP_ID,   CCP_KV_ID,       CCP_SECRETS_ID,
                                                                CCP_CRYPTO_ID, CCP_METRICS_ID, CCP_EVENTS_ID, CCP_SCHEDULER_ID};
  return std::find(kServices.begin(), kServices.end(), id) != kServices.end();
}

}  // namespace

std::string folderOf(std::string_view plugin_id) {
  std::string out(plugin_id.substr(plugin_id.find('.') + 1));
  std::replace_if(out.begin(), out.end(), [](char c) { return c == '.' || c == '-'; }, '_');
  return out;
}

Status checkCompatible(const Manifest& m, Timestamp now) {
  const std::string who = "Plugin " + m.id + " " + m.version + " ";
  if (m.abi_major != CCP_ABI_MAJOR || m.abi_min_minor > CCP_ABI_MINOR) {
    return refuse(who + "was built for plugin ABI " + std::to_string(m.abi_major) + "." + std::to_string(m.abi_min_minor) + "; this ccpd provides " +
                  std::to_string(CCP_ABI_MAJOR) + "." + std::to_string(CCP_ABI_MINOR) + ". Install the plugin release that belongs to this ccpd.");
  }
  if (!m.min_host.empty() && versionLess(CCP_VERSION, m.min_host)) {
    return refuse(who + "needs ccpd " + m.min_host + " or newer; this is " CCP_VERSION ". Upgrade ccpd, or install an older plugin.");
  }
  for (const auto& id : m.required_services) {
    if (!isKnownService(id)) return refuse(who + "requires the host service " + id + ", which this ccpd does not provide. Upgrade ccpd.");
  }
  for (const auto& id : m.provides) {
    if (!isKnownInterface(id)) return refuse(who + "provides " + id + ", which this ccpd does not know. Upgrade ccpd.");
  }
  if (!m.allows_inproc) {
    return refuse(who + "allows isolation \"process\" only; this build runs plugins in process only. Use a release of the plugin that allows \"inproc\".");
  }
  if (m.not_before_at && now < *m.not_before_at) {
    return refuse(who + "is valid from " + formatRfc3339(*m.not_before_at) + " on; it is " + formatRfc3339(now) + ". Check the clock of this machine.");
  }
  if (m.expires_at && now >= *m.expires_at) {
    return refuse(who + "expired at " + formatRfc3339(*m.expires_at) + "; it is " + formatRfc3339(now) + ". Install a newer release of the plugin.");
  }
  return {};
}

Result<Package> readPackage(const std::string& plugin_dir, const std::string& plugin_id, const TrustStore& trust, Timestamp now) {
  const std::string folder = plugin_dir + "/" + folderOf(plugin_id);
  const Fd dir(::open(folder.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_DIRECTORY));
  if (dir.get() < 0) {
    return refuse("Plugin " + plugin_id + ": the folder " + folder + " cannot be opened (" + std::strerror(errno) +
                  "). Install the plugin there, or correct `plugin_dir`.");
  }
  CCP_CHECK_OK(checkOwnerAndMode(dir.get(), folder, true));
  CCP_TRY(const std::string manifest_text, readFileOf(dir.get(), folder, "plugin.json", kMaxFile));
  auto envelope = readFileOf(dir.get(), folder, "plugin.json.dsse", 2 * kMaxFile);
  if (!envelope) {
    return refuse("Plugin " + plugin_id + " is not signed, or its signature cannot be read: " + envelope.error().detail +
                  " Unsigned plugins are never loaded; install the signed package, or sign it with ccp-sign-manifest.");
  }
  Package out;
  out.folder = folder;
  CCP_TRY(out.manifest, trust.verify(*envelope, manifest_text, folder));
  if (out.manifest.id != plugin_id) {
    return refuse(folder + " holds the plugin " + out.manifest.id + "; the configuration names " + plugin_id + ". Correct one of them.");
  }
  for (const auto& [path, hash] : out.manifest.files) {
    const bool library = path == out.manifest.library;
    CCP_TRY(std::string bytes, readFileOf(dir.get(), folder, path, library ? kMaxLibrary : kMaxFile));
    const std::string found = sha256Hex(bytes);
    if (found != hash) {
      return refuse("Plugin " + plugin_id + ": " + folder + "/" + path + " has the SHA-256 " + found + "; its signed manifest says " + hash +
                    ". The file was changed after signing; install the package again.");
    }
    if (path == out.manifest.config_schema) {
      auto schema = parseJson(bytes, {kMaxFile, 64});
      if (!schema) return refuse("Plugin " + plugin_id + ": " + folder + "/" + path + " is no JSON: " + schema.error().detail);
      out.config_schema = std::move(*schema);
    }
    if (library) out.library = std::move(bytes);
  }
  CCP_CHECK_OK(checkCompatible(out.manifest, now));
  return out;
}

}  // namespace ccp::plugin
