#include "cli/support/profile.hpp"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/base/file.hpp"

namespace ccp::cli {
namespace {

constexpr mode_t kPrivate = 0600;

Json timeJson(const std::optional<Timestamp>& t) {
  return t ? Json(formatRfc3339(*t)) : Json();
}

std::optional<Timestamp> timeFrom(const Json& json, std::string_view key) {
  const auto text = json.optStr(key);
  if (!text) return std::nullopt;
  const auto parsed = parseRfc3339(*text);
  return parsed ? std::optional(*parsed) : std::nullopt;
}

std::optional<std::string> readIfThere(const std::string& path) {
  if (!fileExists(path)) return std::nullopt;
  auto text = readFile(path, 4u << 20);
  return text ? std::optional(std::move(*text)) : std::nullopt;
}

Json readJson(const std::string& path) {
  const auto text = readIfThere(path);
  if (!text) return {};
  return parseJson(*text).value_or(Json());
}

}  // namespace

Json Session::json() const {
  return Json::object({{"server", server},
                       {"product_id", product_id},
                       {"access_token", access_token},
                       {"refresh_token", refresh_token},
                       {"access_expires_at", timeJson(access_expires_at)},
                       {"scope", scope}});
}

Session Session::from(const Json& json) {
  return {json.strOr("server"),
          json.strOr("product_id"),
          json.strOr("access_token"),
          json.strOr("refresh_token"),
          timeFrom(json, "access_expires_at"),
          json.strOr("scope")};
}

Status Profile::prepare() const {
  return makeDirectories(context_.config_dir, 0700);
}

Result<Session> Profile::session() const {
  const auto json = readJson(path("session.json"));
  auto session = Session::from(json);
  if (session.server.empty() || session.refresh_token.empty())
    return fail(Errc::not_logged_in, "This machine is not logged in.");
  return session;
}

Status Profile::save(const Session& session) const {
  return writeFileAtomic(path("session.json"), session.json().pretty() + "\n", kPrivate);
}

Result<crypto::SigningKey> Profile::deviceKey(bool create) const {
  const auto file = path("device.key");
  if (!fileExists(file)) {
    if (!create) return fail(Errc::not_logged_in, "This machine has no device key.");
    auto key = crypto::SigningKey::generate(context_.random);
    const auto seed = key.seed();
    CCP_CHECK_OK(writeFileAtomic(file, base64UrlEncode(seed.view()) + "\n", kPrivate));
    return key;
  }
  struct stat info {};
  if (::stat(file.c_str(), &info) == 0 && (info.st_mode & 077) != 0) {
    return fail(Errc::config_invalid,
                "The device key " + file + " can be read by others; run: chmod 600 " + file);
  }
  CCP_TRY(auto text, readFile(file, 4096));
  while (!text.empty() && text.back() == '\n') text.pop_back();
  const auto seed = base64UrlDecode(text);
  if (!seed)
    return fail(Errc::config_invalid,
                "The device key " + file + " is damaged; remove it and run ccp login.");
  return crypto::SigningKey::fromSeed(*seed);
}

Result<std::map<std::string, crypto::PublicKey>> Profile::rootKeys(
    const std::string& server) const {
  std::map<std::string, crypto::PublicKey> out;
  const auto all =
      readJson(path("roots.json"));  // named: a range-for does not keep a temporary alive
  for (const auto& jwk : all[server].items()) {
    CCP_TRY(auto key, crypto::publicKeyFromJwk(jwk));
    out.emplace(key.thumbprint(), key);
  }
  return out;
}

Status Profile::pinRootKeys(const std::string& server, const Json& jwks) const {
  Json all = readJson(path("roots.json"));
  Json list = Json::array();
  for (const auto& jwk : jwks.items()) {
    CCP_TRY(const auto key, crypto::publicKeyFromJwk(jwk));
    list.push(key.jwk());
  }
  all.set(server, std::move(list));
  return writeFileAtomic(path("roots.json"), all.pretty() + "\n", kPrivate);
}

std::optional<std::string> Profile::pack() const {
  auto text = readIfThere(path("license.pack"));
  while (text && !text->empty() && text->back() == '\n') text->pop_back();
  return text;
}
std::optional<std::string> Profile::keyRing() const {
  return readIfThere(path("keyring.json"));
}

Status Profile::savePack(const std::string& pack, const Json& key_ring) const {
  // The ring first: a pack without the ring that it needs would not verify.
  CCP_CHECK_OK(writeFileAtomic(path("keyring.json"), key_ring.dump() + "\n", kPrivate));
  return writeFileAtomic(path("license.pack"), pack + "\n", kPrivate);
}

SyncState Profile::sync() const {
  const auto json = readJson(path("sync.json"));
  return {timeFrom(json, "license_synced_at"), timeFrom(json, "pack_refresh_after_at"),
          timeFrom(json, "usage_exported_at")};
}

Status Profile::save(const SyncState& state) const {
  return writeFileAtomic(
      path("sync.json"),
      Json::object({{"license_synced_at", timeJson(state.license_synced_at)},
                    {"pack_refresh_after_at", timeJson(state.pack_refresh_after_at)},
                    {"usage_exported_at", timeJson(state.usage_exported_at)}})
              .dump() +
          "\n",
      kPrivate);
}

Status Profile::forget(bool all) const {
  for (const auto* name : {"session.json", "license.pack", "keyring.json", "sync.json"})
    ::unlink(path(name).c_str());
  if (all) ::unlink(path("device.key").c_str());
  return {};
}

Profile::Lock::Lock(const std::string& path)
    : fd_(::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, kPrivate)) {
  if (fd_ >= 0) ::flock(fd_, LOCK_EX);
}
Profile::Lock::~Lock() {
  if (fd_ >= 0) ::close(fd_);
}

}  // namespace ccp::cli
