#include <sodium.h>

#include "core/base/encoding.hpp"
#include "core/crypto/ed25519.hpp"
#include "core/crypto/hmac.hpp"
#include "core/crypto/rsa.hpp"
#include "core/plugin/host_services/services.hpp"
#include "core/plugin/problem.hpp"

namespace ccp::plugin {
namespace {

constexpr std::size_t kMaxRandom = 4096;
constexpr std::size_t kSeedBytes = 32;

/// The key that a secret holds; `validation_failed` when it is not written as `encoding` says.
Result<SecretBytes> keyFrom(SecretBytes secret, std::int32_t encoding, std::string_view prefix) {
  // With an empty key anybody could make the same MAC: a webhook signed so proves nothing.
  const auto empty = [] { return fail(Errc::secret_missing, "ccp.crypto/1: the secret is empty, which is no key."); };
  if (secret.text().empty()) return empty();
  if (encoding == CCP_KEY_RAW) return secret;
  if (encoding != CCP_KEY_BASE64_AFTER_PREFIX && encoding != CCP_KEY_BASE64URL_AFTER_PREFIX) {
    return fail(Errc::validation_failed, "ccp.crypto/1: unknown key encoding " + std::to_string(encoding) + ".");
  }
  std::string_view text = secret.text();
  if (text.starts_with(prefix)) text.remove_prefix(prefix.size());
  auto bytes = encoding == CCP_KEY_BASE64_AFTER_PREFIX ? base64Decode(text) : base64UrlDecode(text);
  if (!bytes) return fail(Errc::validation_failed, "ccp.crypto/1: the secret is not written in the encoding that the plugin names.");
  if (bytes->empty()) return empty();
  SecretBytes key{std::span<const std::uint8_t>(*bytes)};
  sodium_memzero(bytes->data(), bytes->size());
  return key;
}

}  // namespace

CryptoService::CryptoService(const HostContext& host, const InstanceGrants& grants) : host_(host), grants_(grants) {
  table_ = {sizeof table_, 0, this,
            [](const ccp_crypto_v1* t, const ccp_call*, ccp_str id, std::int32_t encoding, ccp_str prefix, ccp_str message,
               const ccp_sink* out) noexcept -> ccp_rc {
              return serve([&]() -> ccp_rc {
                auto& self = *static_cast<CryptoService*>(t->ctx);
                if (!callerOrReport(self.grants_, CCP_CRYPTO_ID)) return CCP_RC_PERMISSION_DENIED;
                return self.hmac(viewOf(id), encoding, viewOf(prefix), viewOf(message), out);
              });
            },
            [](const ccp_crypto_v1*, ccp_str public_key, ccp_str message, ccp_str signature) noexcept -> ccp_rc {
              return serve([&]() -> ccp_rc {
                if (public_key.len != 32 || signature.len != 64) return CCP_RC_UNAUTHENTICATED;
                // Through the JWK form, which refuses low-order and non-canonical points.
                const auto key = crypto::publicKeyFromJwk(
                    Json::object({{"kty", "OKP"}, {"crv", "Ed25519"}, {"x", base64UrlEncode(bytesOf(viewOf(public_key)))}}));
                return key && crypto::verifySignature(*key, bytesOf(viewOf(message)), bytesOf(viewOf(signature))) ? CCP_RC_OK : CCP_RC_UNAUTHENTICATED;
              });
            },
            [](const ccp_crypto_v1*, ccp_str message, const ccp_sink* out) noexcept -> ccp_rc {
              return serve([&]() -> ccp_rc {
                const Sha256 digest = sha256(bytesOf(viewOf(message)));
                return writeTo(out, textOf(digest));
              });
            },
            [](const ccp_crypto_v1* t, std::size_t len, const ccp_sink* out) noexcept -> ccp_rc {
              return serve([&]() -> ccp_rc {
                if (len > kMaxRandom) return CCP_RC_INVALID_ARGUMENT;
                const Bytes bytes = static_cast<CryptoService*>(t->ctx)->host_.random.bytes(len);
                return writeTo(out, textOf(bytes));
              });
            },
            [](const ccp_crypto_v1* t, const ccp_call*, ccp_str id, std::int32_t encoding, ccp_str prefix, ccp_str message,
               const ccp_sink* out) noexcept -> ccp_rc {
              return serve([&]() -> ccp_rc {
                auto& self = *static_cast<CryptoService*>(t->ctx);
                if (!callerOrReport(self.grants_, CCP_CRYPTO_ID)) return CCP_RC_PERMISSION_DENIED;
                return self.signEd25519(viewOf(id), encoding, viewOf(prefix), viewOf(message), out);
              });
            },
            [](const ccp_crypto_v1* t, const ccp_call*, ccp_str id, ccp_str message, const ccp_sink* out) noexcept -> ccp_rc {
              return serve([&]() -> ccp_rc {
                auto& self = *static_cast<CryptoService*>(t->ctx);
                if (!callerOrReport(self.grants_, CCP_CRYPTO_ID)) return CCP_RC_PERMISSION_DENIED;
                return self.signRs256(viewOf(id), viewOf(message), out);
              });
            }};
}

ccp_rc CryptoService::hmac(std::string_view id, std::int32_t encoding, std::string_view prefix, std::string_view message, const ccp_sink* out) const {
  auto secret = readSecret(host_, grants_, id, "hmac");
  if (!secret) return rcFromError(secret.error());
  const auto key = keyFrom(std::move(*secret), encoding, prefix);
  if (!key) return rcFromError(key.error());
  const auto mac = crypto::hmacSha256(key->view(), bytesOf(message));
  return writeTo(out, textOf(mac));
}

ccp_rc CryptoService::signEd25519(std::string_view id, std::int32_t encoding, std::string_view prefix, std::string_view message, const ccp_sink* out) const {
  auto secret = readSecret(host_, grants_, id, "ed25519_sign");
  if (!secret) return rcFromError(secret.error());
  const auto bytes = keyFrom(std::move(*secret), encoding, prefix);
  if (!bytes) return rcFromError(bytes.error());
  if (bytes->size() != kSeedBytes && bytes->size() != 2 * kSeedBytes) return CCP_RC_INVALID_ARGUMENT;
  const auto key = crypto::SigningKey::fromSeed(bytes->view().first(kSeedBytes));
  if (!key) return CCP_RC_INVALID_ARGUMENT;
  // Signing with a seed whose public half says otherwise would make signatures that nobody can verify.
  if (bytes->size() > kSeedBytes && textOf(bytes->view().subspan(kSeedBytes)) != textOf(key->publicKey().bytes)) return CCP_RC_INVALID_ARGUMENT;
  const auto signature = key->sign(bytesOf(message));
  return writeTo(out, textOf(signature));
}

ccp_rc CryptoService::signRs256(std::string_view id, std::string_view message, const ccp_sink* out) const {
  const auto pem = readSecret(host_, grants_, id, "rs256_sign");
  if (!pem) return rcFromError(pem.error());
  const auto signature = crypto::signRs256(*pem, bytesOf(message));
  if (!signature) return rcFromError(signature.error());
  return writeTo(out, textOf(*signature));
}

}  // namespace ccp::plugin
