// What operators do with the trust store: trust a key, change what it is trusted with, revoke it, allow
// an older version of a plugin. Every change and its audit row are one transaction.
// Threads: thread-safe; every function reads or writes the database.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "core/base/error.hpp"
#include "core/base/json.hpp"
#include "core/db/db.hpp"
#include "core/plugin/trust_repository.hpp"

namespace ccp::plugin {

class TrustAdmin {
 public:
  /// `db` outlives it.
  explicit TrustAdmin(db::Db& db) : db_(db) {}

  struct Overview {
    std::vector<TrustRow> keys;
    std::vector<VersionFloor> floors;
    Timestamp at;  ///< of the reading: what "expired" refers to
  };
  Result<Overview> overview();

  /// Trusts a key, or replaces what it is trusted with. `conflict` for the vendor key and for one that was
  /// revoked: nobody knows any more who holds it.
  Result<TrustRow> trust(const TrustedKey& key, const std::string& actor);
  /// For good. `not_found`; a second time changes nothing.
  Result<TrustRow> revoke(const std::string& kid, const std::string& reason, const std::string& actor);
  /// Lets `version` of a plugin load again although a newer one ran here. `not_found` when none did,
  /// `validation_failed` when `version` is no version, `conflict` when it is not older.
  Result<VersionFloor> allowRollback(const std::string& plugin, const std::string& version, const std::string& reason, const std::string& actor);

  /// What is wrong by now with the trust that a running instance was loaded on ("key:<kid>"): "the key …
  /// was revoked at …"; empty while it stands. For list and doctor.
  Result<std::map<std::string, std::string>> problemsOf(const std::vector<std::string>& trusts);

 private:
  db::Db& db_;
};

}  // namespace ccp::plugin
