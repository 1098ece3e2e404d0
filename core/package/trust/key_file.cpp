#include "core/package/trust/key_file.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "core/base/file.hpp"

namespace ccp::plugin {
namespace {

constexpr std::size_t kMaxKeyFile = 4096;
constexpr std::size_t kMaxTitle = 100;

tl::unexpected<Error> ioError(const std::string& path, const std::string& what) { return fail(Errc::io_error, path + " " + what + "."); }

}  // namespace

bool isKeyTitle(std::string_view text) noexcept {
  return text.size() <= kMaxTitle && std::none_of(text.begin(), text.end(), [](unsigned char c) { return c < 0x20 || c == 0x7F; });
}

Json publicKeyJson(const NamedKey& key) {
  Json out = key.key.jwk();
  out.set("kid", key.key.thumbprint());
  if (!key.title.empty()) out.set("title", key.title);
  return out;
}

Result<NamedKey> parsePublicKey(std::string_view text) {
  CCP_TRY(const Json json, parseJson(text, {kMaxKeyFile, 4}));
  NamedKey out;
  CCP_TRY(out.key, crypto::publicKeyFromJwk(json));
  for (const auto& [name, value] : *json.asObject()) {
    static constexpr std::string_view kKnown[] = {"kty", "crv", "x", "kid", "title", "alg", "use"};
    if (std::find(std::begin(kKnown), std::end(kKnown), name) == std::end(kKnown)) {
      return fail(Errc::bad_encoding, "Not a public plugin key: the member \"" + name + "\" is unknown.");
    }
  }
  if (json.find("kid") && json.strOr("kid") != out.key.thumbprint()) {
    return fail(Errc::bad_encoding, "kid is not the thumbprint of this key, which is " + out.key.thumbprint() + ".");
  }
  if (const auto* title = json.find("title")) {
    const auto* words = title->asString();
    if (!words || !isKeyTitle(*words)) return fail(Errc::bad_encoding, "title must be printable text of at most 100 bytes.");
    out.title = *words;
  }
  return out;
}

Result<NamedKey> readPublicKey(const std::string& path) {
  CCP_TRY(const std::string text, readFile(path, kMaxKeyFile));
  auto key = parsePublicKey(text);
  if (!key) return fail(key.error().code, path + ": " + key.error().detail);
  return key;
}

Status createSigningKey(const std::string& path, const crypto::SigningKey& key) {
  const int fd = ::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
  if (fd < 0 && errno == EEXIST) return fail(Errc::already_exists, path + " exists already; a key is never overwritten.");
  if (fd < 0) return ioError(path, std::string("cannot be created: ") + std::strerror(errno));
  ::fchmod(fd, 0600);
  const std::string text = base64UrlEncode(key.seed().view()) + "\n";
  const bool written = ::write(fd, text.data(), text.size()) == static_cast<ssize_t>(text.size()) && ::fsync(fd) == 0;
  const int why = errno;
  ::close(fd);
  if (written) return {};
  ::unlink(path.c_str());
  return ioError(path, std::string("cannot be written: ") + std::strerror(why));
}

Result<crypto::SigningKey> readSigningKey(const std::string& path) {
  struct stat st {};
  if (::stat(path.c_str(), &st) == 0 && (st.st_mode & (S_IRWXG | S_IRWXO)) != 0) {
    return ioError(path, "can be read by other users, and whoever reads it signs in your name. Run chmod 600 on it");
  }
  CCP_TRY(std::string text, readFile(path, kMaxKeyFile));
  while (!text.empty() && (text.back() == '\n' || text.back() == '\r')) text.pop_back();
  auto seed = base64UrlDecode(text);
  if (!seed || seed->size() != 32) return fail(Errc::bad_encoding, path + " is no signing key: 32 bytes in base64url are expected.");
  return crypto::SigningKey::fromSeed(*seed);
}

}  // namespace ccp::plugin
