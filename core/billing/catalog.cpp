#include "core/billing/catalog.hpp"

namespace ccp::billing {

Result<CurrentPlan> Catalog::current(const std::string& org) {
  return db_.read(db::Scope::org(org), [&](db::Tx& tx) -> Result<CurrentPlan> {
    CurrentPlan out;
    out.plan = settings_.now()->plans.fallback;
    const auto license = licenses_.byOrg(tx, org);
    if (!license) return out;
    out.plan = license->decision.plan;
    out.seats = license->decision.seats;
    if (!licensing::isLive(license->decision.state) || license->decision.subscription.empty())
      return out;
    const auto row = repository_.subscription(tx, org, license->decision.subscription);
    if (row && !row->grant.price.empty()) out.price = row->grant.price;
    if (out.price && row->effective) out.quantity = row->effective->snapshot.quantity;
    return out;
  });
}

Result<Standing> Catalog::standing(const std::string& org) {
  return db_.read(db::Scope::org(org), [&](db::Tx& tx) -> Result<Standing> {
    const auto license = licenses_.byOrg(tx, org);
    if (!license) return fail(Errc::not_found, "The organization has no license.");
    Standing out;
    out.decision = license->decision;
    out.entitlements = licenses_.entitlements(*license);
    out.has_portal = !repository_.subscriptionsOf(tx, org).empty();
    return out;
  });
}

}  // namespace ccp::billing
