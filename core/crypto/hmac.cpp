#include "core/crypto/hmac.hpp"

#include <openssl/evp.h>
#include <openssl/hmac.h>

#include <new>

namespace ccp::crypto {

std::array<std::uint8_t, 32> hmacSha256(std::span<const std::uint8_t> key,
                                        std::span<const std::uint8_t> message) {
  static constexpr std::uint8_t kNothing = 0;  // a null key means another thing to OpenSSL
  std::array<std::uint8_t, 32> out{};
  const auto* const bytes = key.empty() ? &kNothing : key.data();
  if (HMAC(EVP_sha256(), bytes, static_cast<int>(key.size()), message.data(), message.size(),
           out.data(), nullptr) == nullptr)
    throw std::bad_alloc();  // nothing else can be missing
  return out;
}

}  // namespace ccp::crypto
