#include "core/billing/sweep.hpp"

#include "core/base/log.hpp"

namespace ccp::billing {

namespace {

constexpr Duration kCallTime = seconds(30);
/// So many customers are asked about one by one; more, and the account is compared page by page.
constexpr std::int64_t kFromCustomers = 20;
constexpr int kBatch = 500;

std::uint64_t hashOf(const std::string& id) { return std::hash<std::string>{}(id); }

/// The answer would change nothing: nothing to write.
bool upToDate(SubscriptionState state, const SubscriptionSnapshot& snapshot, const Terms& terms,
              Timestamp asked_at) {
  const StateChange change = applySnapshot(state, snapshot, Provenance::answer(asked_at),
                                           kKeepDoubts, terms, asked_at);
  return !change.stored && !change.license;
}

}  // namespace

Sweep::Sweep(db::Db& db, Repository& repository, Snapshots& snapshots,
             plugin::BillingProviders& providers, const config::LiveSettings& settings,
             const Clock& clock, Random& random, CallBudget& budget, ReconcileLog& log)
    : db_(db),
      repository_(repository),
      snapshots_(snapshots),
      providers_(providers),
      settings_(settings),
      clock_(clock),
      random_(random),
      budget_(budget),
      log_(log) {}

Result<bool> Sweep::begin(const std::string& instance) {
  if (running_.contains(instance)) return true;
  if (without_.contains(instance)) return false;
  CCP_TRY(const auto due,
          db_.read(db::Scope::system(), [&](db::Tx& tx) -> Result<std::int64_t> {
            return repository_.countDue(tx, instance, tx.now());
          }));
  if (due < kFromCustomers) return false;
  running_[instance].began_at = clock_.now();
  return true;
}

Status Sweep::applyPage(const std::string& instance,
                        const std::vector<SubscriptionSnapshot>& items, Timestamp asked_at) {
  std::vector<std::string> ids, customer_ids;
  for (const auto& item : items) {
    ids.push_back(item.id);
    customer_ids.push_back(item.customer_id);
  }
  struct Known {
    std::map<std::string, SubscriptionRow> rows;
    std::map<std::string, std::string> owners;  ///< provider's customer -> org
  };
  // System scope here and below: an account holds every org's subscriptions.
  CCP_TRY(const auto known, db_.read(db::Scope::system(), [&](db::Tx& tx) -> Result<Known> {
    Known out;
    for (auto& row : repository_.subscriptionsByProvider(tx, instance, ids))
      out.rows.emplace(row.provider_subscription_id, std::move(row));
    for (auto& customer : repository_.customersByProvider(tx, instance, customer_ids))
      out.owners.emplace(customer.provider_customer_id, customer.org);
    return out;
  }));
  const auto settings = settings_.now();
  std::vector<std::pair<const SubscriptionSnapshot*, std::string>> news;
  for (const auto& item : items) {
    const auto owner = known.owners.find(item.customer_id);
    if (owner == known.owners.end()) continue;  // sold by something else through the same account
    const auto row = known.rows.find(item.id);
    if (row == known.rows.end() ||
        !upToDate(row->second, item, {settings->plans, instance}, asked_at))
      news.emplace_back(&item, owner->second);
  }
  // Doubts stay: the question was about all, and began before some of them.
  const auto apply = [&](db::Tx& tx, const auto& one) {
    return snapshots_.apply(tx, {one.second, instance}, *one.first, Provenance::answer(asked_at),
                            kKeepDoubts);
  };
  // A provider without times of change is newer with every answer: one unit of work for a page.
  const auto together =
      db_.write(db::Scope::system(), [&](db::Tx& tx) -> Result<std::int64_t> {
        std::int64_t applied = 0;
        for (const auto& one : news) {
          CCP_TRY(const Verdict verdict, apply(tx, one));
          applied += verdict == Verdict::apply;
        }
        return applied;
      });
  if (together) {
    for (std::int64_t i = 0; i < *together; ++i) log_.repaired(instance);
  } else {
    // One that cannot be applied must not keep back the others.
    for (const auto& one : news) {
      const auto verdict = db_.write(
          db::Scope::system(), [&](db::Tx& tx) -> Result<Verdict> { return apply(tx, one); });
      if (!verdict) log_.failed(instance, verdict.error());
      if (verdict && *verdict == Verdict::apply) log_.repaired(instance);
    }
  }
  log_.compared(static_cast<std::int64_t>(items.size()));
  return {};
}

Status Sweep::doubtUnlisted(const std::string& instance, const Progress& progress) {
  std::string after;
  for (;;) {
    CCP_TRY(const auto rows,
            db_.read(db::Scope::system(), [&](db::Tx& tx) -> Result<std::vector<SubscriptionRow>> {
              return repository_.liveAfter(tx, instance, after, kBatch);
            }));
    if (rows.empty()) return {};
    after = rows.back().provider_subscription_id;
    for (const auto& row : rows) {
      if (row.dirty > 0 || row.created_at >= progress.began_at ||
          progress.seen.contains(hashOf(row.provider_subscription_id)))
        continue;
      CCP_CHECK_OK(db_.write(db::Scope::system(), [&](db::Tx& tx) -> Status {
        return snapshots_.doubt(tx, {row.org, row.instance}, row.provider_customer_id,
                                row.provider_subscription_id);
      }));
    }
  }
}

Status Sweep::runInstance(const std::string& instance, const std::function<bool()>& stop) {
  CCP_TRY(const bool wanted, begin(instance));
  if (!wanted) return {};
  const auto provider = providers_.find(instance);
  if (!provider) {
    log_.failed(instance, provider.error());
    return {};
  }
  Progress& progress = running_[instance];
  while (!stop() && budget_.take(instance)) {
    plugin::CallContext context;
    context.deadline = Deadline::after(clock_, kCallTime);
    context.request_id = newId("req", clock_, random_);
    const Timestamp asked_at = clock_.now();
    const bool first = progress.cursor.empty();
    const auto page = (*provider)->listSubscriptions(context, "", progress.cursor);
    if (!page) {
      const Errc code = page.error().code;
      // An older plugin wants a customer: then customers are what it is asked about.
      if (first && (code == Errc::unimplemented || code == Errc::bad_request ||
                    code == Errc::validation_failed)) {
        without_.insert(instance);
        running_.erase(instance);
        return {};
      }
      log_.failed(instance, page.error());
      // A cursor that the provider does not take any more: from the beginning, next time.
      if (code == Errc::validation_failed || code == Errc::bad_request) running_.erase(instance);
      return {};
    }
    if (first) {
      CCP_TRY([[maybe_unused]] const auto claimed,
              db_.write(db::Scope::system(), [&](db::Tx& tx) -> Result<std::int64_t> {
                return repository_.claimDue(
                    tx, instance, tx.now() + settings_.now()->billing.reconcile_interval);
              }));
      log_.update([&](ReconcileReport& report) { report.customers += claimed; });
    }
    CCP_CHECK_OK(applyPage(instance, page->items, asked_at));
    for (const auto& item : page->items) progress.seen.insert(hashOf(item.id));
    progress.compared += static_cast<std::int64_t>(page->items.size());
    log_.update([&](ReconcileReport& report) { report.sweeping[instance] = progress.compared; });
    log_.succeeded(instance);
    progress.cursor = page->next_cursor;
    if (!progress.cursor.empty()) continue;
    CCP_CHECK_OK(doubtUnlisted(instance, progress));
    log::info("billing.swept", {{"instance", instance},
                                {"subscriptions", progress.compared},
                                {"took_ms", (clock_.now() - progress.began_at).count() / 1000}});
    running_.erase(instance);
    log_.update([&](ReconcileReport& report) {
      ++report.sweeps;
      report.sweeping.erase(instance);
    });
    return {};
  }
  return {};
}

Status Sweep::run(const std::function<bool()>& stop) {
  for (const auto& instance : providers_.instances()) {
    if (stop()) break;
    CCP_CHECK_OK(runInstance(instance, stop));
  }
  return {};
}

}  // namespace ccp::billing
