// RS256 (RSASSA-PKCS1-v1_5 with SHA-256) with a private key in PEM, over OpenSSL. For third parties that
// take nothing else (GitHub Apps); CCP itself signs with EdDSA only. A library of its own
// (ccp_crypto_rsa), so that nobody else links OpenSSL for it. Pure; thread-safe.
#pragma once

#include <span>

#include "core/base/encoding.hpp"
#include "core/base/error.hpp"
#include "core/base/secret.hpp"

namespace ccp::crypto {

/// The signature, as long as the key. `validation_failed`: not an unencrypted RSA private key in PEM of
/// 2048 to 8192 bits. The message names no part of the key.
Result<Bytes> signRs256(const SecretBytes& pem, std::span<const std::uint8_t> message);

}  // namespace ccp::crypto
