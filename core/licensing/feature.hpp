// Licensing as core/app builds it: the parts in their order of dependence. Two steps, because identity
// stands between them: identity needs the token issuer and the limits, packs need identity's directory.
#pragma once

#include <memory>

#include "core/db/migrations.hpp"
#include "core/http/router.hpp"
#include "core/licensing/authenticator.hpp"
#include "core/licensing/introspection.hpp"
#include "core/licensing/keys.hpp"
#include "core/licensing/license_memory.hpp"
#include "core/licensing/licenses.hpp"
#include "core/licensing/packs.hpp"
#include "core/licensing/revocations.hpp"
#include "core/licensing/token_verifier.hpp"
#include "core/licensing/tokens.hpp"
#include "core/licensing/worker.hpp"

namespace ccp::licensing {

extern const db::MigrationSet kMigrations;

class Feature {
 public:
  /// After migrations. Opens keys, reads revocations. Everything passed must outlive the feature.
  static Result<std::unique_ptr<Feature>> open(db::Db& db, const Clock& clock, Random& random, Metrics& metrics, const config::Settings& settings);

  identity::TokenIssuer& tokenIssuer() noexcept { return tokens_; }
  identity::PackAssertions& packAssertions() noexcept { return tokens_; }
  identity::SeatLimits& seatLimits() noexcept { return licenses_; }
  Licenses& licenses() noexcept { return licenses_; }
  KeyAdmin& keyAdmin() noexcept { return *keys_; }
  KeyService& keys() noexcept { return *keys_; }
  RevocationList& revocations() noexcept { return revocations_; }
  Worker& worker() noexcept { return worker_; }

  /// Second step; once, before routes and authenticator are used.
  void connect(identity::Directory& directory, identity::ReplayGuard& replays, policy::Decider& policies);
  AccessTokenAuthenticator& authenticator() { return *authenticator_; }
  Packs& packs() { return *packs_; }
  Introspection& introspection() { return *introspection_; }
  void addRoutes(http::Router& router);

 private:
  Feature(db::Db& db, const Clock& clock, Random& random, Metrics& metrics, const config::Settings& settings, std::unique_ptr<KeyService> keys);

  db::Db& db_;
  const Clock& clock_;
  Random& random_;
  Metrics& metrics_;
  const config::Settings& settings_;
  std::unique_ptr<KeyService> keys_;
  RevocationList revocations_;
  StoredLicenses licenses_;
  AccessTokens tokens_;
  LicenseMemory license_memory_;
  TokenVerifier verifier_;
  Worker worker_;
  std::unique_ptr<Packs> packs_;
  std::unique_ptr<Introspection> introspection_;
  std::unique_ptr<AccessTokenAuthenticator> authenticator_;
};

}  // namespace ccp::licensing
