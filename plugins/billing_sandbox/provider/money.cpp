// Refunds, disputes, usage, and the webhook bookkeeping of the ledger.
#include "ledger.hpp"

namespace sandbox {

namespace {
json* lastPayment(json& payments, const std::string& subscription_id) {
  json* found = nullptr;
  for (auto& payment : payments) {
    if (payment.at("subscription_id") == subscription_id && payment.at("status") == "succeeded")
      found = &payment;
  }
  return found;
}
}  // namespace

json Ledger::createRefund(const json& body) {
  const std::lock_guard lock(mutex_);
  const std::string payment_id = optionalString(body, "payment_id");
  const std::string subscription_id = optionalString(body, "subscription_id");
  if (payment_id.empty() && subscription_id.empty())
    throw ApiError{422, "missing_field", "payment_id or subscription_id is required", "payment_id"};
  json* payment = payment_id.empty() ? lastPayment(state_["payments"], subscription_id)
                                     : &find("payments", payment_id);
  if (payment == nullptr)
    throw ApiError{404, "not_found", "the subscription has no payment to refund",
                   "subscription_id"};
  const auto total = payment->at("amount").at("amount_minor").get<std::int64_t>();
  const auto refunded = payment->at("refunded_minor").get<std::int64_t>();
  const std::int64_t amount = optionalInt(body, "amount_minor", total - refunded, 1, 99'999'999);
  if (payment->at("status") != "succeeded" || amount < 1 || amount > total - refunded)
    throw ApiError{409, "not_refundable", "more than what is left of the payment", "amount_minor"};
  (*payment)["refunded_minor"] = refunded + amount;
  const bool full = refunded + amount == total;
  const Micros at = stamp();
  const json document = insert(
      "refunds",
      {{"id", freshId("re")},
       {"payment_id", payment->at("id")},
       {"subscription_id", payment->at("subscription_id")},
       {"customer_id", payment->at("customer_id")},
       {"outcome", full ? "full" : "partial"},
       {"amount", {{"amount_minor", amount}, {"currency", payment->at("amount").at("currency")}}},
       {"created_at", at},
       {"modified_at", at}});
  emit("refund.created", "refunds", document, at);
  // A full refund ends the contract, as a merchant would do in the same click.
  if (full && payment->at("subscription_id").is_string()) {
    json& subscription = find("subscriptions", payment->at("subscription_id").get<std::string>());
    if (subscription.at("status") != "canceled" && optionalBool(body, "end_subscription", true))
      end(subscription, stamp());
  }
  persist();
  return show("refunds", document);
}

json Ledger::openDispute(const json& body) {
  const std::lock_guard lock(mutex_);
  const std::string subscription_id = requireString(body, "subscription_id");
  json* payment = lastPayment(state_["payments"], subscription_id);
  if (payment == nullptr)
    throw ApiError{404, "not_found", "the subscription has no payment to dispute",
                   "subscription_id"};
  const Micros at = stamp();
  const json document = insert("disputes", {{"id", freshId("dp")},
                                            {"payment_id", payment->at("id")},
                                            {"subscription_id", subscription_id},
                                            {"customer_id", payment->at("customer_id")},
                                            {"outcome", "opened"},
                                            {"amount", payment->at("amount")},
                                            {"created_at", at},
                                            {"modified_at", at}});
  emit("dispute.opened", "disputes", document, at);
  persist();
  return show("disputes", document);
}

json Ledger::closeDispute(const std::string& id, const std::string& outcome) {
  if (outcome != "won" && outcome != "lost")
    throw ApiError{422, "invalid_outcome", "outcome must be won or lost", "outcome"};
  const std::lock_guard lock(mutex_);
  json& document = find("disputes", id);
  if (document.at("outcome") != "opened")
    throw ApiError{409, "dispute_closed", "the dispute is closed"};
  document["outcome"] = outcome;
  const Micros at = stamp();
  touch(document, at);
  emit("dispute.closed", "disputes", document, at);
  persist();
  return show("disputes", document);
}

json Ledger::recordUsage(const json& body) {
  const std::lock_guard lock(mutex_);
  const auto events = body.find("events");
  if (events == body.end() || !events->is_array() || events->size() > 1000)
    throw ApiError{422, "wrong_type", "events must be a list of at most 1000", "events"};
  json fresh = json::array();
  std::int64_t duplicates = 0;
  for (const auto& event : *events) {
    if (!event.is_object())
      throw ApiError{422, "wrong_type", "an event must be an object", "events"};
    find("customers", requireString(event, "customer_id"));
    const std::string id = requireString(event, "external_id", 200);
    requireString(event, "name", 128);
    bool known = findBy("usage", "id", id) != nullptr;
    for (const auto& other : fresh) known = known || other.at("id") == id;
    if (known) {
      ++duplicates;
      continue;
    }
    fresh.push_back({{"id", id},
                     {"customer_id", event.at("customer_id")},
                     {"name", event.at("name")},
                     {"quantity", optionalInt(event, "quantity", 1, 0, INT64_MAX)},
                     {"created_at", stamp()}});
  }
  const auto inserted = static_cast<std::int64_t>(fresh.size());
  for (auto& event : fresh) insert("usage", std::move(event));
  persist();
  return {{"inserted", inserted}, {"duplicates", duplicates}};
}

json Ledger::endpoint() {
  const std::lock_guard lock(mutex_);
  return state_["endpoint"];
}

json Ledger::updateEndpoint(const json& body) {
  const std::lock_guard lock(mutex_);
  if (body.contains("url")) {
    const std::string url = optionalString(body, "url");
    if (!url.empty() && !isLoopbackUrl(url))
      throw ApiError{422, "not_loopback", "webhooks go to a loopback address only", "url"};
    state_["endpoint"]["url"] = url;
  }
  if (body.contains("enabled")) {
    state_["endpoint"]["enabled"] = optionalBool(body, "enabled", true);
    state_["endpoint"]["failures"] = 0;
  }
  persist();
  return state_["endpoint"];
}

json Ledger::event(const std::string& id) {
  const std::lock_guard lock(mutex_);
  return show("events", find("events", id));
}

json Ledger::redeliver(const std::string& event_id) {
  const std::lock_guard lock(mutex_);
  json& stored = find("events", event_id);
  stored["_state"] = "pending";
  if (sink_) sink_(outgoing(stored));
  persist();
  return show("events", stored);
}

void Ledger::recordDelivery(const std::string& event_id, int attempt, int http_status,
                            const std::string& state) {
  const std::lock_guard lock(mutex_);
  json* stored = findBy("events", "id", event_id);
  if (stored == nullptr) return;  // dropped from the end of the list
  (*stored)["_state"] = state;
  (*stored)["attempts"] = attempt;
  (*stored)["last_status"] = http_status;
  json& failures = state_["endpoint"]["failures"];
  failures = state == "delivered"
                 ? 0
                 : failures.get<int>() + (http_status == 0 || http_status >= 300 ? 1 : 0);
  dirty_ = true;
}

json Ledger::sendEvent(const json& body) {
  const std::lock_guard lock(mutex_);
  const std::string type = requireString(body, "type", 200);
  const Micros at = stamp();
  json object = body.value("object", json::object());
  if (!object.is_object()) throw ApiError{422, "wrong_type", "object must be an object", "object"};
  emit(type, "objects", object, at);
  persist();
  json out = show("events", state_["events"].back());
  return out;
}

}  // namespace sandbox
