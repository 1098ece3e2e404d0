#include "core/crypto/rsa.hpp"

#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>

#include <memory>
#include <string>

namespace ccp::crypto {
namespace {

constexpr int kMinBits = 2048;
constexpr int kMaxBits = 8192;  // one signature of a longer key takes noticeable time

struct Free {
  void operator()(BIO* p) const noexcept { BIO_free_all(p); }
  void operator()(EVP_PKEY* p) const noexcept { EVP_PKEY_free(p); }
  void operator()(EVP_MD_CTX* p) const noexcept { EVP_MD_CTX_free(p); }
};

tl::unexpected<Error> noKey(const std::string& finding) {
  ERR_clear_error();  // OpenSSL keeps a queue per thread; what it says may quote the key's encoding
  return fail(Errc::validation_failed, "The secret is no RSA private key for RS256: " + finding + ".");
}

}  // namespace

Result<Bytes> signRs256(const SecretBytes& pem, std::span<const std::uint8_t> message) {
  const std::unique_ptr<BIO, Free> bio(BIO_new_mem_buf(pem.view().data(), static_cast<int>(pem.size())));
  // A key with a passphrase must fail here: the default callback would ask on the terminal of the server.
  const auto refuse_passphrase = [](char*, int, int, void*) -> int { return -1; };
  const std::unique_ptr<EVP_PKEY, Free> key(bio ? PEM_read_bio_PrivateKey(bio.get(), nullptr, refuse_passphrase, nullptr) : nullptr);
  if (!key) return noKey("it is not an unencrypted private key in PEM (-----BEGIN PRIVATE KEY-----)");
  if (EVP_PKEY_get_base_id(key.get()) != EVP_PKEY_RSA) return noKey("the key is of another kind than RSA");
  const int bits = EVP_PKEY_get_bits(key.get());
  if (bits < kMinBits || bits > kMaxBits) {
    return noKey("it has " + std::to_string(bits) + " bits; " + std::to_string(kMinBits) + " to " + std::to_string(kMaxBits) + " are needed");
  }
  const std::unique_ptr<EVP_MD_CTX, Free> context(EVP_MD_CTX_new());
  std::size_t length = static_cast<std::size_t>(EVP_PKEY_get_size(key.get()));
  Bytes out(length);
  if (!context || EVP_DigestSignInit(context.get(), nullptr, EVP_sha256(), nullptr, key.get()) != 1 ||
      EVP_DigestSign(context.get(), out.data(), &length, message.data(), message.size()) != 1) {
    ERR_clear_error();
    return fail(Errc::internal, "RS256: OpenSSL could not sign.");
  }
  out.resize(length);
  return out;
}

}  // namespace ccp::crypto
