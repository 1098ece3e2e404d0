// A key that a server's operator trusts, and exactly what for: which plugin ids it may sign, in which
// modes, what its plugins may be granted, until when. Values; thread-safe.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/error.hpp"
#include "core/base/json.hpp"
#include "core/base/time.hpp"
#include "core/crypto/ed25519.hpp"
#include "core/package/manifest.hpp"

namespace ccp::plugin {

/// Ids of first-party plugins begin so; no key but the vendor's signs them.
inline constexpr std::string_view kVendorPrefix = "ccp.";

/// The server's mode, as far as trust depends on it.
enum class Channel { dev, prod };
const char* toString(Channel channel) noexcept;

/// What the manifests of a key may ask for at most. "*" stands for everything of its kind.
struct Grants {
  std::vector<std::string> egress;    ///< https://api.acme.dev, https://*.acme.dev, *
  std::vector<std::string> secrets;   ///< acme/token, acme/*, *
  std::vector<std::string> services;  ///< host services: ccp.http/1, *; log and clock need none
  std::vector<std::string> events;    ///< usage.accepted, usage.*, *
  std::int64_t kv_bytes = 0;
  bool inproc = false;  ///< its plugins may run inside ccpd, which makes them as powerful as ccpd

  static Grants everything();
  Json json() const;
};

struct TrustedKey {
  crypto::PublicKey key;
  std::string title;                  ///< whose key it is; may be empty
  std::vector<std::string> prefixes;  ///< acme.
  std::vector<Channel> channels;
  Grants grants;
  std::optional<Timestamp> expires_at;
  std::optional<Timestamp> revoked_at;
  std::string revoked_reason;

  std::string kid() const { return key.thumbprint(); }
  /// "rTAb… (Acme Inc)", for messages.
  std::string name() const;
  bool maySign(std::string_view plugin_id) const noexcept;
  bool serves(Channel channel) const noexcept;
  /// "active", "expired" or "revoked".
  const char* state(Timestamp now) const noexcept;
  /// {"prefixes","channels","grants","expires_at"}: what parseTerms() reads.
  Json terms() const;
  /// kid, title, public key, terms, state, times: what operators see.
  Json json(Timestamp now) const;
};

/// Reads {"prefixes","channels","grants","expires_at"} into `key`. `validation_failed` names the member and
/// the rule; refuses unknown members and every prefix that reaches "ccp.".
Status readTerms(const Json& terms, TrustedKey& key);
/// {"public_key": JWK, "title", and the terms}: the body of POST /v1/admin/plugins/trust.
Result<TrustedKey> parseTrustedKey(const Json& json);

/// One thing that a manifest asks for and the grants do not hold.
struct MissingGrant {
  std::string permission;  ///< permissions.egress
  std::string asked;       ///< https://evil.example
  std::string granted;     ///< what is granted of the kind: "nothing", "https://api.acme.dev"
  std::string option;      ///< of `ccp plugin trust add`, that grants it
};
std::vector<MissingGrant> missingGrants(const Manifest& manifest, const Grants& grants);

/// https://api.acme.dev matches itself, https://*.acme.dev (any depth below, same port) and *.
bool matchesOrigin(std::string_view pattern, std::string_view origin) noexcept;

}  // namespace ccp::plugin
