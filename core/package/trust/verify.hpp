// Who may sign which plugin. First-party plugins (ids that begin with "ccp.") are signed by the vendor
// key that is compiled into ccpd; no other key and no other prefix is trusted. Immutable, thread-safe.
#pragma once

#include <string>
#include <string_view>

#include "core/base/error.hpp"
#include "core/crypto/ed25519.hpp"
#include "core/package/manifest.hpp"

namespace ccp::plugin {

inline constexpr std::string_view kVendorPrefix = "ccp.";

class TrustStore {
 public:
  explicit TrustStore(const crypto::PublicKey& vendor) : vendor_(vendor) {}
  /// The key of this build. `plugin_refused` when it is damaged.
  static Result<TrustStore> ofThisBuild();

  /// The manifest, once the envelope's signature verifies, the manifest beside it has the very same
  /// bytes, and the id's prefix belongs to the key. `folder` is for messages. `plugin_refused`.
  Result<Manifest> verify(std::string_view envelope, std::string_view manifest, const std::string& folder) const;

 private:
  crypto::PublicKey vendor_;
};

}  // namespace ccp::plugin
