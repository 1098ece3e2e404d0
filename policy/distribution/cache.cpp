#include "policy/distribution/cache.hpp"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <cstring>
#include <filesystem>
#include <thread>

#include "core/base/encoding.hpp"
#include "core/base/fault.hpp"
#include "core/base/file.hpp"

namespace ccp::policy {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t kMaxFile = transferCap(kMaxDocumentBytes);
constexpr std::size_t kMaxListed = 4'096;  // files of a kind; a folder with more was not filled by us
constexpr int kStateFormat = 1;
constexpr std::size_t kMaxState = 8u << 20;  // thousands of packs, each with what was seen of it

tl::unexpected<Error> ioError(const std::string& doing, const std::string& path) {
  return fail(Errc::io_error, "Cannot " + doing + " " + path + ": " + std::strerror(errno) + ".");
}

std::vector<std::string> namesIn(const std::string& folder) {
  std::vector<std::string> out;
  std::error_code bad;
  for (fs::directory_iterator it(folder, bad), end; !bad && it != end && out.size() < kMaxListed; it.increment(bad)) {
    out.push_back(it->path().filename().string());
  }
  return out;
}

/// "12.json" → 12; nothing for other names.
std::optional<std::int64_t> versionOf(const std::string& name) {
  if (!name.ends_with(".json") || name.size() < 6 || name.size() > 20 || name[0] == '0') return std::nullopt;
  std::int64_t out = 0;
  for (const char c : name.substr(0, name.size() - 5)) {
    if (c < '0' || c > '9') return std::nullopt;
    out = out * 10 + (c - '0');
  }
  return out;
}

std::optional<std::string> digestOf(const std::string& name) {
  if (!name.ends_with(".json")) return std::nullopt;
  auto digest = name.substr(0, name.size() - 5);
  return isDigest(digest) ? std::optional(std::move(digest)) : std::nullopt;
}

}  // namespace

Cache::Lock::~Lock() {
  if (fd_ >= 0) ::close(fd_);
}

Result<Cache::Lock> Cache::lock() {
  for (const char* name : {"", "/roots", "/channels", "/packs"}) {
    CCP_CHECK_OK(makeDirectories(folder_ + name, 0700));
    struct stat info {};
    if (::lstat((folder_ + name).c_str(), &info) != 0) return ioError("examine", folder_ + name);
    if (!S_ISDIR(info.st_mode)) return fail(Errc::io_error, folder_ + name + " is not a folder.");
    if (info.st_uid != ::geteuid()) {
      return fail(Errc::io_error, folder_ + name + " belongs to another user; a cache of policies must be one's own.");
    }
    if ((info.st_mode & 0077) != 0 && ::chmod((folder_ + name).c_str(), 0700) != 0) return ioError("protect", folder_ + name);
  }
  const std::string path = folder_ + "/lock";
  const int fd = ::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
  if (fd < 0) return ioError("open", path);
  Lock out(fd);
  for (int i = 0; ::flock(fd, LOCK_EX | LOCK_NB) != 0; ++i) {
    if (errno != EWOULDBLOCK && errno != EINTR) return ioError("lock", path);
    if (i == 1000) return fail(Errc::unavailable, "Another process holds " + path + ".");
    std::this_thread::sleep_for(milliseconds(10));
  }
  return out;
}

Status Cache::write(const std::string& path, std::string_view text) {
  faultPoint("policy.cache.write");
  CCP_CHECK_OK(writeFileAtomic(path, text, 0600));
  faultPoint("policy.cache.written");
  return {};
}

std::optional<std::pair<TrustState, Slots>> Cache::readState() const {
  const auto text = readFile(folder_ + "/state.json", kMaxState);
  if (!text) return std::nullopt;
  const auto json = parseJson(*text, {.max_bytes = kMaxState, .max_depth = 8});
  if (!json || json->intOr("format") != kStateFormat) return std::nullopt;
  auto trust = TrustState::fromJson((*json)["trust"]);
  if (!trust) return std::nullopt;
  const Json& slots = (*json)["slots"];
  return std::pair{std::move(*trust), Slots{slots.strOr("active"), slots.strOr("previous"), slots.strOr("candidate")}};
}

Status Cache::writeState(const TrustState& state, const Slots& slots) {
  const Json json = Json::object(
      {{"format", kStateFormat},
       {"trust", state.json()},
       {"slots", Json::object({{"active", slots.active}, {"previous", slots.previous}, {"candidate", slots.candidate}})}});
  return write(folder_ + "/state.json", json.dump() + "\n");
}

std::map<std::int64_t, std::string> Cache::roots() const {
  std::map<std::int64_t, std::string> out;
  for (const auto& name : namesIn(folder_ + "/roots")) {
    const auto version = versionOf(name);
    if (!version) continue;
    if (auto text = readFile(folder_ + "/roots/" + name, kMaxFile)) out.emplace(*version, std::move(*text));
  }
  return out;
}

Status Cache::writeRoot(std::int64_t version, std::string_view envelope) { return write(path("roots", std::to_string(version)), envelope); }

std::map<std::string, std::string> Cache::channels() const {
  std::map<std::string, std::string> out;
  for (const auto& name : namesIn(folder_ + "/channels")) {
    const auto digest = digestOf(name);
    if (!digest) continue;
    auto text = readFile(folder_ + "/channels/" + name, kMaxFile);
    if (text && sha256Hex(*text) == *digest) out.emplace(*digest, std::move(*text));
  }
  return out;
}

Status Cache::writeChannel(std::string_view envelope) {
  const auto file = path("channels", sha256Hex(envelope));
  if (const auto there = readFile(file, envelope.size()); there && *there == envelope) return {};
  return write(file, envelope);
}

std::optional<std::string> Cache::pack(const std::string& sha256, std::size_t max_bytes) const {
  auto text = readFile(path("packs", sha256), max_bytes);
  return text ? std::optional(std::move(*text)) : std::nullopt;
}

Status Cache::writePack(const std::string& sha256, std::string_view envelope) {
  if (const auto there = pack(sha256, envelope.size()); there && *there == envelope) return {};
  return write(path("packs", sha256), envelope);
}

void Cache::sweep(std::int64_t first_root, std::int64_t last_root, const std::set<std::string>& channels, const std::set<std::string>& packs) {
  const auto removeUnless = [this](const char* folder, const auto& keep) {
    const std::string where = folder_ + folder;
    for (const auto& name : namesIn(where)) {
      if (keep(name)) continue;
      faultPoint("policy.cache.sweep");
      ::unlink((where + "/" + name).c_str());
    }
  };
  removeUnless("/roots", [&](const std::string& name) {
    const auto version = versionOf(name);
    return version && *version >= first_root && *version <= last_root;
  });
  removeUnless("/channels", [&](const std::string& name) { return digestOf(name) && channels.contains(*digestOf(name)); });
  removeUnless("/packs", [&](const std::string& name) { return digestOf(name) && packs.contains(*digestOf(name)); });
  removeUnless("", [](const std::string& name) { return !name.starts_with("state.json.tmp."); });
}

}  // namespace ccp::policy
