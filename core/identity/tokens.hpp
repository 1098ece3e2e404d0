// What the token endpoint decides: device codes, refresh tokens and packs become access tokens, always
// bound to the DPoP key of the request. Refusals are values, because some of them must be stored.
// Threads: thread-safe.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "core/base/random.hpp"
#include "core/base/time.hpp"
#include "core/config/settings.hpp"
#include "core/db/db.hpp"
#include "core/http/message.hpp"
#include "core/identity/device_grants.hpp"
#include "core/identity/directory.hpp"
#include "core/identity/service.hpp"

namespace ccp::identity {

inline constexpr std::string_view kGrantDevice = "urn:ietf:params:oauth:grant-type:device_code";
inline constexpr std::string_view kGrantJwt = "urn:ietf:params:oauth:grant-type:jwt-bearer";

/// An OAuth refusal (RFC 6749, 5.2; RFC 8628, 3.5; RFC 9449, 5).
struct OAuthFailure {
  std::string error;
  std::string description;
  int status = 400;
};

struct TokenAnswer {
  std::string access_token;
  std::int64_t expires_in_s = 0;
  std::string refresh_token;  ///< empty: none
  std::string scope;
};

template <class T>
using OAuthResult = tl::expected<T, OAuthFailure>;

class TokenService {
 public:
  TokenService(db::Db& db, const Clock& clock, Random& random, const config::Settings& settings, StoredDirectory& directory,
               DeviceGrants& grants, TokenIssuer& issuer, PackAssertions& packs, ReplayGuard& replays)
      : db_(db), clock_(clock), random_(random), settings_(settings), directory_(directory), grants_(grants), issuer_(issuer),
        packs_(packs), replays_(replays) {}

  /// POST /oauth/token. An Error is the server's own trouble; a refusal is an OAuthFailure.
  Result<OAuthResult<TokenAnswer>> token(const http::Params& form, const std::vector<std::string>& dpop_headers,
                                         const plugin::CallContext& ctx);
  /// POST /oauth/revoke (RFC 7009): revokes the device of a refresh token; unknown tokens are fine.
  Result<OAuthResult<bool>> revoke(const http::Params& form);

 private:
  using Answer = Result<OAuthResult<TokenAnswer>>;
  /// Thumbprint of the key that signed the one proof, remembered against replay.
  Result<OAuthResult<std::string>> provenKey(const std::vector<std::string>& dpop_headers);
  Answer deviceCode(const http::Params& form, const std::string& client, const std::string& jkt, const plugin::CallContext& ctx);
  Answer refresh(const http::Params& form, const std::string& client, const std::string& jkt);
  Answer assertion(const http::Params& form, const std::string& jkt);
  Answer completeDevice(db::Tx& tx, const DeviceGrant& grant);
  Answer completeRefresh(db::Tx& tx, const std::string& token, const std::string& client, const std::string& jkt, const std::string& scope);
  Answer completeAssertion(db::Tx& tx, const std::string& pack, const std::string& jkt, const std::string& scope);
  /// Access token (and refresh token) for a device whose person still belongs to the org.
  Answer issue(db::Tx& tx, const DeviceRow& device, const std::string& scope, bool with_refresh);

  db::Db& db_;
  const Clock& clock_;
  Random& random_;
  const config::Settings& settings_;
  StoredDirectory& directory_;
  DeviceGrants& grants_;
  TokenIssuer& issuer_;
  PackAssertions& packs_;
  ReplayGuard& replays_;
};

}  // namespace ccp::identity
