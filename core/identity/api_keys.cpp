#include "core/identity/api_keys.hpp"

#include "core/base/encoding.hpp"
#include "core/identity/acting_role.hpp"
#include "core/identity/rules.hpp"

namespace ccp::identity {
namespace {

constexpr std::string_view kPrefix = "ccp_sk_";
constexpr Duration kTouchInterval = minutes(5);
constexpr Duration kShowRevoked = hours(24 * 90);
constexpr int kMostListed = 500;

Status mayManage(db::Tx& tx, const http::Principal& who) {
  if (!who.hasScope("billing"))
    return fail(Errc::forbidden, "The credential lacks the scope \"billing\", which managing API keys needs.");
  CCP_CHECK_OK(actingRole(tx, who, Action::manage_api_keys, "API keys are for owners and admins of the organization."));
  return {};
}

/// A key can do no more than the credential that makes it.
Result<std::string> scopesFor(const http::Principal& who, const std::string& asked) {
  std::string own;
  for (const auto& scope : splitScope(kAllScopes)) {
    if (who.hasScope(scope)) own += (own.empty() ? "" : " ") + scope;
  }
  const auto scopes = grantScope(asked.empty() ? own : asked, kKeyScopes);
  if (!scopes) return fail(Error{Errc::validation_failed, "A scope is unknown.", {{"/scopes", "known are " + std::string(kKeyScopes)}}});
  if (!grantScope(*scopes, own + " introspect policy"))
    return fail(Errc::forbidden, "An API key cannot have a scope that the credential making it lacks: it has " + own + ".");
  return *scopes;
}

}  // namespace

Result<ApiKeys::Created> ApiKeys::create(const http::Principal& who, const std::string& name, const std::string& scope) {
  const auto shown = displayText(name, 80);
  if (shown.empty()) return fail(Error{Errc::validation_failed, "An API key needs a name.", {{"/name", "1 to 80 characters"}}});
  CCP_TRY(const auto scopes, scopesFor(who, scope));
  const auto secret = std::string(kPrefix) + base62Encode(random_.bytes(32));
  ApiKey key{who.org, newId("key", clock_, random_), shown, secret.substr(secret.size() - 4), scopes, who.actor(), {}, {}, {}};
  const Status stored = db_.write(db::Scope::org(who.org), [&](db::Tx& tx) -> Status {
    CCP_CHECK_OK(mayManage(tx, who));
    if (Repository(tx).apiKeysInForce(who.org) >= kMost)
      return fail(Errc::conflict, "The organization has " + std::to_string(kMost) + " API keys; revoke one that is not used.");
    key.created_at = tx.now();
    Repository(tx).insertApiKey(key, sha256Hex(secret));
    tx.audit({who.org, who.actor(), "api_key.create", key.id, Json(), Json::object({{"name", shown}, {"scopes", scopes}}), ""});
    return {};
  });
  if (!stored) return fail(stored.error());
  return Created{key, secret};
}

Result<std::vector<ApiKey>> ApiKeys::list(const http::Principal& who) {
  return db_.read(db::Scope::org(who.org), [&](db::Tx& tx) -> Result<std::vector<ApiKey>> {
    CCP_CHECK_OK(mayManage(tx, who));
    return Repository(tx).apiKeys(who.org, clock_.now() - kShowRevoked, kMostListed);
  });
}

Status ApiKeys::revoke(const http::Principal& who, const std::string& id) {
  return db_.write(db::Scope::org(who.org), [&](db::Tx& tx) -> Status {
    CCP_CHECK_OK(mayManage(tx, who));
    if (!Repository(tx).revokeApiKey(who.org, id)) return fail(Errc::not_found, "There is no such API key.");
    tx.audit({who.org, who.actor(), "api_key.revoke", id, Json(), Json(), ""});
    if (on_revoke_) tx.afterCommit([this, id] { on_revoke_(id); });
    return {};
  });
}

Result<http::Principal> ApiKeys::authenticate(const http::Request& request) {
  const auto header = request.headers.get("Authorization");
  constexpr std::string_view kScheme = "Bearer ";
  const bool form = header.size() > kScheme.size() && header.compare(0, kScheme.size(), kScheme) == 0;
  return authenticate(form ? std::string_view(header).substr(kScheme.size()) : std::string_view());
}

Result<http::Principal> ApiKeys::authenticate(std::string_view secret) {
  if (secret.compare(0, kPrefix.size(), kPrefix) != 0 || secret.size() > 128) {
    return fail(Errc::unauthenticated, "This is no API key.");
  }
  const auto hash = sha256Hex(secret);
  // System scope: the key says which organization it is for.
  CCP_TRY(const auto key, db_.read(db::Scope::system(), [&](db::Tx& tx) -> Result<ApiKey> {
    auto found = Repository(tx).apiKeyByHash(hash);
    if (!found) return fail(Errc::unauthenticated, "The API key is unknown or revoked.");
    return *found;
  }));
  if (!key.last_used_at || clock_.now() - *key.last_used_at >= kTouchInterval) {
    CCP_CHECK_OK(db_.writeReadCommitted(db::Scope::org(key.org), [&](db::Tx& tx) -> Status {
      Repository(tx).touchApiKey(key.org, key.id);
      return {};
    }));
  }
  http::Principal out;
  out.kind = http::PrincipalKind::api_key;
  out.org = key.org;
  out.api_key = key.id;
  out.scopes = splitScope(key.scopes);
  return out;
}

}  // namespace ccp::identity
