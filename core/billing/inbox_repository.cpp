#include "core/billing/inbox_repository.hpp"

#include "core/base/encoding.hpp"
#include "core/base/json_text.hpp"

namespace ccp::billing {

namespace {

HeaderList headersFromText(const std::string& text) {
  HeaderList out;
  const auto list = parseJson(text);
  if (!list) return out;
  for (const auto& item : list->items()) {
    const auto& pair = item.items();
    if (pair.size() == 2 && pair[0].asString() && pair[1].asString())
      out.emplace_back(*pair[0].asString(), *pair[1].asString());
  }
  return out;
}

/// A body as the database keeps it: text as it is, so that it costs no third more and operators can
/// read it; what is no text (or has a NUL, which PostgreSQL refuses) as base64.
std::pair<const char*, std::string> bodyToText(const std::string& body) {
  if (body.find('\0') == std::string::npos && isValidUtf8(body)) return {"text", body};
  return {"base64", base64Encode(bytesOf(body))};
}

std::string bodyFromText(const std::string& encoding, std::string body) {
  if (encoding == "text") return body;
  const auto bytes = base64Decode(body);
  return bytes ? std::string(textOf(*bytes)) : std::string();
}

}  // namespace

InboxRow listedRow(const std::string& instance, const plugin::BillingEvent& event, std::string id,
                   Timestamp now) {
  InboxRow row;
  row.id = std::move(id);
  row.instance = instance;
  row.event_id = event.event_id;
  row.event_type = event.type;
  row.provider_customer_id = event.customer_id;
  row.body = event.json().dump();
  row.received_at = now;
  row.source = "list";
  return row;
}

bool InboxRepository::add(db::Tx& tx, const InboxRow& row, Timestamp next_attempt_at) {
  const Arrival arrival{row, next_attempt_at};
  return addAll(tx, {&arrival}).front();
}

std::vector<bool> InboxRepository::addAll(db::Tx& tx, const std::vector<const Arrival*>& arrivals) {
  using enum db::ColumnType;
  db::Bulk rows{.table = "webhook_inbox",
                .columns = {{"id", text},
                            {"instance", text},
                            {"event_id", text},
                            {"event_type", text},
                            {"provider_customer_id", text},
                            {"state", text},
                            {"attempts", integer},
                            {"next_attempt_at", integer},
                            {"error", text},
                            {"received_at", integer},
                            {"source", text}},
                .rows = {},
                .on_conflict = "(instance, event_id) do nothing"};
  for (const Arrival* arrival : arrivals) {
    const InboxRow& row = arrival->row;
    rows.rows.push_back({row.id, row.instance, row.event_id, row.event_type,
                         row.provider_customer_id, std::string("received"), std::int64_t{0},
                         toMicros(arrival->next_attempt_at), std::string(),
                         toMicros(row.received_at), row.source});
  }
  auto fresh = tx.insert(rows);
  db::Bulk bodies{.table = "webhook_bodies",
                  .columns = {{"id", text}, {"headers", text}, {"encoding", text}, {"body", text}},
                  .rows = {}};
  for (std::size_t i = 0; i < arrivals.size(); ++i) {
    if (!fresh[i]) continue;
    const InboxRow& row = arrivals[i]->row;
    auto [encoding, body] = bodyToText(row.body);
    bodies.rows.push_back(
        {row.id, jsonOfPairs(row.headers), std::string(encoding), std::move(body)});
  }
  tx.insert(bodies);
  return fresh;
}

std::optional<InboxRow> InboxRepository::find(db::Tx& tx, const std::string& id) {
  auto found = tx.one<std::string, std::optional<std::string>, std::string, std::string,
                      std::string, std::string, std::string, std::string, std::string, std::string,
                      std::int64_t, std::string, Timestamp, std::string>(
      "select i.id, i.org_id, i.instance, i.event_id, i.event_type, i.provider_customer_id, "
      "b.headers, b.encoding, b.body, i.state, i.attempts, i.error, i.received_at, i.source "
      "from webhook_inbox i join webhook_bodies b on b.id = i.id where i.id = :id",
      {{"id", id}});
  if (!found) return std::nullopt;
  auto& [row_id, org, instance, event, type, customer, headers, encoding, body, state, attempts,
         error, received, source] = *found;
  InboxRow row;
  row.id = std::move(row_id);
  row.org = org.value_or("");
  row.instance = std::move(instance);
  row.event_id = std::move(event);
  row.event_type = std::move(type);
  row.provider_customer_id = std::move(customer);
  row.headers = headersFromText(headers);
  row.body = bodyFromText(encoding, std::move(body));
  row.state = std::move(state);
  row.attempts = attempts;
  row.error = std::move(error);
  row.received_at = received;
  row.source = std::move(source);
  return row;
}

bool InboxRepository::isWaiting(db::Tx& tx, const std::string& id) {
  return tx
      .one<std::int64_t>("select attempts from webhook_inbox where id = :id and state = 'received'",
                         {{"id", id}})
      .has_value();
}

std::vector<std::string> InboxRepository::due(db::Tx& tx, Timestamp now, int limit) {
  std::vector<std::string> out;
  for (auto& [id] :
       tx.query<std::string>("select id from webhook_inbox where state = 'received' and "
                             "next_attempt_at <= :now order by next_attempt_at, id limit :n",
                             {{"now", now}, {"n", limit}})) {
    out.push_back(std::move(id));
  }
  return out;
}

bool InboxRepository::settle(db::Tx& tx, const std::string& id, const Settlement& how) {
  const std::optional<std::string> owner = how.org.empty() ? std::nullopt : std::optional(how.org);
  return tx.exec(
             "update webhook_inbox set state = :state, org_id = :org, error = :error, processed_at "
             "= :now, provider_customer_id = coalesce(nullif(:customer, ''), provider_customer_id) "
             "where id = :id and state = 'received'",
             {{"state", how.state},
              {"org", owner},
              {"error", how.error},
              {"now", tx.now()},
              {"customer", how.provider_customer_id},
              {"id", id}}) == 1;
}

void InboxRepository::postpone(db::Tx& tx, const std::string& id, std::int64_t attempts,
                               Timestamp next_attempt_at, const std::string& error) {
  tx.exec(
      "update webhook_inbox set attempts = :attempts, next_attempt_at = :next, error = :error "
      "where id = :id and state = 'received'",
      {{"attempts", attempts}, {"next", next_attempt_at}, {"error", error}, {"id", id}});
}

std::int64_t InboxRepository::unpark(db::Tx& tx, const std::string& instance,
                                     const std::string& provider_customer_id) {
  return tx.exec(
      "update webhook_inbox set state = 'received', next_attempt_at = :now where instance = "
      ":instance and "
      "provider_customer_id = :customer and state = 'parked'",
      {{"now", tx.now()}, {"instance", instance}, {"customer", provider_customer_id}});
}

std::vector<InboxSummary> InboxRepository::list(db::Tx& tx, const Filter& filter) {
  std::string where = "where 1 = 1";
  db::Binds binds{{"n", filter.limit}};
  const auto narrow = [&](const char* condition, const char* name, const std::string& value) {
    if (value.empty()) return;
    where += std::string(" and ") + condition;
    binds.push_back({name, value});
  };
  narrow("state = :state", "state", filter.state);
  narrow("instance = :instance", "instance", filter.instance);
  narrow("org_id = :org", "org", filter.org);
  narrow("id < :after", "after", filter.after);
  std::vector<InboxSummary> out;
  for (auto& [id, org, instance, event, type, customer, state, error, source, attempts, received,
              processed] : tx.query<std::string, std::optional<std::string>, std::string,
                                    std::string, std::string, std::string, std::string, std::string,
                                    std::string, std::int64_t, Timestamp, std::optional<Timestamp>>(
           "select id, org_id, instance, event_id, event_type, provider_customer_id, state, error, "
           "source, attempts, received_at, processed_at from webhook_inbox " +
               where + " order by id desc limit :n",
           binds)) {
    InboxSummary row;
    row.id = std::move(id);
    row.org = org.value_or("");
    row.instance = std::move(instance);
    row.event_id = std::move(event);
    row.event_type = std::move(type);
    row.provider_customer_id = std::move(customer);
    row.state = std::move(state);
    row.error = std::move(error);
    row.source = std::move(source);
    row.attempts = attempts;
    row.received_at = received;
    row.processed_at = processed;
    out.push_back(std::move(row));
  }
  return out;
}

bool InboxRepository::replay(db::Tx& tx, const std::string& id) {
  return tx.exec(
             "update webhook_inbox set state = 'received', attempts = 0, next_attempt_at = :now "
             "where id = :id and state <> 'received'",
             {{"now", tx.now()}, {"id", id}}) == 1;
}

std::optional<std::string> InboxRepository::again(db::Tx& tx, const std::string& instance,
                                                  const std::string& event_id) {
  const auto found = tx.one<std::string>(
      "select id from webhook_inbox where instance = :instance and event_id = :event",
      {{"instance", instance}, {"event", event_id}});
  if (!found) return std::nullopt;
  (void)replay(tx, std::get<0>(*found));
  return std::get<0>(*found);
}

InboxCounts InboxRepository::counts(db::Tx& tx) {
  InboxCounts out;
  for (auto& [state, n] : tx.query<std::string, std::int64_t>(
           "select state, cast(count(*) as bigint) from webhook_inbox where state <> 'processed' "
           "group by state")) {
    if (state == "received") out.received = n;
    if (state == "parked") out.parked = n;
    if (state == "dead") out.dead = n;
  }
  return out;
}

std::int64_t InboxRepository::purge(db::Tx& tx, Timestamp limit_at) {
  static constexpr std::string_view kOld =
      " webhook_inbox where received_at < :at and state <> 'received'";
  tx.exec("delete from webhook_bodies where id in (select id from" + std::string(kOld) + ")",
          {{"at", limit_at}});
  return tx.exec("delete from" + std::string(kOld), {{"at", limit_at}});
}

}  // namespace ccp::billing
