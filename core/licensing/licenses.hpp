// Licenses over the store: one row per org, recomputed from billing's facts, the admin's word and
// time; every change is audited, told and, when it goes down, ends what clients hold.
// Threads: thread-safe.
#pragma once

#include <functional>

#include "core/base/random.hpp"
#include "core/config/settings.hpp"
#include "core/licensing/repository.hpp"
#include "core/licensing/revocations.hpp"
#include "core/licensing/service.hpp"

namespace ccp::licensing {

/// The rules as the deployer set them.
Policy policyOf(const config::Settings& settings);

class StoredLicenses final : public Licenses, public identity::SeatLimits {
 public:
  StoredLicenses(db::Db& db, const Clock& clock, Random& random, const config::Settings& settings, RevocationList& revocations);

  /// The license row of a new org, in the transaction that makes the org.
  void create(db::Tx& tx, const std::string& org);

  /// Called after the commit of every change of a license, on the committing thread. Before any other use.
  void onChange(std::function<void(const std::string& org)> fn) { on_change_ = std::move(fn); }

  std::optional<License> byOrg(db::Tx& tx, const std::string& org) override;
  Entitlements entitlements(const License& license) const override;
  Status applyBilling(db::Tx& tx, const std::string& org, const std::vector<SubscriptionFact>& facts, const std::string& actor) override;
  Status setAdminOverride(db::Tx& tx, const std::string& org, AdminOverride value, const std::string& reason, const std::string& actor) override;
  std::vector<PlanInForce> plansInForce(db::Tx& tx) override;
  Result<int> recomputeDue(int limit) override;

  std::int64_t seats(db::Tx& tx, const std::string& org) override;
  std::int64_t devicesPerSeat(db::Tx& tx, const std::string& org) override;

 private:
  struct Change {
    std::string actor, action, reason;
  };
  /// The row as of tx.now(): what time changed is seen before the worker stores it.
  std::optional<LicenseRow> current(db::Tx& tx, const std::string& org);
  /// Decides again and stores; audits and tells when the outcome differs from `before`.
  bool store(db::Tx& tx, const LicenseRow& before, LicenseRow after, const Change& change);

  db::Db& db_;
  const Clock& clock_;
  Random& random_;
  const config::Settings& settings_;
  RevocationList& revocations_;
  const Policy policy_;
  const std::string policy_digest_;
  std::function<void(const std::string& org)> on_change_;
};

}  // namespace ccp::licensing
