#include "core/billing/doctor.hpp"

#include <map>
#include <set>

namespace ccp::billing {

namespace {

constexpr int kCustomersPerPage = 20;
constexpr int kMaxPages = 200;
/// As far back as providers remember their events.
constexpr Duration kMarksSince = hours(24 * 29);

Difference unreachable(const std::string& instance, const Error& error) {
  Difference out;
  out.code = error.name();
  out.text = "The provider could not be asked: " + error.detail;
  out.instance = instance;
  return out;
}

}  // namespace

Doctor::Doctor(db::Db& db, Repository& repository, InboxRepository& inbox_rows, Inbox& inbox,
               MoveRepository& moves, Snapshots& snapshots, plugin::BillingProviders& providers,
               const config::LiveSettings& settings, const Clock& clock, Random& random)
    : db_(db),
      repository_(repository),
      inbox_rows_(inbox_rows),
      inbox_(inbox),
      moves_(moves),
      snapshots_(snapshots),
      providers_(providers),
      settings_(settings),
      clock_(clock),
      random_(random) {}

void Doctor::add(DoctorPage& page, Difference difference, const Status* repair) {
  DoctorPage::Item item;
  item.difference = std::move(difference);
  if (repair) {
    item.repaired = repair->has_value();
    if (!item.repaired) item.repair_error = repair->error().text();
  }
  page.items.push_back(std::move(item));
}

void Doctor::lookAtInbox(DoctorPage& page) {
  const auto counts = inbox_.counts();
  if (!counts) return add(page, unreachable("", counts.error()));
  const auto say = [&](std::int64_t n, const char* code, const char* level, const char* text) {
    if (n == 0) return;
    Difference out;
    out.code = code;
    out.level = level;
    out.text = std::to_string(n) + " " + text;
    add(page, std::move(out));
  };
  say(counts->dead, "webhooks_dead", "error",
      "webhook(s) could not be processed. See `ccp admin webhooks list --state dead`, then `ccp "
      "admin webhooks replay`.");
  say(counts->parked, "webhooks_parked", "warn",
      "webhook(s) name customers that are not ours. See `ccp admin webhooks list --state parked`.");
  say(counts->received, "webhooks_waiting", "info", "webhook(s) wait for their next try.");
}

void Doctor::lookAtMoves(DoctorPage& page) {
  const auto moves = db_.read(db::Scope::system(), [&](db::Tx& tx) -> Result<std::vector<Move>> {
    return moves_.list(tx, tx.now() - hours(24 * 30), 500);
  });
  if (!moves) return add(page, unreachable("", moves.error()));
  for (const auto& move : *moves) {
    if (move.error.empty()) continue;
    Difference out;
    out.code = isOver(move.state) ? "move_failed" : "move_waits";
    out.level = isOver(move.state) ? "error" : "info";
    out.org = move.org;
    out.instance = move.to_instance;
    out.text = "The move from " + move.from_instance + " to " + move.to_instance +
               (isOver(move.state) ? " failed: " : " waits: ") + move.error + ".";
    add(page, std::move(out));
  }
}

void Doctor::lookAtMarks(const std::string& instance, plugin::BillingProvider& provider,
                         bool repair, const plugin::CallContext& context, DoctorPage& page) {
  std::string cursor;
  for (int number = 0; number < kMaxPages; ++number) {
    const auto events = provider.listEvents(
        context, clock_.now() - kMarksSince,
        {plugin::BillingEventKind::refund, plugin::BillingEventKind::dispute}, cursor);
    if (!events) {
      if (events.error().code != Errc::unimplemented) add(page, unreachable(instance, events.error()));
      return;
    }
    for (const auto& listed : events->events) {
      // A provider may list what went back by an id only.
      std::vector<plugin::BillingEvent> told{listed};
      if (actionFor(listed) == EventAction::fetch_object) {
        auto fetched = provider.fetchEvent(context, listed.fetch);
        if (!fetched) {
          add(page, unreachable(instance, fetched.error()));
          continue;
        }
        told = std::move(*fetched);
      }
      for (const auto& event : told)
        lookAtMark(instance, listed, event, repair, context, page);
    }
    cursor = events->next_cursor;
    if (cursor.empty()) return;
  }
}

void Doctor::lookAtMark(const std::string& instance, const plugin::BillingEvent& listed,
                        const plugin::BillingEvent& event, bool repair,
                        const plugin::CallContext& context, DoctorPage& page) {
  struct Held {
    std::string org;
    std::optional<SubscriptionState> state;
  };
  const auto held = db_.read(db::Scope::system(), [&](db::Tx& tx) -> Result<Held> {
    Held out;
    if (const auto row =
            repository_.subscriptionByProvider(tx, instance, subscriptionOf(event))) {
      out.org = row->org;
      out.state = *row;
    } else if (const auto owner =
                   repository_.customerByProvider(tx, instance, customerOf(event))) {
      out.org = owner->org;
    }
    return out;
  });
  if (!held || held->org.empty()) return;
  auto difference = compareMark(held->state, event, clock_.now());
  if (!difference) return;
  difference->instance = instance;
  difference->org = held->org;
  if (!repair) {
    add(page, std::move(*difference));
    return;
  }
  const InboxRow row = listedRow(instance, listed, newId("whk", clock_, random_), clock_.now());
  const auto stored = db_.write(db::Scope::system(), [&](db::Tx& tx) -> Result<std::string> {
    if (inbox_rows_.add(tx, row, tx.now())) return row.id;
    // It lies in the inbox, unprocessed: that one is tried again.
    return inbox_rows_.again(tx, instance, row.event_id).value_or("");
  });
  Status done;
  if (!stored)
    done = fail(stored.error());
  else if (!stored->empty())
    done = inbox_.process(*stored, context.deadline);
  add(page, std::move(*difference), &done);
}

void Doctor::lookAtAccount(const std::string& instance, bool repair,
                           const plugin::CallContext& context, DoctorPage& page) {
  const auto provider = providers_.find(instance);
  if (!provider) return add(page, unreachable(instance, provider.error()));
  if (const auto findings = (*provider)->diagnose(context)) {
    const Json& list = findings->isArray() ? *findings : (*findings)["findings"];
    for (const auto& finding : list.items()) {
      if (finding.strOr("level") == "ok") continue;
      Difference out;
      out.code = finding.strOr("code");
      out.level = finding.strOr("level");
      out.text = finding.strOr("text");
      out.instance = instance;
      add(page, std::move(out));
    }
  } else if (findings.error().code != Errc::unimplemented) {
    add(page, unreachable(instance, findings.error()));
  }
  std::vector<plugin::ProviderOffer> offers;
  std::string cursor;
  for (int number = 0; number < kMaxPages; ++number) {
    auto prices = (*provider)->listPrices(context, cursor);
    if (!prices) {
      if (prices.error().code != Errc::unimplemented)
        add(page, unreachable(instance, prices.error()));
      break;
    }
    for (auto& offer : prices->items) offers.push_back(std::move(offer));
    cursor = prices->next_cursor;
    if (!cursor.empty()) continue;
    for (auto& difference : compareCatalog(settings_.now()->plans, instance, offers))
      add(page, std::move(difference));
    break;
  }
  lookAtMarks(instance, **provider, repair, context, page);
}

Status Doctor::lookAtCustomer(const Customer& customer, bool repair, plugin::CallContext context,
                              DoctorPage& page) {
  CCP_TRY(const auto provider, providers_.find(customer.instance));
  context.tenant = customer.org;
  const Timestamp asked_at = clock_.now();
  CCP_TRY(const auto rows,
          db_.read(db::Scope::system(), [&](db::Tx& tx) -> Result<std::vector<SubscriptionRow>> {
            return repository_.subscriptionsOf(tx, customer.org);
          }));
  std::map<std::string, const SubscriptionRow*> held;
  for (const auto& row : rows) {
    if (row.instance == customer.instance &&
        row.provider_customer_id == customer.provider_customer_id)
      held[row.provider_subscription_id] = &row;
  }
  const auto settings = settings_.now();
  const auto note = [&](Difference difference, const std::function<Status(db::Tx&)>& how) {
    difference.org = customer.org;
    difference.instance = customer.instance;
    if (!repair || !difference.repairable) return add(page, std::move(difference));
    const Status done = db_.write(db::Scope::system(), how);
    add(page, std::move(difference), &done);
  };
  std::set<std::string> listed;
  std::string cursor;
  for (int number = 0; number < kMaxPages; ++number) {
    CCP_TRY(const auto answer,
            provider->listSubscriptions(context, customer.provider_customer_id, cursor));
    for (const auto& there : answer.items) {
      listed.insert(there.id);
      ++page.subscriptions;
      if (there.customer_id != customer.provider_customer_id)
        return fail(Errc::provider_error,
                    "Asked for customer " + customer.provider_customer_id +
                        ", got a subscription of " + there.customer_id + ".");
      const auto known = held.find(there.id);
      std::optional<SubscriptionState> state;
      if (known != held.end()) state = *known->second;
      const std::int64_t doubts = state ? state->dirty : 0;
      for (auto& difference :
           compareSubscription(state, there, {settings->plans, customer.instance}, asked_at)) {
        note(std::move(difference), [&](db::Tx& tx) -> Status {
          CCP_TRY([[maybe_unused]] const auto verdict,
                  snapshots_.apply(tx, {customer.org, customer.instance}, there,
                                   Provenance::answer(asked_at), doubts));
          return {};
        });
      }
    }
    cursor = answer.next_cursor;
    if (cursor.empty()) break;
  }
  for (const auto& [id, row] : held) {
    if (listed.contains(id) || !isLive(row->status())) continue;
    const auto there = provider->getSubscription(context, id);
    if (!there && there.error().code != Errc::not_found) return fail(there.error());
    if (there) continue;  // a list that left it out
    const SubscriptionRow* const gone = row;
    note(goneThere(*gone, id), [&](db::Tx& tx) { return snapshots_.missing(tx, *gone); });
  }
  ++page.customers;
  return {};
}

Status Doctor::lookAtOrg(const std::string& org, DoctorPage& page) {
  struct Standing {
    std::vector<SubscriptionRow> running;
    std::optional<Move> move;
  };
  CCP_TRY(const auto standing, db_.read(db::Scope::system(), [&](db::Tx& tx) -> Result<Standing> {
    Standing out;
    for (auto& row : repository_.subscriptionsOf(tx, org)) {
      if (isRunning(row.status()) || row.status() == plugin::SubscriptionStatus::past_due)
        out.running.push_back(std::move(row));
    }
    out.move = moves_.newest(tx, org);
    return out;
  }));
  if (standing.running.size() < 2 || (standing.move && !isOver(standing.move->state))) return {};
  std::string names;
  for (const auto& row : standing.running)
    names += (names.empty() ? "" : ", ") + row.provider_subscription_id + " at " + row.instance;
  Difference out;
  out.code = "several_running";
  out.level = "warn";
  out.org = org;
  out.text = "The organization pays for " + std::to_string(standing.running.size()) +
             " subscriptions at once (" + names +
             "); the better one counts. End the other at its provider, and refund what was double.";
  add(page, std::move(out));
  return {};
}

Result<DoctorPage> Doctor::look(const Question& question, const plugin::CallContext& context) {
  DoctorPage page;
  if (question.cursor.empty() && question.org.empty()) {
    lookAtInbox(page);
    lookAtMoves(page);
    for (const auto& instance : providers_.instances())
      lookAtAccount(instance, question.repair, context, page);
  }
  CCP_TRY(const auto customers,
          db_.read(db::Scope::system(), [&](db::Tx& tx) -> Result<std::vector<Customer>> {
            return repository_.customersAfter(tx, question.org, question.cursor,
                                              kCustomersPerPage);
          }));
  std::set<std::string> orgs;
  for (const auto& customer : customers) {
    if (const Status looked = lookAtCustomer(customer, question.repair, context, page); !looked) {
      Difference out = unreachable(customer.instance, looked.error());
      out.org = customer.org;
      add(page, std::move(out));
    }
    if (orgs.insert(customer.org).second) CCP_CHECK_OK(lookAtOrg(customer.org, page));
  }
  if (customers.size() == static_cast<std::size_t>(kCustomersPerPage))
    page.next_cursor = customers.back().id;
  return page;
}

}  // namespace ccp::billing
