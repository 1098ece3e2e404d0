// API keys: programs that act for one organization. Threads: thread-safe.
#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/random.hpp"
#include "core/base/time.hpp"
#include "core/db/db.hpp"
#include "core/http/message.hpp"
#include "core/identity/repository.hpp"

namespace ccp::identity {

class ApiKeys {
 public:
  ApiKeys(db::Db& db, const Clock& clock, Random& random) : db_(db), clock_(clock), random_(random) {}

  static constexpr int kMost = 100;  ///< of one organization, revoked ones not counted
  struct Created {
    ApiKey key;
    std::string secret;  ///< ccp_sk_…: shown once, stored as a hash
  };
  /// `forbidden` unless the principal administers its organization now and has the scopes itself
  /// (asking about tokens, and reading policy decisions, go with any); `validation_failed` for the
  /// name or an unknown scope; `conflict` when there are kMost already. No scope: all that the
  /// principal has.
  Result<Created> create(const http::Principal& who, const std::string& name, const std::string& scope);
  /// Those in force, then those revoked in the last 90 days; at most 500.
  Result<std::vector<ApiKey>> list(const http::Principal& who);
  Status revoke(const http::Principal& who, const std::string& id);
  /// The principal of `Authorization: Bearer ccp_sk_…`; `unauthenticated` for anything else.
  Result<http::Principal> authenticate(const http::Request& request);
  /// The same for the key itself.
  Result<http::Principal> authenticate(std::string_view secret);
  /// Called after the commit that revokes a key, on the committing thread. Before any other use.
  void onRevoke(std::function<void(const std::string& id)> fn) { on_revoke_ = std::move(fn); }

 private:
  db::Db& db_;
  const Clock& clock_;
  Random& random_;
  std::function<void(const std::string& id)> on_revoke_;
};

}  // namespace ccp::identity
