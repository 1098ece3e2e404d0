#include "core/licensing/licenses.hpp"

#include "core/base/log.hpp"

namespace ccp::licensing {
namespace {

constexpr std::int64_t kDefaultDevices = 3;

std::int64_t limitOr(const config::Plan* plan, const char* name, std::int64_t fallback) {
  if (!plan) return fallback;
  const auto it = plan->limits.find(name);
  return it == plan->limits.end() ? fallback : it->second;
}

std::string digestOf(const Policy& policy) {
  Json order = Json::array();
  for (const auto& plan : policy.plan_order) order.push(plan);
  const Json json = Json::object({{"grace_days", policy.grace_days},
                                  {"fallback", policy.fallback_plan},
                                  {"fallback_seats", policy.fallback_seats},
                                  {"order", order}});
  return sha256Hex(json.dump()).substr(0, 16);
}

Json summaryOf(const LicenseRow& row) {
  const Decision& d = row.decision;
  return Json::object({{"state", toString(d.state)},
                       {"plan", d.plan},
                       {"seats", d.seats},
                       {"reason", d.reason},
                       {"admin", toString(row.admin)},
                       {"version", row.version},
                       {"ends_at", d.ends_at ? Json(formatRfc3339(*d.ends_at)) : Json()}});
}

}  // namespace

Policy policyOf(const config::Settings& settings) {
  Policy out;
  out.grace_days = settings.billing.grace_days;
  out.fallback_plan = settings.plans.fallback;
  out.fallback_seats = limitOr(settings.plans.find(out.fallback_plan), "seats", 1);
  for (const auto& plan : settings.plans.plans) out.plan_order.push_back(plan.id);
  return out;
}

StoredLicenses::StoredLicenses(db::Db& db, const Clock& clock, Random& random, const config::Settings& settings, RevocationList& revocations)
    : db_(db), clock_(clock), random_(random), settings_(settings), revocations_(revocations), policy_(policyOf(settings)), policy_digest_(digestOf(policy_)) {}

void StoredLicenses::create(db::Tx& tx, const std::string& org) {
  LicenseRow row;
  row.org = org;
  row.id = newId("lic", clock_, random_);
  row.decision = decide(AdminOverride::none, {}, std::nullopt, policy_, tx.now());
  row.policy_digest = policy_digest_;
  row.created_at = row.updated_at = tx.now();
  LicenseRepository(tx).insert(row);
}

std::optional<LicenseRow> StoredLicenses::current(db::Tx& tx, const std::string& org) {
  auto row = LicenseRepository(tx).byOrg(org);
  if (!row) return std::nullopt;
  const bool due = row->decision.next_change_at && *row->decision.next_change_at <= tx.now();
  if (due || row->policy_digest != policy_digest_) row->decision = decide(row->admin, row->facts, row->term, policy_, tx.now());
  return row;
}

std::optional<License> StoredLicenses::byOrg(db::Tx& tx, const std::string& org) {
  auto row = current(tx, org);
  if (!row) return std::nullopt;
  return License{row->id, row->org, std::move(row->decision), row->admin, row->admin_reason, row->version, row->updated_at};
}

Entitlements StoredLicenses::entitlements(const License& license) const {
  const Decision& d = license.decision;
  Entitlements out;
  out.plan = d.plan;
  out.state = d.state;
  out.privacy = d.privacy;
  const config::Plan* plan = settings_.plans.find(d.plan);
  if (plan) {
    out.plan_title = plan->title.empty() ? plan->id : plan->title;
    out.features = plan->entitlements;
    for (const auto& [name, value] : plan->limits) out.limits.set(name, value);
  } else {
    out.plan_title = d.plan == kNoPlan ? "no plan" : d.plan;
  }
  if (d.plan != kNoPlan) {
    // Seats are what was paid for; devices always have a number, so that every client can show it.
    out.limits.set("seats", d.seats);
    if (!out.limits.find("devices")) out.limits.set("devices", kDefaultDevices);
  }
  out.notice = noticeFor(d, out.plan_title);
  return out;
}

bool StoredLicenses::store(db::Tx& tx, const LicenseRow& before, LicenseRow after, const Change& change) {
  after.decision = decide(after.admin, after.facts, after.term, policy_, tx.now());
  after.policy_digest = policy_digest_;
  after.updated_at = tx.now();
  const bool bump = bumpsVersion(before.decision, after.decision, policy_.rank(before.decision.plan), policy_.rank(after.decision.plan));
  if (bump) ++after.version;
  LicenseRepository(tx).update(after);
  if (bump) revocations_.requireVersion(tx, after.org, after.version);
  if (on_change_) tx.afterCommit([this, org = after.org] { on_change_(org); });

  // What people and plugins care about; that time moved next_change_at is no change.
  const auto outcome = [](const LicenseRow& row) {
    const Decision& d = row.decision;
    return std::tuple(d.state, d.plan, d.privacy, d.seats, d.reason, d.ends_at, row.admin, row.admin_reason, row.version);
  };
  if (outcome(before) == outcome(after)) return false;
  tx.audit({after.org, change.actor, change.action, after.id, summaryOf(before), summaryOf(after), change.reason});
  tx.emit({"license.changed", after.org, after.id,
           Json::object({{"license", after.id}, {"before", summaryOf(before)}, {"after", summaryOf(after)}, {"reason", after.decision.reason}})});
  return true;
}

Status StoredLicenses::applyBilling(db::Tx& tx, const std::string& org, const std::vector<SubscriptionFact>& facts, const std::string& actor) {
  const auto before = LicenseRepository(tx).byOrg(org);
  if (!before) return fail(Errc::not_found, "The organization " + org + " has no license.");
  LicenseRow after = *before;
  after.facts = settleFacts(before->facts, facts, tx.now());
  store(tx, *before, std::move(after), {actor, "license.change", "billing"});
  return {};
}

Status StoredLicenses::setAdminOverride(db::Tx& tx, const std::string& org, AdminOverride value, const std::string& reason, const std::string& actor) {
  const auto before = LicenseRepository(tx).byOrg(org);
  if (!before) return fail(Errc::not_found, "The organization " + org + " has no license.");
  LicenseRow after = *before;
  after.admin = value;
  after.admin_reason = value == AdminOverride::none ? "" : reason;
  const char* action = value == AdminOverride::none ? "license.resume" : value == AdminOverride::suspended ? "license.suspend" : "license.revoke";
  store(tx, *before, std::move(after), {actor, action, reason});
  return {};
}

std::vector<Licenses::PlanInForce> StoredLicenses::plansInForce(db::Tx& tx) {
  std::vector<PlanInForce> out;
  for (auto& [plan, orgs, seats] : LicenseRepository(tx).countByPlan()) out.push_back({plan, orgs, seats});
  return out;
}

Result<int> StoredLicenses::recomputeDue(int limit) {
  // Every organization: the worker looks for licenses that time has changed.
  CCP_TRY(const auto orgs, db_.read(db::Scope::system(), [&](db::Tx& tx) -> Result<std::vector<std::string>> {
    return LicenseRepository(tx).due(tx.now(), policy_digest_, limit);
  }));
  int changed = 0;
  for (const auto& org : orgs) {
    CCP_TRY(const bool differs, db_.write(db::Scope::org(org), [&](db::Tx& tx) -> Result<bool> {
      const auto before = LicenseRepository(tx).byOrg(org);
      if (!before) return false;
      return store(tx, *before, *before, {"system", "license.change", "time"});
    }));
    if (differs) ++changed;
  }
  return changed;
}

std::int64_t StoredLicenses::seats(db::Tx& tx, const std::string& org) {
  const auto row = current(tx, org);
  return row ? row->decision.seats : 1;
}

std::int64_t StoredLicenses::devicesPerSeat(db::Tx& tx, const std::string& org) {
  const auto row = current(tx, org);
  return limitOr(row ? settings_.plans.find(row->decision.plan) : nullptr, "devices", kDefaultDevices);
}

}  // namespace ccp::licensing
