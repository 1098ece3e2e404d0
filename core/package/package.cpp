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

/// A descriptor that closes itself; null when `fd` is none.
std::shared_ptr<const int> owned(int fd) {
  if (fd < 0) return nullptr;
  return {new int(fd), [](const int* one) {
            ::close(*one);
            delete one;
          }};
}

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
  const auto fd = owned(::openat(folder_fd, name.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW | (is_folder ? O_DIRECTORY : O_NONBLOCK)));
  if (!fd) {
    return refuse(path + (errno == ELOOP ? " is a symbolic link; packages hold plain files only." : std::string(" cannot be opened: ") + std::strerror(errno)));
  }
  CCP_CHECK_OK(checkOwnerAndMode(*fd, path, is_folder));
  if (is_folder) return readFileOf(*fd, path, relative.substr(slash + 1), max);
  return readAll(*fd, path, max);
}

bool isKnownService(std::string_view id) {
  static constexpr std::array<std::string_view, 9> kServices = {CCP_LOG_ID,    CCP_CLOCK_ID,   CCP_HTTP_ID,   CCP_KV_ID,       CCP_SECRETS_ID,
                                                                CCP_CRYPTO_ID, CCP_METRICS_ID, CCP_EVENTS_ID, CCP_SCHEDULER_ID};
  return std::find(kServices.begin(), kServices.end(), id) != kServices.end();
}

}  // namespace

std::string folderOf(std::string_view plugin_id) {
  // Two vendors may have a plugin of one name: only the first party's folders go without the prefix.
  if (plugin_id.starts_with(kVendorPrefix)) plugin_id.remove_prefix(kVendorPrefix.size());
  std::string out(plugin_id);
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
  if (m.not_before_at && now < *m.not_before_at) {
    return refuse(who + "is valid from " + formatRfc3339(*m.not_before_at) + " on; it is " + formatRfc3339(now) + ". Check the clock of this machine.");
  }
  if (m.expires_at && now >= *m.expires_at) {
    return refuse(who + "expired at " + formatRfc3339(*m.expires_at) + "; it is " + formatRfc3339(now) + ". Install a newer release of the plugin.");
  }
  return {};
}

Result<Isolation> decideIsolation(const Manifest& m, const std::string& trust, bool inproc_granted, std::string_view configured) {
  const std::string who = "Plugin " + m.id + " " + m.version + " ";
  const bool first_party = trust == "vendor";
  const bool inproc = configured == "inproc" || (configured.empty() && first_party && m.allows_inproc);
  if (!inproc) {
    if (m.allows_process) return Isolation::process;
    return refuse(who + "allows isolation \"inproc\" only (isolation.allowed of its plugin.json); " +
                  (configured.empty() ? "plugins that are not first-party run in a process of their own unless told otherwise. "
                                      : "`isolation` of the instance is \"process\". ") +
                  "Ask its author for a release that allows \"process\", or set isolation: inproc.");
  }
  if (!m.allows_inproc) {
    return refuse(who + "allows isolation \"process\" only (isolation.allowed of its plugin.json); `isolation` of the instance is \"inproc\". "
                  "Set isolation: process.");
  }
  if (inproc_granted || trust == "unsigned") return Isolation::inproc;
  const std::string kid = trust.substr(trust.find(':') + 1);
  return refuse(who + "is to run inside ccpd (isolation: inproc), which the trust store does not grant its key " + kid +
                ". Set isolation: process; or, if you trust its code as much as ccpd itself, run `ccp plugin trust add key:" + kid + " --inproc`.");
}

Result<PackageReader> PackageReader::open(const std::string& folder) {
  PackageReader out(folder);
  out.folder_fd_ = owned(::open(folder.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_DIRECTORY));
  if (!out.folder_fd_) return refuse("the folder " + folder + " cannot be opened (" + std::strerror(errno) + ").");
  CCP_CHECK_OK(checkOwnerAndMode(*out.folder_fd_, folder, true));
  CCP_TRY(out.manifest_, readFileOf(*out.folder_fd_, folder, "plugin.json", kMaxFile));
  struct stat st {};
  if (::fstatat(*out.folder_fd_, "plugin.json.dsse", &st, AT_SYMLINK_NOFOLLOW) != 0 && errno == ENOENT) return out;
  CCP_TRY(out.envelope_, readFileOf(*out.folder_fd_, folder, "plugin.json.dsse", 2 * kMaxFile));
  return out;
}

Result<Verified> PackageReader::verify(const TrustStore& trust, Channel channel, Timestamp now) const {
  return trust.verify(envelope(), manifest_, channel, now, folder_);
}

Result<Package> PackageReader::readFiles(Verified verified) const {
  Package out{folder_, std::move(verified.manifest), std::move(verified.trust), std::move(verified.signer), verified.inproc, {}, {}};
  const std::string who = "Plugin " + out.manifest.id + " " + out.manifest.version + ": " + folder_ + "/";
  for (const auto& [path, hash] : out.manifest.files) {
    const bool library = path == out.manifest.library;
    auto read = readFileOf(*folder_fd_, folder_, path, library ? kMaxLibrary : kMaxFile);
    if (!read) return refuse("Plugin " + out.manifest.id + " " + out.manifest.version + ": " + read.error().detail);
    std::string bytes = std::move(*read);
    const std::string found = sha256Hex(bytes);
    if (found != hash) {
      return refuse(who + path + " has the SHA-256 " + found + "; its manifest says " + hash +
                    ". The file was changed after signing; install the package again.");
    }
    if (path == out.manifest.config_schema) {
      auto schema = parseJson(bytes, {kMaxFile, 64});
      if (!schema) return refuse(who + path + " is no JSON: " + schema.error().detail);
      out.config_schema = std::move(*schema);
    }
    if (library) out.library = std::move(bytes);
  }
  return out;
}

Result<Package> readPackage(const std::string& plugin_dir, const std::string& plugin_id, const TrustStore& trust, Channel channel, Timestamp now) {
  const std::string folder = plugin_dir + "/" + folderOf(plugin_id);
  auto reader = PackageReader::open(folder);
  if (!reader) return refuse("Plugin " + plugin_id + ": " + reader.error().detail + " Install the plugin there, or correct `plugin_dir`.");
  CCP_TRY(auto verified, reader->verify(trust, channel, now));
  if (verified.manifest.id != plugin_id) {
    return refuse(folder + " holds the plugin " + verified.manifest.id + "; the configuration names " + plugin_id + ". Correct one of them.");
  }
  CCP_TRY(Package out, reader->readFiles(std::move(verified)));
  CCP_CHECK_OK(checkCompatible(out.manifest, now));
  return out;
}

}  // namespace ccp::plugin
