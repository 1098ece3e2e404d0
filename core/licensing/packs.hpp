// License packs: issuing and renewing the signed document of one (seat, device), and the status that
// a client shows. Threads: thread-safe.
#pragma once

#include "core/config/settings.hpp"
#include "core/http/principal.hpp"
#include "core/identity/service.hpp"
#include "core/licensing/gate.hpp"
#include "core/licensing/keys.hpp"
#include "core/licensing/licenses.hpp"

namespace ccp::licensing {

struct IssuedPack {
  std::string pack;
  Timestamp expires_at;
  Timestamp refresh_after_at;  ///< half of its life
};

/// Life of a pack as a pure function: never usable beyond the license's known end plus the offline grace.
struct PackLife {
  Timestamp expires_at;
  std::int64_t grace_s = 0;
};
PackLife packLife(Timestamp now, Duration ttl, Duration offline_grace, std::optional<Timestamp> license_ends_at);

class Packs {
 public:
  Packs(db::Db& db, const Clock& clock, Random& random, const config::Settings& settings, KeyService& keys, StoredLicenses& licenses,
        identity::Directory& directory, policy::Decider& policies)
      : db_(db), clock_(clock), random_(random), settings_(settings), keys_(keys), licenses_(licenses), directory_(directory), policies_(policies) {}

  enum class Occasion { issue, refresh };
  /// For a device with an access token, with the features of the plan that the policies allow. `seat_required`, `token_revoked` (device), `license_inactive`
  /// when the org has no plan at all.
  Result<IssuedPack> issue(const http::Principal& principal, Occasion occasion);
  /// GET /v1/license/status as docs/openapi says; works for access tokens and API keys.
  Result<Json> status(const http::Principal& principal);

 private:
  /// What a pack is made of, when there may be one.
  struct Basis {
    identity::Device device;
    identity::Seat seat;
    License license;
    Entitlements entitlements;
    bool operator==(const Basis& other) const;  ///< the policies would be asked the same
  };
  Result<Basis> basis(db::Tx& tx, const http::Principal& principal);
  IssuedPack issueIn(db::Tx& tx, const http::Principal& principal, Occasion occasion, const crypto::SigningKey& key, const Basis& basis,
                     const GatedFeatures& gated);

  db::Db& db_;
  const Clock& clock_;
  Random& random_;
  const config::Settings& settings_;
  KeyService& keys_;
  StoredLicenses& licenses_;
  identity::Directory& directory_;
  policy::Decider& policies_;
};

}  // namespace ccp::licensing
