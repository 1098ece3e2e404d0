// SQL of licenses and packs. A repository belongs to one unit of work.
#pragma once

#include <optional>
#include <string>
#include <tuple>
#include <vector>

#include "core/db/db.hpp"
#include "core/licensing/rules.hpp"

namespace ccp::licensing {

struct LicenseRow {
  std::string org;
  std::string id;
  Decision decision;
  AdminOverride admin = AdminOverride::none;
  std::string admin_reason;
  std::vector<SubscriptionFact> facts;
  std::optional<ManualTerm> term;
  std::string policy_digest;
  std::int64_t version = 1;
  Timestamp created_at, updated_at;
};

struct PackRow {
  std::string org, id, license, seat, device, sid, jkt, plan;
  std::int64_t version = 0;
  Timestamp issued_at, expires_at;
};

class LicenseRepository {
 public:
  explicit LicenseRepository(db::Tx& tx) : tx_(tx) {}

  std::optional<LicenseRow> byOrg(const std::string& org);
  std::optional<std::int64_t> versionOf(const std::string& org);
  void insert(const LicenseRow& row);
  void update(const LicenseRow& row);
  /// Orgs whose license time alone, or a change of the deployer's rules, may have changed.
  std::vector<std::string> due(Timestamp now, const std::string& policy_digest, int limit);
  /// Plan, organizations, seats.
  std::vector<std::tuple<std::string, std::int64_t, std::int64_t>> countByPlan();
  /// Every license gets a new version: clients fetch new packs at their next sync.
  void bumpAllVersions();

  /// Replaces the pack of the same seat and device.
  void putPack(const PackRow& row);
  std::optional<PackRow> packOf(const std::string& org, const std::string& seat, const std::string& device);

 private:
  db::Tx& tx_;
};

}  // namespace ccp::licensing
