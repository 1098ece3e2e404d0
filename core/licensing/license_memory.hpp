// Licenses of organizations for those who may not wait for the store: read there, kept for seconds,
// forgotten when this node changes one; a change on another node is seen within ten seconds.
// Threads: thread-safe. find() does no I/O.
#pragma once

#include <memory>
#include <string>

#include "core/base/fresh_cache.hpp"
#include "core/licensing/licenses.hpp"

namespace ccp::licensing {

struct LicenseFacts {
  License license;
  Entitlements entitlements;
  /// Equal when nothing that an answer shows or that policies are asked with has changed.
  std::string fingerprint;
};

class LicenseMemory {
 public:
  LicenseMemory(db::Db& db, const Clock& clock, Metrics& metrics, StoredLicenses& licenses);

  using Facts = std::shared_ptr<const LicenseFacts>;
  /// Null: get(). Also when time alone may have changed the license.
  Facts find(const std::string& org);
  /// Reads the store unless this is seconds old. `not_found` when there is no such organization.
  Result<Facts> get(const std::string& org);
  void forget(const std::string& org) { cache_.forget(org); }

 private:
  /// False when time alone may have changed the license.
  bool current(const Facts& facts) const;
  Result<Facts> read(const std::string& org);

  db::Db& db_;
  const Clock& clock_;
  StoredLicenses& licenses_;
  FreshCache<std::string, LicenseFacts> cache_;
};

}  // namespace ccp::licensing
