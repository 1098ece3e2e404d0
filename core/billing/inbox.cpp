#include "core/billing/inbox.hpp"

#include <algorithm>
#include <map>

#include "core/base/fault.hpp"
#include "core/base/log.hpp"

namespace ccp::billing {

namespace {

constexpr Duration kKeep = hours(24 * 90);
constexpr Duration kCallTime = seconds(10);
/// Changes of a customer come in bursts: one look at its subscriptions serves them all.
constexpr Duration kSettle = seconds(15);
/// Deliveries that are decided in one unit of work.
constexpr std::size_t kTogether = 64;

/// What a row from list_events says: the event itself.
Result<std::vector<plugin::BillingEvent>> listed(const InboxRow& row) {
  CCP_TRY(const Json body, parseJson(row.body));
  CCP_TRY(auto event, plugin::BillingEvent::from(body));
  return std::vector{std::move(event)};
}

}  // namespace

Inbox::Inbox(db::Db& db, InboxRepository& inbox, Repository& repository, Snapshots& snapshots,
             plugin::BillingProviders& providers, const Clock& clock, Metrics& metrics)
    : db_(db),
      inbox_(inbox),
      repository_(repository),
      snapshots_(snapshots),
      providers_(providers),
      clock_(clock),
      metrics_(metrics) {}

plugin::CallContext Inbox::contextOf(const InboxRow& row, const Deadline& deadline) const {
  plugin::CallContext context;
  context.deadline = deadline.isNone() ? Deadline::after(clock_, kCallTime) : deadline;
  context.request_id = row.id;
  context.idempotency_key = row.id;
  return context;
}

Result<std::vector<plugin::BillingEvent>> Inbox::told(const InboxRow& row,
                                                      plugin::BillingProvider& provider,
                                                      const plugin::CallContext& context) {
  if (row.source == "list") return listed(row);
  return std::move(provider.parseWebhooks(context, {{row.headers, row.body}}).front());
}

void Inbox::readTogether(std::vector<Stored>& batch) {
  std::map<std::string, std::vector<Stored*>> unread;  // by instance
  for (auto& stored : batch) {
    if (stored.events) continue;
    if (stored.row.source != "list") {
      unread[stored.row.instance].push_back(&stored);
    } else if (auto events = listed(stored.row)) {
      stored.events = std::move(*events);
    }
  }
  for (const auto& [instance, rows] : unread) {
    const auto provider = providers_.find(instance);
    if (!provider) continue;
    std::vector<plugin::Webhook> deliveries;
    for (const Stored* stored : rows) deliveries.push_back({stored->row.headers, stored->row.body});
    auto answers =
        (*provider)->parseWebhooks(contextOf(rows.front()->row, Deadline::none()), deliveries);
    for (std::size_t i = 0; i < rows.size(); ++i) {
      if (answers[i]) rows[i]->events = std::move(*answers[i]);
    }
  }
}

Result<std::vector<plugin::BillingEvent>> Inbox::read(const InboxRow& row,
                                                      const Deadline& deadline) {
  CCP_TRY(const auto provider, providers_.find(row.instance));
  const plugin::CallContext context = contextOf(row, deadline);
  CCP_TRY(const auto events, told(row, *provider, context));
  std::vector<plugin::BillingEvent> out;
  for (const auto& event : events) {
    if (actionFor(event) != EventAction::fetch_object) {
      out.push_back(event);
      continue;
    }
    CCP_TRY(auto fetched, provider->fetchEvent(context, event.fetch));
    for (auto& item : fetched) {
      if (item.kind != plugin::BillingEventKind::fetch) out.push_back(std::move(item));
    }
  }
  return out;
}

Status Inbox::applyOne(db::Tx& tx, const InboxRow& row, const plugin::BillingEvent& event,
                       Settlement& settled) {
  const EventAction action = actionFor(event);
  const std::string customer = customerOf(event);
  const std::string subscription = subscriptionOf(event);
  if (settled.provider_customer_id.empty()) settled.provider_customer_id = customer;
  // Whose event this is: by a row that we wrote before any checkout, never by what the event
  // claims.
  std::string org;
  if (!customer.empty()) {
    if (const auto known = repository_.customerByProvider(tx, row.instance, customer))
      org = known->org;
  } else if (!subscription.empty()) {
    if (const auto known = repository_.subscriptionByProvider(tx, row.instance, subscription))
      org = known->org;
  }
  if (!org.empty()) settled.org = org;
  if (action == EventAction::ignore) return {};
  // Customers that are not ours come and go; nothing is owed to them.
  if (org.empty() && action == EventAction::recheck_customer) return {};
  if (org.empty()) {
    settled.state = "parked";
    settled.error =
        customer.empty() ? "the event names no customer" : "customer " + customer + " is not ours";
    return {};
  }
  const Origin origin{org, row.instance};
  switch (action) {
    case EventAction::apply_snapshot: {
      CCP_TRY([[maybe_unused]] const Verdict verdict,
              snapshots_.apply(tx, origin, *event.subscription,
                               Provenance::webhook(event.occurred_at)));
      return {};
    }
    case EventAction::add_mark:
      return snapshots_.mark(tx, origin, event, event.occurred_at.value_or(row.received_at));
    case EventAction::refetch:
      return snapshots_.doubt(tx, origin, customer, subscription);
    case EventAction::refetch_if_idle: {
      const auto known = repository_.subscriptionByProvider(tx, row.instance, subscription);
      if (known && isRunning(known->status())) return {};
      return snapshots_.doubt(tx, origin, customer, subscription);
    }
    case EventAction::recheck_customer:
      repository_.reconcileSoon(tx, row.instance, customer, tx.now() + kSettle);
      return {};
    case EventAction::fetch_object:
    case EventAction::ignore:
      break;
  }
  return {};
}

Result<Settlement> Inbox::applyAll(db::Tx& tx, const InboxRow& row,
                                   const std::vector<plugin::BillingEvent>& events) {
  Settlement settled;
  for (const auto& event : events) {
    const Status status = applyOne(tx, row, event, settled);
    if (!status && status.error().code == Errc::conflict) {
      settled.state = "parked";
      settled.error = status.error().detail;
    } else if (!status) {
      return fail(status.error());
    }
  }
  return settled;
}

Status Inbox::process(const std::string& id, const Deadline& deadline) {
  // System scope here and below: the inbox row has no org before it is attributed.
  CCP_TRY(const auto row,
          db_.read(db::Scope::system(), [&](db::Tx& tx) -> Result<std::optional<InboxRow>> {
            return inbox_.find(tx, id);
          }));
  if (!row || row->state != "received") return {};
  const auto events = read(*row, deadline);
  if (!events) return postpone(*row, events.error());
  faultPoint("inbox.before_apply");
  const auto settled = db_.write(db::Scope::system(), [&](db::Tx& tx) -> Result<Settlement> {
    const auto now = inbox_.find(tx, id);
    if (!now || now->state != "received") return Settlement{};
    CCP_TRY(Settlement outcome, applyAll(tx, *row, *events));
    inbox_.settle(tx, id, outcome);
    faultPoint("inbox.after_apply");
    return outcome;
  });
  if (!settled) return postpone(*row, settled.error());
  faultPoint("inbox.after_commit");
  tellParked(*row, *settled);
  return {};
}

void Inbox::tellParked(const InboxRow& row, const Settlement& settled) {
  if (settled.state != "parked") return;
  metrics_
      .counter("ccp_webhooks_parked_total", "Verified webhooks of customers that are not ours",
               {{"instance", row.instance}})
      .add();
  log::error("billing.webhook_parked", {{"instance", row.instance},
                                        {"webhook", row.id},
                                        {"type", row.event_type},
                                        {"detail", settled.error}});
}

std::optional<Stored> Inbox::load(const std::string& id) {
  auto row = db_.read(db::Scope::system(), [&](db::Tx& tx) -> Result<std::optional<InboxRow>> {
    return inbox_.find(tx, id);
  });
  if (!row || !*row || (*row)->state != "received") return {};
  return Stored{std::move(**row), {}};
}

std::vector<std::string> Inbox::processTogether(std::vector<Stored> batch) {
  readTogether(batch);
  std::vector<std::string> alone;
  const auto asks = [](const Stored& stored) {
    return !stored.events ||
           std::any_of(stored.events->begin(), stored.events->end(), [](const auto& event) {
             return actionFor(event) == EventAction::fetch_object;
           });
  };
  for (const auto& stored : batch) {
    if (asks(stored)) alone.push_back(stored.row.id);
  }
  batch.erase(std::remove_if(batch.begin(), batch.end(), asks), batch.end());
  if (batch.empty()) return alone;
  faultPoint("inbox.before_apply");
  const auto settled =
      db_.write(db::Scope::system(), [&](db::Tx& tx) -> Result<std::vector<Settlement>> {
        std::vector<Settlement> out;
        for (const auto& stored : batch) {
          out.emplace_back();
          // Another node, or the worker, may have had it meanwhile.
          if (!inbox_.isWaiting(tx, stored.row.id)) continue;
          CCP_TRY(out.back(), applyAll(tx, stored.row, *stored.events));
          inbox_.settle(tx, stored.row.id, out.back());
        }
        faultPoint("inbox.after_apply");
        return out;
      });
  if (!settled) {
    for (const auto& stored : batch) alone.push_back(stored.row.id);
    return alone;
  }
  faultPoint("inbox.after_commit");
  for (std::size_t i = 0; i < batch.size(); ++i) tellParked(batch[i].row, (*settled)[i]);
  return alone;
}

Status Inbox::postpone(const InboxRow& row, const Error& error) {
  const std::int64_t attempts = row.attempts + 1;
  const bool dead = attempts >= kMaxAttempts;
  const auto stored = db_.write(db::Scope::system(), [&](db::Tx& tx) -> Status {
    if (dead) {
      inbox_.settle(tx, row.id, {"dead", row.org, {}, error.text()});
    } else {
      inbox_.postpone(tx, row.id, attempts, tx.now() + backoff(attempts), error.text());
    }
    return {};
  });
  if (!stored)
    log::error("billing.webhook_not_postponed",
               {{"webhook", row.id}, {"detail", stored.error().text()}});
  if (dead) {
    metrics_
        .counter("ccp_webhooks_dead_total", "Verified webhooks that could not be processed at all",
                 {{"instance", row.instance}})
        .add();
    log::error("billing.webhook_dead",
               {{"instance", row.instance}, {"webhook", row.id}, {"detail", error.text()}});
  } else {
    log::warn("billing.webhook_postponed", {{"instance", row.instance},
                                            {"webhook", row.id},
                                            {"attempt", attempts},
                                            {"detail", error.text()}});
  }
  return fail(error);
}

Result<Inbox::Drained> Inbox::drain(bool everything, const std::function<bool()>& stop) {
  Drained out;
  const Timestamp before = everything ? clock_.now() + hours(24) : clock_.now();
  CCP_TRY(const auto ids,
          db_.read(db::Scope::system(), [&](db::Tx& tx) -> Result<std::vector<std::string>> {
            return inbox_.due(tx, before, everything ? 10000 : kRound);
          }));
  for (std::size_t next = 0; next < ids.size() && !stop();) {
    std::vector<Stored> batch;
    std::vector<std::string> alone;
    for (const std::size_t end = std::min(ids.size(), next + kTogether); next < end; ++next) {
      ++out.tried;
      auto stored = load(ids[next]);
      if (stored)
        batch.push_back(std::move(*stored));
      else
        alone.push_back(ids[next]);
    }
    out.settled += static_cast<int>(batch.size());
    for (auto& id : processTogether(std::move(batch))) {
      --out.settled;
      alone.push_back(std::move(id));
    }
    for (const auto& id : alone) {
      if (stop()) break;
      // A failure is logged and postponed by process(); the next delivery has its own chance.
      if (process(id, Deadline::none())) ++out.settled;
    }
  }
  return out;
}

Result<std::int64_t> Inbox::purge() {
  return db_.write(db::Scope::system(), [&](db::Tx& tx) -> Result<std::int64_t> {
    return inbox_.purge(tx, tx.now() - kKeep);
  });
}

Result<std::vector<InboxSummary>> Inbox::list(const InboxRepository::Filter& filter) {
  return db_.read(db::Scope::system(), [&](db::Tx& tx) -> Result<std::vector<InboxSummary>> {
    return inbox_.list(tx, filter);
  });
}

Result<InboxRow> Inbox::show(const std::string& id) {
  return db_.read(db::Scope::system(), [&](db::Tx& tx) -> Result<InboxRow> {
    auto row = inbox_.find(tx, id);
    if (!row)
      return fail(Errc::not_found, "There is no webhook " + id + "; they are kept for 90 days.");
    return std::move(*row);
  });
}

Result<InboxRow> Inbox::replay(const std::string& id, const std::string& actor,
                               const Deadline& deadline) {
  CCP_TRY(const InboxRow before, show(id));
  CCP_CHECK_OK(db_.write(db::Scope::system(), [&](db::Tx& tx) -> Status {
    if (!inbox_.replay(tx, id)) return {};
    tx.audit({before.org, actor, "webhook.replay", id, Json::object({{"state", before.state}}),
              Json::object({{"state", "received"}}), before.error});
    return {};
  }));
  // What it comes to stands in the row; a failure has its next try by the worker.
  (void)process(id, deadline);
  return show(id);
}

Result<InboxCounts> Inbox::counts() {
  return db_.read(db::Scope::system(),
                  [&](db::Tx& tx) -> Result<InboxCounts> { return inbox_.counts(tx); });
}

}  // namespace ccp::billing
