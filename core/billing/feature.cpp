#include "core/billing/feature.hpp"

#include "core/base/log.hpp"

namespace ccp::billing {
namespace {

/// Deliveries that wait for their acknowledgement at once: with so many of them decisions wait.
constexpr std::size_t kBurst = 8;

}  // namespace

Feature::Feature(const Deps& deps)
    : deps_(deps),
      snapshots_(repository_, move_repository_, deps.licenses, deps.settings, deps.clock,
                 deps.random, deps.metrics),
      catalog_(deps.db, repository_, deps.licenses, deps.settings),
      checkouts_(deps.db, repository_, inbox_repository_, snapshots_, deps.directory,
                 deps.providers, deps.settings, deps.clock, deps.random),
      moves_(deps.db, repository_, move_repository_, checkouts_, snapshots_, deps.providers,
             deps.settings, deps.clock, deps.random, deps.metrics),
      portal_(deps.db, repository_, deps.directory, deps.providers, deps.settings),
      changes_(deps.db, repository_, move_repository_, snapshots_, deps.directory, deps.licenses,
               deps.providers, deps.settings, deps.clock),
      webhooks_(deps.db, inbox_repository_, deps.providers, deps.settings, deps.clock, deps.random,
                deps.metrics),
      inbox_(deps.db, inbox_repository_, repository_, snapshots_, deps.providers, deps.clock,
             deps.metrics),
      reconciler_(deps.db, repository_, inbox_repository_, snapshots_, deps.providers,
                  deps.settings, deps.clock, deps.random, deps.metrics),
      doctor_(deps.db, repository_, inbox_repository_, inbox_, move_repository_, snapshots_,
              deps.providers, deps.settings, deps.clock, deps.random),
      worker_(inbox_, reconciler_, moves_, deps.clock),
      reception_(webhooks_),
      intake_(
          inbox_, deps.clock, [this] { return reception_.inFlight() >= kBurst; },
          [this] { worker_.wake(); }),
      reminders_(deps.db, repository_, deps.directory, deps.licenses, deps.mailer, deps.settings,
                 deps.clock, deps.random, deps.metrics) {}

Feature::~Feature() {
  reception_.stop();  // it hands to the intake what it has stored
}

Status Feature::checkInstances(const std::function<bool(const std::string& instance)>& serves) {
  struct Use {
    std::vector<std::pair<std::string, std::int64_t>> subscriptions, moves;
  };
  // System scope: every org's subscriptions and moves count.
  CCP_TRY(const auto use, deps_.db.read(db::Scope::system(), [&](db::Tx& tx) -> Result<Use> {
    return Use{repository_.subscriptionsPerInstance(tx), move_repository_.underWayTo(tx)};
  }));
  const auto refusal = [&](const std::vector<std::pair<std::string, std::int64_t>>& counts,
                           const char* what) -> Status {
    for (const auto& counted : counts) {
      if (serves(counted.first)) continue;
      return fail(Errc::config_invalid, "plugins: the billing instance \"" + counted.first +
                                            "\" was removed, but " +
                                            std::to_string(counted.second) + what);
    }
    return {};
  };
  CCP_CHECK_OK(refusal(use.subscriptions,
                       " subscription(s) still run there. Put it back; to sell elsewhere, change "
                       "billing.default only."));
  return refusal(use.moves,
                 " organization(s) are being moved there. Put it back, or cancel the moves first: "
                 "`ccp billing migrate --org ORG --cancel`.");
}

Result<CatalogUse> Feature::catalogUse() {
  // System scope: every org's subscriptions count.
  return deps_.db.read(db::Scope::system(), [&](db::Tx& tx) -> Result<CatalogUse> {
    CatalogUse out;
    for (auto& each : deps_.licenses.plansInForce(tx))
      out.plans.push_back({each.plan, each.orgs, each.seats});
    out.prices = repository_.subscriptionsPerPrice(tx);
    return out;
  });
}

Status Feature::checkCatalog(const config::PlanCatalog& running,
                             const config::PlanCatalog& wanted) {
  CCP_TRY(const auto use, catalogUse());
  return checkCatalogInUse(running, wanted, use);
}

Status Feature::tellUnknownPrices() {
  CCP_TRY(const auto use, catalogUse());
  const auto settings = deps_.settings.now();
  for (const auto& each : use.prices) {
    if (settings->plans.findPrice(each.price).price) continue;
    log::error("billing.price_not_in_catalog", {{"price", each.price},
                                                {"instance", each.instance},
                                                {"subscriptions", each.subscriptions},
                                                {"orgs", each.orgs}});
  }
  return {};
}

void Feature::receive(Delivery delivery, Reception::Done done) {
  const Deadline deadline = delivery.deadline;
  reception_.offer(std::move(delivery),
                   [this, deadline, done = std::move(done)](Result<Accepted> accepted) {
                     if (accepted && accepted->stored)
                       decide(std::move(*accepted->stored), deadline);
                     done(std::move(accepted));
                   });
}

void Feature::decide(Stored stored, const Deadline& deadline) {
  // The provider has done its part; what comes now is decided beside it, or by the worker.
  const std::string id = stored.row.id;
  if (intake_.offer(std::move(stored))) return;
  if (!intake_.running()) (void)inbox_.process(id, deadline);
  worker_.wake();
}

std::optional<MeteredCustomer> Feature::meteredCustomer(db::Tx& tx, const std::string& org) {
  const auto license = deps_.licenses.byOrg(tx, org);
  if (!license || license->decision.subscription.empty()) return std::nullopt;
  const auto row = repository_.subscription(tx, org, license->decision.subscription);
  if (!row) return std::nullopt;
  return MeteredCustomer{row->instance, row->provider_customer_id};
}

Result<BillingHealth> Feature::health(const Deadline& deadline) {
  BillingHealth out;
  CCP_TRY(const auto inbox, inbox_.counts());
  out.webhooks_waiting = inbox.received;
  out.webhooks_parked = inbox.parked;
  out.webhooks_dead = inbox.dead;
  CCP_TRY(out.subscriptions_dirty,
          deps_.db.read(db::Scope::system(), [&](db::Tx& tx) -> Result<std::int64_t> {
            return repository_.countDirty(tx);
          }));
  const ReconcileReport report = reconciler_.report();
  Json sweeping = Json::object();
  for (const auto& [instance, n] : report.sweeping) sweeping.set(instance, n);
  Json errors = Json::object();
  for (const auto& [instance, text] : report.last_error) errors.set(instance, text);
  out.reconciler = Json::object(
      {{"last_call_at", report.last_call_at ? Json(formatRfc3339(*report.last_call_at)) : Json()},
       {"customers", report.customers},
       {"subscriptions", report.subscriptions},
       {"repaired", report.repaired},
       {"refetched", report.refetched},
       {"sweeps", report.sweeps},
       {"recovered", report.recovered},
       {"sweeping", sweeping},
       {"failures", report.failures},
       {"last_error", errors}});
  for (const auto& name : deps_.providers.instances()) {
    const auto add = [&](Json finding) {
      Json item = Json::object({{"instance", name}});
      for (const auto& [key, value] : finding.members()) item.set(key, value);
      out.findings.push(std::move(item));
    };
    plugin::CallContext context;
    context.deadline = deadline;
    const auto provider = deps_.providers.find(name);
    const auto findings =
        provider ? (*provider)->diagnose(context) : Result<Json>(fail(provider.error()));
    if (!findings) {
      add(Json::object({{"level", "error"},
                        {"code", findings.error().name()},
                        {"text", findings.error().detail}}));
      continue;
    }
    const Json& list = findings->isArray() ? *findings : (*findings)["findings"];
    for (const auto& finding : list.items()) add(finding);
  }
  return out;
}

}  // namespace ccp::billing
