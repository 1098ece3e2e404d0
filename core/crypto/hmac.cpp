#include "core/crypto/hmac.hpp"

#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/params.h>

#include <memory>
#include <new>

namespace ccp::crypto {
namespace {

struct Free {
  void operator()(EVP_MAC* mac) const { EVP_MAC_free(mac); }
  void operator()(EVP_MAC_CTX* context) const { EVP_MAC_CTX_free(context); }
};
using Context = std::unique_ptr<EVP_MAC_CTX, Free>;

/// HMAC with SHA-256, without a key yet. Looking both up by name takes OpenSSL as long as a body of
/// a KiB.
Context keyless() {
  const std::unique_ptr<EVP_MAC, Free> mac(EVP_MAC_fetch(nullptr, "HMAC", nullptr));
  Context context(mac ? EVP_MAC_CTX_new(mac.get()) : nullptr);
  char digest[] = "SHA256";
  const OSSL_PARAM params[] = {OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, digest, 0),
                               OSSL_PARAM_construct_end()};
  if (!context || EVP_MAC_CTX_set_params(context.get(), params) != 1) throw std::bad_alloc();
  return context;
}

}  // namespace

std::array<std::uint8_t, 32> hmacSha256(std::span<const std::uint8_t> key,
                                        std::span<const std::uint8_t> message) {
  static const Context kKeyless = keyless();
  static constexpr std::uint8_t kNothing = 0;  // a null key means another thing to OpenSSL
  std::array<std::uint8_t, 32> out{};
  std::size_t length = 0;
  const auto* const bytes = key.empty() ? &kNothing : key.data();
  const Context context(EVP_MAC_CTX_dup(kKeyless.get()));
  if (!context || EVP_MAC_init(context.get(), bytes, key.size(), nullptr) != 1 ||
      EVP_MAC_update(context.get(), message.data(), message.size()) != 1 ||
      EVP_MAC_final(context.get(), out.data(), &length, out.size()) != 1)
    throw std::bad_alloc();  // nothing else can be missing
  return out;
}

}  // namespace ccp::crypto
