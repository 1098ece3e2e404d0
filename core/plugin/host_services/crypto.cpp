#include "core/base/encoding.hpp"
#include "core/crypto/ed25519.hpp"
#include "core/plugin/host_services/services.hpp"
#include "core/plugin/problem.hpp"

namespace ccp::plugin {
namespace {

constexpr std::size_t kMaxRandom = 4096;

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
            }};
}

ccp_rc CryptoService::hmac(std::string_view id, std::int32_t encoding, std::string_view prefix, std::string_view message, const ccp_sink* out) const {
  const auto secret = readSecret(host_, grants_, id, "hmac");
  if (!secret) return rcFromError(secret.error());
  SecretBytes decoded;
  std::span<const std::uint8_t> key = secret->view();
  if (encoding == CCP_KEY_BASE64_AFTER_PREFIX) {
    std::string_view text = secret->text();
    if (text.starts_with(prefix)) text.remove_prefix(prefix.size());
    const auto bytes = base64Decode(text);
    if (!bytes) return CCP_RC_INVALID_ARGUMENT;
    decoded = SecretBytes(std::span<const std::uint8_t>(*bytes));
    key = decoded.view();
  } else if (encoding != CCP_KEY_RAW) {
    return CCP_RC_INVALID_ARGUMENT;
  }
  const auto mac = crypto::hmacSha256(key, bytesOf(message));
  return writeTo(out, textOf(mac));
}

}  // namespace ccp::plugin
