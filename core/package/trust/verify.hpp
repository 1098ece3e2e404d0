// Who may sign which plugin, and whether a package's signature is good for what it asks. First-party
// plugins (ids that begin with "ccp.") are signed by the vendor key that is compiled into ccpd; for all
// others the operator trusts keys, each with its prefixes, modes and grants (docs/adr/0011-trust-store.md).
// Immutable, thread-safe.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/error.hpp"
#include "core/crypto/dsse.hpp"
#include "core/crypto/ed25519.hpp"
#include "core/package/manifest.hpp"
#include "core/package/trust/trusted_key.hpp"

namespace ccp::plugin {

/// A manifest that may be acted on, and on whose word.
struct Verified {
  Manifest manifest;
  std::string trust;    ///< "vendor", "key:<kid>", "unsigned"
  std::string signer;   ///< for people: "the vendor", "rTAb… (Acme Inc)", "nobody"
  bool inproc = false;  ///< the signer's plugins may run inside ccpd
};

class TrustStore {
 public:
  /// `keys`: what the operator trusts beside the vendor, revoked and expired ones included, so that a
  /// refusal can say why.
  explicit TrustStore(const crypto::PublicKey& vendor, std::vector<TrustedKey> keys = {});
  /// The key of this build. `plugin_refused` when it is damaged.
  static Result<TrustStore> ofThisBuild(std::vector<TrustedKey> keys = {});
  static Result<crypto::PublicKey> vendorOfThisBuild();

  /// The manifest of `folder`, once a signature over these very bytes verifies whose key is neither
  /// revoked nor expired and is trusted with the plugin's id, the mode and everything that the manifest
  /// asks for. Of several signatures one that is good for all of it is enough. No envelope: in dev mode
  /// a plugin outside "ccp." passes as "unsigned". `plugin_refused` names file, plugin, what was found,
  /// what is needed and what to run.
  Result<Verified> verify(std::optional<std::string_view> envelope, std::string_view manifest, Channel channel, Timestamp now,
                          const std::string& folder) const;

 private:
  struct Attempt;
  Result<Verified> unsignedPlugin(const Attempt& attempt) const;
  Result<Verified> bySignature(const crypto::DsseSignature& signature, const std::string& signed_bytes, const Attempt& attempt) const;
  Status allows(const TrustedKey& key, const Manifest& manifest, const Attempt& attempt) const;

  crypto::PublicKey vendor_;
  std::vector<TrustedKey> keys_;
};

}  // namespace ccp::plugin
