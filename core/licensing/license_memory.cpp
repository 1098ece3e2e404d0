#include "core/licensing/license_memory.hpp"

namespace ccp::licensing {
namespace {

constexpr CacheLimits kLimits{.entries = 20'000, .bytes = 32u << 20};

std::string fingerprintOf(const License& license, const Entitlements& entitlements) {
  const Decision& d = license.decision;
  std::string out = license.id + '|' + toString(d.state) + '|' + entitlements.plan + '|' + std::to_string(license.version) + '|' +
                    std::to_string(d.seats) + '|' + d.reason + '|' + (d.ends_at ? std::to_string(toMicros(*d.ends_at)) : "") + '|' +
                    entitlements.privacy + '|' + entitlements.limits.dump();
  for (const auto& feature : entitlements.features) out += '|' + feature;
  return out;
}

}  // namespace

LicenseMemory::LicenseMemory(db::Db& db, const Clock& clock, Metrics& metrics, StoredLicenses& licenses)
    : db_(db), clock_(clock), licenses_(licenses), cache_(clock, kLimits, CacheMeters(metrics, "licenses")) {
  licenses_.onChange([this](const std::string& org) { forget(org); });
}

bool LicenseMemory::current(const Facts& facts) const {
  if (!facts) return false;
  const auto& change_at = facts->license.decision.next_change_at;
  return !change_at || clock_.now() < *change_at;
}

LicenseMemory::Facts LicenseMemory::find(const std::string& org) {
  auto facts = cache_.find(org);
  return current(facts) ? facts : nullptr;
}

Result<LicenseMemory::Facts> LicenseMemory::get(const std::string& org) {
  if (auto facts = cache_.findFresh(org); current(facts)) return facts;
  return read(org);
}

Result<LicenseMemory::Facts> LicenseMemory::read(const std::string& org) {
  const auto ticket = cache_.ticket(org);
  CCP_TRY(auto license, db_.read(db::Scope::org(org), [&](db::Tx& tx) -> Result<License> {
    auto found = licenses_.byOrg(tx, org);
    if (!found) return fail(Errc::not_found, "The organization does not exist.");
    return std::move(*found);
  }));
  LicenseFacts facts;
  facts.entitlements = licenses_.entitlements(license);
  facts.fingerprint = fingerprintOf(license, facts.entitlements);
  facts.license = std::move(license);
  std::size_t bytes = 1024 + facts.fingerprint.size();
  for (const auto& feature : facts.entitlements.features) bytes += sizeof(feature) + feature.size();
  return cache_.put(org, std::move(facts), bytes, ticket);
}

}  // namespace ccp::licensing
