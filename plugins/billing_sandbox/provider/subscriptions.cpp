// Life of a subscription: trial, renewal, failed payment and its retries, cancellation, pause.
// Time drives it: settleUntil() lets everything that fell due happen in the order of its times.
#include <algorithm>
#include <array>

#include "ledger.hpp"

namespace sandbox {
namespace {

constexpr std::int64_t kDay = 86'400'000'000;
/// After a failed payment the provider tries again so many days later; then it gives up.
constexpr std::array<int, 4> kRetryDays = {2, 5, 7, 7};
/// This card is accepted at checkout and declines every later payment.
constexpr std::string_view kDeclinesLater = "4000000000000341";

std::int64_t periodAfter(const json& subscription, std::int64_t start) {
  return addMonths(start, subscription.at("interval") == "year" ? 12 : 1);
}

bool over(const json& subscription) {
  return subscription.at("status") == "canceled";
}

}  // namespace

json& Ledger::startSubscription(const json& checkout, const std::string& card, Micros at) {
  const std::int64_t trial_days = checkout.at("trial_days").get<std::int64_t>();
  const Micros trial_end = at + trial_days * kDay;
  json subscription = {{"id", freshId("sub")},
                       {"status", trial_days > 0 ? "trialing" : "incomplete"},
                       {"customer_id", checkout.at("customer_id")},
                       {"product_id", checkout.at("product_id")},
                       {"price_id", checkout.at("price_id")},
                       {"name", checkout.at("name")},
                       {"quantity", checkout.at("quantity")},
                       {"amount", checkout.at("amount")},
                       {"interval", checkout.at("interval")},
                       {"period_start_at", at},
                       {"period_end_at", trial_end},
                       {"trial_start_at", trial_days > 0 ? json(at) : json(nullptr)},
                       {"trial_end_at", trial_days > 0 ? json(trial_end) : json(nullptr)},
                       {"cancel_at_period_end", false},
                       {"pause_at_period_end", false},
                       {"canceled_at", nullptr},
                       {"ends_at", nullptr},
                       {"ended_at", nullptr},
                       {"past_due_at", nullptr},
                       {"paused_at", nullptr},
                       {"resumes_at", nullptr},
                       {"checkout_id", checkout.at("id")},
                       {"metadata", checkout.at("metadata")},
                       {"card_last4", card.substr(card.size() - 4)},
                       {"_card", card},
                       {"_next", ""},
                       {"_retries", 0},
                       {"_retry_at", nullptr},
                       {"created_at", at},
                       {"modified_at", at}};
  json& stored = insert("subscriptions", std::move(subscription));
  emit("subscription.created", "subscriptions", stored, at);
  if (trial_days == 0) {
    // A card that declines later still pays the first time.
    stored["_next"] = "succeed";
    stored["period_end_at"] = periodAfter(stored, at);
    charge(stored, "subscription_create", stamp());
    stored["status"] = "active";
    changed(stored, "subscription.active", stamp());
  }
  return stored;
}

void Ledger::changed(json& subscription, const std::string& type, Micros at) {
  const Micros when = stamp(at);
  touch(subscription, when);
  emit(type, "subscriptions", subscription, when);
}

bool Ledger::charge(json& subscription, const std::string& reason, Micros at) {
  const std::string forced = subscription.at("_next").get<std::string>();
  const bool fails = forced.empty() ? subscription.at("_card") == kDeclinesLater : forced == "fail";
  subscription["_next"] = "";
  json payment = {{"id", freshId("pay")},
                  {"status", fails ? "failed" : "succeeded"},
                  {"customer_id", subscription.at("customer_id")},
                  {"subscription_id", subscription.at("id")},
                  {"checkout_id", subscription.at("checkout_id")},
                  {"amount", subscription.at("amount")},
                  {"refunded_minor", 0},
                  {"reason", reason},
                  {"failure_code", fails ? json("card_declined") : json(nullptr)},
                  {"created_at", at}};
  emit(fails ? "payment.failed" : "payment.succeeded", "payments",
       insert("payments", std::move(payment)), at);
  return !fails;
}

void Ledger::renew(json& subscription, Micros from, const std::string& reason, Micros at) {
  if (charge(subscription, reason, stamp(at))) {
    subscription["status"] = "active";
    subscription["period_start_at"] = from;
    subscription["period_end_at"] = periodAfter(subscription, from);
    subscription["past_due_at"] = nullptr;
    subscription["_retries"] = 0;
    subscription["_retry_at"] = nullptr;
    changed(subscription, "subscription.renewed", at);
    return;
  }
  const auto retries = subscription.at("_retries").get<std::size_t>();
  if (retries >= kRetryDays.size()) {
    end(subscription, at);
    return;
  }
  subscription["_retries"] = retries + 1;
  subscription["_retry_at"] = at + kRetryDays[retries] * kDay;
  if (subscription.at("status") != "past_due") {
    subscription["status"] = "past_due";
    subscription["past_due_at"] = at;
    subscription["_due_from"] = from;
    changed(subscription, "subscription.past_due", at);
  }
}

void Ledger::end(json& subscription, Micros at) {
  subscription["status"] = "canceled";
  subscription["cancel_at_period_end"] = false;
  if (subscription.at("canceled_at").is_null()) subscription["canceled_at"] = at;
  subscription["ended_at"] = at;
  subscription["ends_at"] = at;
  subscription["_retry_at"] = nullptr;
  changed(subscription, "subscription.canceled", at);
}

void Ledger::pause(json& subscription, Micros at) {
  subscription["status"] = "paused";
  subscription["pause_at_period_end"] = false;
  subscription["paused_at"] = at;
  changed(subscription, "subscription.paused", at);
}

std::optional<Ledger::Micros> Ledger::nextDue(const json& subscription) const {
  const auto time = [&subscription](const char* key) -> std::optional<Micros> {
    const json& value = subscription.at(key);
    return value.is_number_integer() ? std::optional(value.get<Micros>()) : std::nullopt;
  };
  const std::string status = subscription.at("status").get<std::string>();
  if (status == "trialing" || status == "active") return time("period_end_at");
  if (status == "past_due") return time("_retry_at");
  if (status == "paused") return time("resumes_at");
  return std::nullopt;
}

void Ledger::advanceSubscription(json& subscription, Micros at) {
  const std::string status = subscription.at("status").get<std::string>();
  if (status == "paused") {
    subscription["paused_at"] = nullptr;
    subscription["resumes_at"] = nullptr;
    renew(subscription, at, "subscription_resume", at);
  } else if (status == "past_due") {
    renew(subscription, subscription.value("_due_from", at), "retry", at);
  } else if (subscription.at("cancel_at_period_end").get<bool>()) {
    end(subscription, at);
  } else if (subscription.at("pause_at_period_end").get<bool>()) {
    pause(subscription, at);
  } else {
    renew(subscription, at, status == "trialing" ? "trial_end" : "subscription_cycle", at);
  }
}

void Ledger::settleUntil(Micros until) {
  for (;;) {
    json* first = nullptr;
    const char* table = "subscriptions";
    Micros due = until;
    for (auto& subscription : state_["subscriptions"]) {
      const auto when = nextDue(subscription);
      if (when && *when <= due) {
        first = &subscription;
        due = *when;
      }
    }
    for (auto& checkout : state_["checkouts"]) {
      if (checkout.at("status") == "open" && checkout.at("expires_at").get<Micros>() <= due) {
        first = &checkout;
        due = checkout.at("expires_at").get<Micros>();
        table = "checkouts";
      }
    }
    if (first == nullptr) return;
    if (std::string_view(table) == "subscriptions") {
      advanceSubscription(*first, due);
    } else {
      (*first)["status"] = "expired";
      touch(*first, stamp(due));
      emit("checkout.expired", "checkouts", *first, last_);
    }
  }
}

json Ledger::subscription(const std::string& id) {
  const std::lock_guard lock(mutex_);
  return show("subscriptions", find("subscriptions", id));
}

json Ledger::updateSubscription(const std::string& id, const json& body) {
  const std::lock_guard lock(mutex_);
  settleUntil(now());
  json& document = find("subscriptions", id);
  if (over(document)) throw ApiError{409, "subscription_over", "the subscription is canceled"};
  const Micros at = stamp();
  if (optionalBool(body, "revoke", false)) {
    end(document, at);
  } else if (body.contains("cancel_at_period_end")) {
    const bool cancel = optionalBool(body, "cancel_at_period_end", false);
    document["cancel_at_period_end"] = cancel;
    document["canceled_at"] = cancel ? json(at) : json(nullptr);
    document["ends_at"] = cancel ? document.at("period_end_at") : json(nullptr);
    changed(document, cancel ? "subscription.cancel_scheduled" : "subscription.uncanceled", at);
  } else if (body.contains("pause_at_period_end")) {
    document["pause_at_period_end"] = optionalBool(body, "pause_at_period_end", false);
    changed(document, "subscription.updated", at);
  } else if (optionalBool(body, "pause", false)) {
    pause(document, at);
  } else if (optionalBool(body, "resume", false)) {
    if (document.at("status") != "paused")
      throw ApiError{409, "not_paused",
                     "the subscription is " + document.at("status").get<std::string>()};
    document["paused_at"] = nullptr;
    document["resumes_at"] = nullptr;
    document["status"] = "active";
    if (document.at("period_end_at").get<Micros>() <= at) {
      renew(document, at, "subscription_resume", at);
    } else {
      changed(document, "subscription.resumed", at);
    }
  } else {
    const std::int64_t quantity =
        optionalInt(body, "quantity", document.at("quantity").get<std::int64_t>(), 1, 10'000);
    json wanted = body;
    if (!wanted.contains("price_id")) wanted["price_id"] = document.at("price_id");
    if (!wanted.contains("product_id")) wanted["product_id"] = document.at("product_id");
    if (!wanted.contains("interval")) wanted["interval"] = document.at("interval");
    const bool same_price =
        wanted.at("price_id") == document.at("price_id") && !body.contains("amount");
    const std::int64_t each = same_price
                                  ? document.at("amount").at("amount_minor").get<std::int64_t>() /
                                        document.at("quantity").get<std::int64_t>()
                                  : priceOf(wanted).at("amount_minor").get<std::int64_t>();
    const json price = priceOf(wanted);
    document["price_id"] = price.at("id");
    document["product_id"] = price.at("product_id");
    document["interval"] = price.at("interval");
    document["quantity"] = quantity;
    document["amount"]["amount_minor"] = each * quantity;
    changed(document, "subscription.updated", at);
  }
  persist();
  return show("subscriptions", find("subscriptions", id));
}

json Ledger::clock() {
  const std::lock_guard lock(mutex_);
  return {{"now_at", rfc3339(now())}, {"offset_s", offset_ / 1'000'000}};
}

json Ledger::advance(std::int64_t micros) {
  const std::lock_guard lock(mutex_);
  const std::size_t before = state_["events"].size();
  const std::string last_id =
      before == 0 ? std::string() : state_["events"].back().at("id").get<std::string>();
  offset_ += micros;
  settleUntil(now());
  json events = json::array();
  bool fresh = last_id.empty();
  for (const auto& event : state_["events"]) {
    if (fresh) events.push_back({{"id", event.at("id")}, {"type", event.at("type")}});
    if (event.at("id") == last_id) fresh = true;
  }
  persist();
  return {
      {"now_at", rfc3339(now())}, {"offset_s", offset_ / 1'000'000}, {"events", std::move(events)}};
}

void Ledger::settle() {
  const std::lock_guard lock(mutex_);
  const Micros before = last_;
  settleUntil(now());
  if (last_ != before || dirty_) persist();
}

json Ledger::setNextOutcome(const std::string& subscription_id, const std::string& outcome) {
  if (outcome != "fail" && outcome != "succeed")
    throw ApiError{422, "invalid_outcome", "outcome must be fail or succeed", "outcome"};
  const std::lock_guard lock(mutex_);
  json& document = find("subscriptions", subscription_id);
  document["_next"] = outcome;
  persist();
  return show("subscriptions", document);
}

json Ledger::chargeNow(const std::string& subscription_id, const std::string& outcome) {
  if (outcome != "fail" && outcome != "succeed")
    throw ApiError{422, "invalid_outcome", "outcome must be fail or succeed", "outcome"};
  const std::lock_guard lock(mutex_);
  json& document = find("subscriptions", subscription_id);
  if (over(document)) throw ApiError{409, "subscription_over", "the subscription is canceled"};
  document["_next"] = outcome;
  const Micros at = stamp();
  // What is paid late is the period that was due, not a new one.
  const bool late = document.at("status") == "past_due";
  renew(document, late ? document.value("_due_from", at) : at, late ? "retry" : "subscription_cycle",
        at);
  persist();
  return show("subscriptions", find("subscriptions", subscription_id));
}

}  // namespace sandbox
