// Compact JWS with EdDSA (RFC 7515, RFC 8037): one writer, one verifier. The verifier takes neither
// algorithm nor key from the token: the caller says which `typ` and which keys it trusts.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "core/base/error.hpp"
#include "core/base/json.hpp"
#include "core/crypto/ed25519.hpp"

namespace ccp::crypto {

inline constexpr std::string_view kTypAccessToken = "at+jwt";            ///< RFC 9068
inline constexpr std::string_view kTypLicensePack = "ccp-license+jwt";
inline constexpr std::string_view kTypDpop = "dpop+jwt";                 ///< RFC 9449

/// Signs `claims` with header {"alg":"EdDSA","typ":typ,"kid":thumbprint}.
std::string signJws(const SigningKey& key, std::string_view typ, const Json& claims);
/// The same with extra header members ("jwk" of a proof); no kid unless given.
std::string signJwsWithHeader(const SigningKey& key, const Json& header, const Json& claims);

struct ParsedJws {
  Json header;
  Json claims;
  std::string signing_input;
  Bytes signature;
};
/// Splits and decodes without trusting: size, form, strict JSON, `crit` refused, `b64` refused.
Result<ParsedJws> parseJws(std::string_view token, std::size_t max_bytes = 16384);

using KeyLookup = std::function<std::optional<PublicKey>(std::string_view kid)>;
/// Verifies typ (`token_wrong_type`), alg (`algorithm_refused`), kid (`key_unknown`), signature
/// (`token_invalid`). Claims' times are the caller's to check (checkTimes).
Result<Json> verifyJws(std::string_view token, std::string_view typ, const KeyLookup& keys);
/// exp required and in the future, nbf and iat not, all with `skew`: `token_expired`, `token_invalid`.
Status checkTimes(const Json& claims, Timestamp now, Duration skew = seconds(60));

/// What an access token says, RFC 9068 plus ours.
struct AccessClaims {
  std::string iss, aud, sub, org, seat, device, sid, jkt, license, role, email, client_id, scope, jti;
  std::int64_t license_version = 0;
  Timestamp issued_at, expires_at;
  Json json() const;
  static Result<AccessClaims> from(const Json& claims);
};

/// What a license pack says (product.md, License pack).
struct PackClaims {
  std::string iss, aud, sub, jti, org, license, sid, plan, privacy, jkt;
  std::int64_t version = 0, seats = 0, grace_s = 0;
  Timestamp issued_at, not_before, expires_at;
  std::vector<std::string> features;
  Json limits = Json::object();
  Json enforce = Json::object();
  Json json() const;
  static Result<PackClaims> from(const Json& claims);
};

}  // namespace ccp::crypto
