// Access tokens: issuing them for identity's grants, and reading packs as assertions.
// Threads: thread-safe.
#pragma once

#include "core/config/settings.hpp"
#include "core/identity/service.hpp"
#include "core/licensing/keys.hpp"
#include "core/licensing/licenses.hpp"

namespace ccp::licensing {

class AccessTokens final : public identity::TokenIssuer, public identity::PackAssertions {
 public:
  AccessTokens(const Clock& clock, Random& random, const config::Settings& settings, KeyService& keys, StoredLicenses& licenses,
               RevocationList& revocations)
      : clock_(clock), random_(random), settings_(settings), keys_(keys), licenses_(licenses), revocations_(revocations) {}

  /// A token carries the license version of now, whatever the state: a suspended org may still log in,
  /// see its status and pay.
  Result<AccessToken> issueAccessToken(db::Tx& tx, const Grant& grant) override;
  void orgCreated(db::Tx& tx, const std::string& org) override { licenses_.create(tx, org); }
  void sidRevoked(db::Tx& tx, const std::string& org, const std::string& sid) override { revocations_.revokeSid(tx, org, sid); }
  /// `pack_invalid`, `pack_expired`, `token_wrong_type`, `key_unknown`, `algorithm_refused`, `token_revoked`.
  Result<identity::PackAssertion> verifyPack(db::Tx& tx, std::string_view pack) override;

 private:
  const Clock& clock_;
  Random& random_;
  const config::Settings& settings_;
  KeyService& keys_;
  StoredLicenses& licenses_;
  RevocationList& revocations_;
};

}  // namespace ccp::licensing
