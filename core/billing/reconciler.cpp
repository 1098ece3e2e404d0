#include "core/billing/reconciler.hpp"

#include <algorithm>
#include <set>

#include "core/base/log.hpp"

namespace ccp::billing {

namespace {

constexpr Duration kCallTime = seconds(10);
constexpr int kBatch = 100;
/// Pages of one customer at most; a person with more subscriptions than this is a provider's bug.
constexpr int kMaxPages = 50;
constexpr Duration kRetry = minutes(1);

}  // namespace

Reconciler::Reconciler(db::Db& db, Repository& repository, InboxRepository& inbox,
                       Snapshots& snapshots, plugin::BillingProviders& providers,
                       const config::LiveSettings& settings, const Clock& clock, Random& random,
                       Metrics& metrics)
    : db_(db),
      repository_(repository),
      snapshots_(snapshots),
      providers_(providers),
      settings_(settings),
      clock_(clock),
      random_(random),
      budget_(settings, clock),
      log_(budget_, clock, metrics),
      sweep_(db, repository, snapshots, providers, settings, clock, random, budget_, log_),
      missed_(db, inbox, providers, settings, clock, random, budget_, log_) {}

plugin::CallContext Reconciler::context(const std::string& org) {
  plugin::CallContext out;
  out.deadline = Deadline::after(clock_, kCallTime);
  out.request_id = newId("req", clock_, random_);
  out.tenant = org;
  return out;
}

Result<int> Reconciler::recoverEvents(const std::function<bool()>& stop) {
  return missed_.run(stop);
}

Status Reconciler::scheduleAll() {
  missed_.scheduleAll();
  return db_.write(db::Scope::system(), [&](db::Tx& tx) -> Status {
    repository_.reconcileAll(tx, tx.now());
    return {};
  });
}

// --- dirty subscriptions ------------------------------------------------------------------------

Status Reconciler::refetch(const SubscriptionRow& row) {
  const Timestamp asked_at = clock_.now();
  CCP_TRY(const auto provider, providers_.find(row.instance));
  auto answer = provider->getSubscription(context(row.org), row.provider_subscription_id);
  if (!answer && answer.error().code != Errc::not_found) return fail(answer.error());
  // System scope: the same unit of work serves every org.
  return db_.write(db::Scope::system(), [&](db::Tx& tx) -> Status {
    if (!answer) return snapshots_.missing(tx, row);
    const auto owner = repository_.customerByProvider(tx, row.instance, answer->customer_id);
    if (!owner || owner->org != row.org) {
      return fail(Errc::conflict, "Subscription " + row.provider_subscription_id +
                                      " is of customer " + answer->customer_id +
                                      ", who is not the organization's.");
    }
    CCP_TRY(const Verdict verdict, snapshots_.apply(tx, {row.org, row.instance}, *answer,
                                                    Provenance::answer(asked_at), row.dirty));
    if (verdict == Verdict::stale) snapshots_.refetchLater(tx, row, tx.now() + kRetry);
    return {};
  });
}

Result<int> Reconciler::refetchDirty(const std::function<bool()>& stop) {
  CCP_TRY(const auto rows,
          db_.read(db::Scope::system(), [&](db::Tx& tx) -> Result<std::vector<SubscriptionRow>> {
            return repository_.dirtySubscriptions(tx, tx.now(), kBatch);
          }));
  int done = 0;
  for (const auto& row : rows) {
    if (stop()) break;
    if (!budget_.take(row.instance)) continue;
    const Status status = refetch(row);
    if (status) {
      log_.succeeded(row.instance);
      ++done;
      continue;
    }
    log_.failed(row.instance, status.error());
    (void)db_.write(db::Scope::system(), [&](db::Tx& tx) -> Status {
      snapshots_.refetchLater(tx, row, tx.now() + kRetry);
      return {};
    });
  }
  log_.update([&](ReconcileReport& report) { report.refetched += done; });
  return done;
}

// --- customers ----------------------------------------------------------------------------------

Status Reconciler::apply(const Customer& customer, const SubscriptionSnapshot& snapshot,
                         Timestamp asked_at, std::int64_t doubts_seen) {
  if (snapshot.customer_id != customer.provider_customer_id) {
    return fail(Errc::provider_error, "Asked for customer " + customer.provider_customer_id +
                                          ", got a subscription of " + snapshot.customer_id + ".");
  }
  CCP_TRY(const Verdict verdict, db_.write(db::Scope::system(), [&](db::Tx& tx) -> Result<Verdict> {
    return snapshots_.apply(tx, {customer.org, customer.instance}, snapshot,
                            Provenance::answer(asked_at), doubts_seen);
  }));
  log_.compared(1);
  if (verdict == Verdict::apply) log_.repaired(customer.instance);
  return {};
}

Status Reconciler::reconcile(const Customer& customer, plugin::BillingProvider& provider) {
  const Timestamp asked_at = clock_.now();
  CCP_TRY(const auto known,
          db_.read(db::Scope::system(), [&](db::Tx& tx) -> Result<std::vector<SubscriptionRow>> {
            return repository_.subscriptionsOf(tx, customer.org);
          }));
  std::map<std::string, std::int64_t> doubts;
  for (const auto& row : known) {
    if (row.instance == customer.instance) doubts[row.provider_subscription_id] = row.dirty;
  }
  std::set<std::string> listed;
  std::string cursor;
  for (int page_number = 0; page_number < kMaxPages; ++page_number) {
    CCP_TRY(const auto page, provider.listSubscriptions(context(customer.org),
                                                        customer.provider_customer_id, cursor));
    for (const auto& snapshot : page.items) {
      listed.insert(snapshot.id);
      CCP_CHECK_OK(apply(customer, snapshot, asked_at, doubts[snapshot.id]));
    }
    cursor = page.next_cursor;
    if (cursor.empty()) break;
  }
  // A running subscription that the list leaves out: ask for it by name before believing it.
  return db_.write(db::Scope::system(), [&](db::Tx& tx) -> Status {
    for (const auto& row : known) {
      const bool ours = row.instance == customer.instance &&
                        row.provider_customer_id == customer.provider_customer_id;
      if (!ours || row.dirty > 0 || !isLive(row.status()) ||
          listed.contains(row.provider_subscription_id))
        continue;
      CCP_CHECK_OK(snapshots_.doubt(tx, {row.org, row.instance}, row.provider_customer_id,
                                    row.provider_subscription_id));
    }
    return {};
  });
}

Result<int> Reconciler::reconcileDue(const std::function<bool()>& stop) {
  CCP_CHECK_OK(sweep_.run(stop));
  int done = 0;
  for (const auto& instance : providers_.instances()) {
    CCP_TRY(const auto due,
            db_.read(db::Scope::system(), [&](db::Tx& tx) -> Result<std::vector<Customer>> {
              return repository_.customersDue(tx, instance, tx.now(), kBatch);
            }));
    if (due.empty()) continue;
    const auto provider = providers_.find(instance);
    if (!provider) {
      log_.failed(instance, provider.error());
      continue;
    }
    for (const auto& customer : due) {
      if (stop()) return done;
      if (!budget_.take(instance)) break;
      const auto claim = [&](const Customer& seen, Duration wait) {
        return db_.write(db::Scope::system(), [&](db::Tx& tx) -> Result<Timestamp> {
          const Timestamp next = tx.now() + wait;
          return repository_.claimReconcile(tx, seen, next) ? next : Timestamp{};
        });
      };
      CCP_TRY(const Timestamp next, claim(customer, settings_.now()->billing.reconcile_interval));
      if (next == Timestamp{}) continue;
      const Status status = reconcile(customer, **provider);
      if (status) {
        log_.succeeded(instance);
        ++done;
        continue;
      }
      log_.failed(instance, status.error());
      Customer claimed = customer;
      claimed.reconcile_after_at = next;
      CCP_TRY([[maybe_unused]] const Timestamp again, claim(claimed, kRetry));
    }
  }
  log_.update([&](ReconcileReport& report) { report.customers += done; });
  return done;
}

}  // namespace ccp::billing
