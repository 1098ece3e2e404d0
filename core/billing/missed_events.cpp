#include "core/billing/missed_events.hpp"

#include "core/base/log.hpp"
#include "core/billing/rules.hpp"

namespace ccp::billing {

namespace {

constexpr Duration kCallTime = seconds(30);
/// Providers list an event a little after its time.
constexpr Duration kOverlap = minutes(10);
/// As long as the shortest memory of a provider (Stripe keeps events for 30 days).
constexpr Duration kLongest = hours(24 * 29);
using Kind = plugin::BillingEventKind;
constexpr int kMaxPages = 200;

}  // namespace

MissedEvents::MissedEvents(db::Db& db, InboxRepository& inbox, plugin::BillingProviders& providers,
                           const config::LiveSettings& settings, const Clock& clock,
                           Random& random, CallBudget& budget, ReconcileLog& log)
    : db_(db),
      inbox_(inbox),
      providers_(providers),
      settings_(settings),
      clock_(clock),
      random_(random),
      budget_(budget),
      log_(log) {}

void MissedEvents::scheduleAll() {
  const std::lock_guard lock(mutex_);
  next_at_.clear();
}

Timestamp MissedEvents::since(const std::string& instance) {
  const Timestamp longest = clock_.now() - kLongest;
  const std::lock_guard lock(mutex_);
  const auto at = asked_to_.find(instance);
  // After a start nobody knows what an earlier process asked about, and refunds are few.
  return at == asked_to_.end() ? longest : std::max(longest, at->second - kOverlap);
}

Result<int> MissedEvents::ask(const std::string& instance, Timestamp since) {
  CCP_TRY(const auto provider, providers_.find(instance));
  const Timestamp asked_at = clock_.now();
  int added = 0;
  std::string cursor;
  for (int number = 0; number < kMaxPages; ++number) {
    plugin::CallContext context;
    context.deadline = Deadline::after(clock_, kCallTime);
    context.request_id = newId("req", clock_, random_);
    CCP_TRY(const auto page, provider->listEvents(context, since, {Kind::refund, Kind::dispute}, cursor));
    for (const auto& event : page.events) {
      // A provider may list what went back by an id only; processing asks for the rest.
      const EventAction action = actionFor(event);
      if (action != EventAction::add_mark && action != EventAction::fetch_object) continue;
      const InboxRow row = listedRow(instance, event, newId("whk", clock_, random_), asked_at);
      // System scope: whose it is is decided when it is processed.
      CCP_TRY(const bool fresh,
              db_.writeReadCommitted(db::Scope::system(), [&](db::Tx& tx) -> Result<bool> {
                return inbox_.add(tx, row, tx.now());
              }));
      if (!fresh) continue;
      ++added;
      log::warn("billing.event_recovered",
                {{"instance", instance}, {"webhook", row.id}, {"type", event.type}});
    }
    cursor = page.next_cursor;
    if (cursor.empty()) break;
    if (!budget_.take(instance)) return fail(Errc::unavailable, "out of calls for this minute");
  }
  if (!cursor.empty()) return added;  // the rest is asked for with the next round, from the beginning
  const std::lock_guard lock(mutex_);
  asked_to_[instance] = asked_at;
  return added;
}

Result<int> MissedEvents::run(const std::function<bool()>& stop) {
  int added = 0;
  for (const auto& instance : providers_.instances()) {
    if (stop()) break;
    if (without_.contains(instance)) continue;
    {
      const std::lock_guard lock(mutex_);
      if (next_at_[instance] > clock_.now()) continue;
    }
    if (!budget_.take(instance)) continue;
    const auto found = ask(instance, since(instance));
    Duration wait = settings_.now()->billing.reconcile_interval;
    if (found) {
      added += *found;
      log_.succeeded(instance);
      log_.update([&](ReconcileReport& report) { report.recovered += *found; });
    } else if (found.error().code == Errc::unimplemented) {
      without_.insert(instance);
    } else {
      log_.failed(instance, found.error());
      wait = minutes(1);
    }
    const std::lock_guard lock(mutex_);
    next_at_[instance] = clock_.now() + wait;
  }
  return added;
}

}  // namespace ccp::billing
