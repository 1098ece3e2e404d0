#include "core/crypto/seal.hpp"

#include <fcntl.h>
#include <sodium.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "core/base/file.hpp"
#include "core/crypto/sodium.hpp"

namespace ccp::crypto {
namespace {

constexpr std::size_t kNonce = crypto_aead_xchacha20poly1305_ietf_NPUBBYTES;
constexpr std::size_t kTag = crypto_aead_xchacha20poly1305_ietf_ABYTES;
constexpr std::size_t kKey = crypto_aead_xchacha20poly1305_ietf_KEYBYTES;
constexpr std::string_view kVersion = "v1.";

/// Whole content of a file that nobody but its owner may read. Checked on the open descriptor, so
/// that the file cannot be exchanged between the look and the read.
Result<SecretBytes> readOwnerOnly(const std::string& path) {
  const int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0) {
    const int reason = errno;
    return fail(reason == ENOENT ? Errc::secret_missing : Errc::io_error,
                "The master key file " + path + " cannot be opened: " + std::strerror(reason) + ".");
  }
  struct Closer {
    int fd;
    ~Closer() { ::close(fd); }
  } closer{fd};
  struct stat info {};
  if (::fstat(fd, &info) != 0 || !S_ISREG(info.st_mode)) return fail(Errc::config_invalid, "The master key " + path + " is no regular file.");
  if ((info.st_mode & 077) != 0) {
    return fail(Errc::config_invalid, "The master key file " + path + " is open to others than its owner; run `chmod 600 " + path + "`.");
  }
  std::array<std::uint8_t, 256> buffer{};
  const ssize_t n = ::read(fd, buffer.data(), buffer.size());
  if (n < 0) return fail(Errc::io_error, "The master key file " + path + " cannot be read: " + std::strerror(errno) + ".");
  SecretBytes out(std::span<const std::uint8_t>(buffer.data(), static_cast<std::size_t>(n)));
  sodium_memzero(buffer.data(), buffer.size());
  return out;
}

}  // namespace

Result<MasterKey> MasterKey::load(const std::string& path, bool create, Random& random) {
  ensureSodium();
  if (create && !fileExists(path)) {
    std::array<std::uint8_t, kKey> fresh{};
    random.fill(fresh);
    const SecretBytes text(base64UrlEncode(fresh) + "\n");
    sodium_memzero(fresh.data(), fresh.size());
    CCP_CHECK_OK(writeFileAtomic(path, text.text(), 0600));
  }
  CCP_TRY(const auto content, readOwnerOnly(path));
  std::string_view text = content.text();
  while (!text.empty() && (text.back() == '\n' || text.back() == '\r')) text.remove_suffix(1);
  auto bytes = base64UrlDecode(text);
  if (!bytes || bytes->size() != kKey) {
    return fail(Errc::config_invalid, "The master key file " + path + " must hold 32 bytes in base64url without padding.");
  }
  MasterKey key;
  key.key_ = SecretBytes(std::span<const std::uint8_t>(*bytes));
  sodium_memzero(bytes->data(), bytes->size());
  return key;
}

Result<MasterKey> MasterKey::fromBytes(std::span<const std::uint8_t> bytes) {
  ensureSodium();
  if (bytes.size() != kKey) return fail(Errc::bad_encoding, "A sealing key has 32 bytes.");
  MasterKey key;
  key.key_ = SecretBytes(bytes);
  return key;
}

std::string MasterKey::seal(std::span<const std::uint8_t> plain, std::string_view context, Random& random) const {
  Bytes out(kNonce + plain.size() + kTag);
  random.fill(std::span(out).first(kNonce));
  unsigned long long written = 0;
  crypto_aead_xchacha20poly1305_ietf_encrypt(out.data() + kNonce, &written, plain.data(), plain.size(),
                                             bytesOf(context).data(), context.size(), nullptr, out.data(), key_.view().data());
  return std::string(kVersion) + base64UrlEncode(out);
}

Result<SecretBytes> MasterKey::open(std::string_view sealed, std::string_view context) const {
  const auto damaged = [&] { return fail(Errc::data_loss, "The sealed value \"" + std::string(context) + "\" does not open with this master key."); };
  if (sealed.substr(0, kVersion.size()) != kVersion) return damaged();
  const auto bytes = base64UrlDecode(sealed.substr(kVersion.size()));
  if (!bytes || bytes->size() < kNonce + kTag) return damaged();
  Bytes plain(bytes->size() - kNonce - kTag);
  unsigned long long written = 0;
  const int rc = crypto_aead_xchacha20poly1305_ietf_decrypt(plain.data(), &written, nullptr, bytes->data() + kNonce,
                                                            bytes->size() - kNonce, bytesOf(context).data(), context.size(),
                                                            bytes->data(), key_.view().data());
  if (rc != 0) return damaged();
  SecretBytes out{std::span<const std::uint8_t>(plain)};
  sodium_memzero(plain.data(), plain.size());
  return out;
}

}  // namespace ccp::crypto
