#include "plugin.hpp"

#include <utility>

#include "diagnosis.hpp"
#include "events.hpp"
#include "mapping.hpp"
#include "webhook.hpp"

namespace stripe {

using ccp::json;

namespace {

constexpr const char* kBase = "https://api.stripe.com";
constexpr const char* kVersion = "2026-07-29.dahlia";
constexpr int kMaxPages = 100, kMaxGenerations = 3;

json wholeSnapshot(const json& subscription) {
  json out = snapshot(subscription);
  if (out.is_null())
    throw ccp::Error::provider(
        "Stripe answered with a subscription that lacks id, customer, status or price");
  return out;
}

std::string idIn(const json& answer, std::string_view prefix, const char* what) {
  std::string id = word(answer, "id");
  if (!isId(id, prefix))
    throw ccp::Error::provider(std::string("Stripe answered without the id of the ") + what);
  return id;
}

/// What a page of Stripe's lists holds, and the cursor of the next one.
const json& itemsOf(const json& page) {
  const json* items = ccp::member(page, "data");
  if (items == nullptr || !items->is_array())
    throw ccp::Error::provider("Stripe answered with a list that has no data");
  return *items;
}
std::string nextCursor(const json& page) {
  const json& items = itemsOf(page);
  if (!ccp::boolOr(page, "has_more") || items.empty()) return {};
  return word(items.back(), "id");
}

/// A domain without a dot (`demo@localhost`) is no address to Stripe; it gets one to which no mail
/// is ever delivered.
std::string acceptableEmail(std::string email) {
  const auto at = email.rfind('@');
  if (at == std::string::npos || at == 0 || at + 1 == email.size())
    throw ccp::Error::invalidArgument("\"email\" must be an e-mail address");
  return email.find('.', at) == std::string::npos ? email + ".example.com" : email;
}

std::string ofOrg(const json& customers, const std::string& org_id) {
  for (const auto& customer : customers) {
    const json* metadata = ccp::member(customer, "metadata");
    const bool same = metadata != nullptr && ccp::strOr(*metadata, "ccp_org") == org_id;
    if (same && !ccp::boolOr(customer, "deleted") && isId(word(customer, "id"), "cus_"))
      return word(customer, "id");
  }
  return {};
}

}  // namespace

void Plugin::configure(ccp::Call&, const json& config) {
  std::string base_url = ccp::strOr(config, "base_url", kBase);
  while (!base_url.empty() && base_url.back() == '/') base_url.pop_back();
  const std::string key = ccp::secretRef(config, "api_key");
  webhook_secret_ = ccp::secretRef(config, "webhook_secret");
  thin_webhook_secret_ = ccp::secretRef(config, "thin_webhook_secret");
  if (key.empty() || webhook_secret_.empty()) {
    throw ccp::Error::invalidArgument(
        "api_key and webhook_secret must be secret references, {$secret: stripe/key}");
  }
  livemode_ = ccp::boolOr(config, "livemode", true);
  api_version_ = ccp::strOr(config, "api_version", kVersion);
  options_.allow_promotion_codes = ccp::boolOr(config, "allow_promotion_codes");
  options_.automatic_tax = ccp::boolOr(config, "automatic_tax");
  options_.tax_id_collection = ccp::boolOr(config, "tax_id_collection");
  options_.payment_method_collection = ccp::strOr(config, "payment_method_collection", "always");
  options_.portal_configuration = ccp::strOr(config, "portal_configuration");
  if (const json* meters = ccp::member(config, "meters")) options_.meters = *meters;
  options_.meter_customer_key = ccp::strOr(config, "meter_customer_key", "stripe_customer_id");
  options_.meter_value_key = ccp::strOr(config, "meter_value_key", "value");
  client_.emplace(
      ClientSettings{std::move(base_url), key, api_version_, ccp::intOr(config, "retries", 2)});
}

const Client& Plugin::client() const {
  if (!client_) throw ccp::Error::internal("the instance is not configured");
  return *client_;
}

std::string Plugin::findCustomer(ccp::Call& call, const std::string& org_id,
                                 const std::string& email) {
  const Answer found = client().attempt(call, searchCustomer(org_id));
  if (found.ok()) return ofOrg(itemsOf(found.body), org_id);
  // Accounts of some countries have no search.
  if (email.empty()) return {};
  return ofOrg(itemsOf(client().send(call, customersByEmail(email))), org_id);
}

json Plugin::ensureCustomer(ccp::Call& call, const json& in) {
  const std::string org_id = ccp::str(in, "org_id");
  if (org_id.empty() || org_id.size() > 200)
    throw ccp::Error::invalidArgument("\"org_id\" must be the organization's id");
  const std::string email = acceptableEmail(ccp::str(in, "email"));
  std::string id = findCustomer(call, org_id, email);
  if (!id.empty()) return {{"customer_id", id}};
  // The search learns of a new customer after a minute. Until then the key of the write, which is
  // the organization's own, answers with the customer that was made first.
  for (int generation = 0; generation < kMaxGenerations; ++generation) {
    const json made = client().send(call, makeCustomer(org_id, id));
    id = idIn(made, "cus_", "customer");
    const Answer named = client().attempt(call, updateCustomer(id, email, ccp::strOr(in, "name")));
    if (named.ok() && !ccp::boolOr(named.body, "deleted")) return {{"customer_id", id}};
    // What the key remembers was deleted since: the next one has a key of its own.
    if (!named.ok() && named.status != 404)
      throw ccp::Error::invalidArgument("Stripe refuses the customer: " + wordsOf(named.body));
  }
  throw ccp::Error::conflict("the organization's customers are deleted at Stripe, one by one");
}

json Plugin::createCheckout(ccp::Call& call, const json& in) {
  const Request request = makeCheckout(in, options_, call.clock().nowSeconds());
  json out = checkout(client().send(call, request));
  if (out.is_null() || ccp::strOr(out, "url").empty())
    throw ccp::Error::provider("Stripe answered with a checkout without id, status or address");
  return out;
}

json Plugin::getCheckout(ccp::Call& call, const json& in) {
  json out = checkout(client().send(call, readCheckout(ccp::str(in, "checkout_id"))));
  if (out.is_null())
    throw ccp::Error::provider("Stripe answered with a checkout without id or known status");
  return out;
}

json Plugin::createPortalLink(ccp::Call& call, const json& in) {
  const std::string url = ccp::strOr(client().send(call, makePortalSession(in, options_)), "url");
  if (url.empty())
    throw ccp::Error::provider("Stripe answered with a portal session without an address");
  return {{"url", url}};
}

json Plugin::getSubscription(ccp::Call& call, const json& in) {
  return wholeSnapshot(client().send(call, readSubscription(ccp::str(in, "subscription_id"))));
}

json Plugin::listSubscriptions(ccp::Call& call, const json& in) {
  const json answer = client().send(
      call, stripe::listSubscriptions(ccp::strOr(in, "customer_id"), ccp::strOr(in, "cursor")));
  json items = json::array();
  for (const auto& item : itemsOf(answer)) {
    json whole = snapshot(item);
    // Of an account that sells other things too: not one that this catalog could know.
    if (!whole.is_null()) items.push_back(std::move(whole));
  }
  return {{"items", std::move(items)}, {"next_cursor", nextCursor(answer)}};
}

json Plugin::changeSubscription(ccp::Call& call, const json& in) {
  json current;
  if (needsCurrent(in))
    current = client().send(call, readSubscription(ccp::str(in, "subscription_id")));
  return wholeSnapshot(client().send(call, stripe::changeSubscription(in, current)));
}

json Plugin::reportUsage(ccp::Call& call, const json& in) {
  const json* records = ccp::member(in, "records");
  if (records == nullptr || !records->is_array())
    throw ccp::Error::invalidArgument("\"records\" must be a list");
  std::int64_t accepted = 0, duplicates = 0, refused = 0;
  std::string problem;
  for (const auto& record : *records) {
    const Answer answer =
        client().attempt(call, meterEvent(record, options_, call.clock().nowSeconds()));
    if (answer.ok()) {
      ++accepted;
    } else if (wordsOf(answer.body).find("already exists") != std::string::npos) {
      ++duplicates;
    } else {
      // One customer or meter that Stripe does not know must not hold up the others.
      ++refused;
      if (problem.empty()) problem = wordsOf(answer.body);
    }
  }
  if (refused > 0) {
    throw ccp::Error::invalidArgument("Stripe refuses " + std::to_string(refused) + " of " +
                                      std::to_string(records->size()) +
                                      " usage records, the first: " + problem);
  }
  return {{"accepted", accepted}, {"duplicates", duplicates}};
}

json Plugin::listPrices(ccp::Call& call, const json& in) {
  const json answer = client().send(call, stripe::listPrices(ccp::strOr(in, "cursor")));
  json items = json::array();
  for (const auto& item : itemsOf(answer)) items.push_back(price(item));
  return {{"items", std::move(items)}, {"next_cursor", nextCursor(answer)}};
}

json Plugin::fetchedOne(ccp::Call& call, const std::string& id, const std::string& event_id) {
  json events = json::array();
  const std::int64_t asked_s = call.clock().nowSeconds();
  const Answer answer = client().attempt(call, readSubscription(id));
  if (answer.ok()) {
    events.push_back(fetchedSubscription(answer.body, event_id, asked_s, livemode_));
  } else if (answer.status != 404) {
    throw ccp::Error::provider("Stripe refuses the request: " + wordsOf(answer.body));
  }
  return events;
}

json Plugin::fetchedAll(ccp::Call& call, const std::string& customer_id) {
  json events = json::array();
  std::string cursor;
  for (int page = 0; page < kMaxPages; ++page) {
    const std::int64_t asked_s = call.clock().nowSeconds();
    const json answer = client().send(call, stripe::listSubscriptions(customer_id, cursor));
    for (const auto& item : itemsOf(answer)) {
      if (!snapshot(item).is_null())
        events.push_back(fetchedSubscription(item, {}, asked_s, livemode_));
    }
    cursor = nextCursor(answer);
    if (cursor.empty()) break;
  }
  return events;
}

json Plugin::moneyBack(ccp::Call& call, const json& fetch) {
  std::string payment = word(fetch, "payment_intent"), invoice_id = word(fetch, "invoice"),
              customer = word(fetch, "customer_id");
  if (customer.empty() || (payment.empty() && invoice_id.empty())) {
    // A dispute names its charge alone.
    const Answer charge = client().attempt(call, readCharge(ccp::str(fetch, "charge")));
    if (charge.ok()) {
      if (customer.empty()) customer = idOf(charge.body, "customer");
      if (payment.empty()) payment = idOf(charge.body, "payment_intent");
      if (invoice_id.empty()) invoice_id = idOf(charge.body, "invoice");
    }
  }
  json invoice;
  if (invoice_id.empty() && !payment.empty()) {
    const Answer payments = client().attempt(call, invoiceOfPayment(payment));
    if (payments.ok() && !itemsOf(payments.body).empty()) {
      const json& first = itemsOf(payments.body).front();
      const json* expanded = ccp::member(first, "invoice");
      if (expanded != nullptr && expanded->is_object())
        invoice = *expanded;
      else
        invoice_id = idOf(first, "invoice");
    }
  }
  if (invoice.is_null() && !invoice_id.empty()) {
    Answer answer = client().attempt(call, readInvoice(invoice_id));
    if (answer.ok()) invoice = std::move(answer.body);
  }
  return json::array({resolvedMoneyBack(fetch, invoice, customer)});
}

json Plugin::thinEvents(ccp::Call& call, const json& fetch) {
  const std::string event_id = ccp::str(fetch, "event_id");
  const json whole = client().send(call, readThinEvent(event_id));
  std::string type = word(fetch, "object_type"), id = word(fetch, "object_id");
  if (const json* about = ccp::member(whole, "related_object")) {
    type = word(*about, "type");
    id = word(*about, "id");
  }
  if (type == "subscription") return fetchedOne(call, id, event_id);
  json out = ignoredEvent(fetch);
  if (type == "customer") {
    out["kind"] = "customer";
    out["customer_id"] = id;
  } else {
    // Usage that Stripe could not count: nothing of the license hangs on it, money does.
    const json* data = ccp::member(whole, "data");
    call.log().warn(
        "stripe_thin_event",
        {{"event", event_id},
         {"type", out["type"]},
         {"object", id},
         {"reason", data == nullptr
                        ? std::string()
                        : ccp::strOr(*data, "developer_message_summary").substr(0, 300)}});
  }
  return json::array({std::move(out)});
}

json Plugin::fetchEvent(ccp::Call& call, const json& in) {
  const std::string type = ccp::str(in, "type");
  json events;
  if (type == "subscription") {
    events = fetchedOne(call, ccp::str(in, "id"), ccp::strOr(in, "event_id"));
  } else if (type == "customer") {
    events = fetchedAll(call, ccp::str(in, "id"));
  } else if (type == "refund" || type == "dispute") {
    events = moneyBack(call, in);
  } else if (type == "thin") {
    events = thinEvents(call, in);
  } else {
    throw ccp::Error::invalidArgument(
        "\"type\" must be subscription, customer, refund, dispute or thin");
  }
  return {{"events", std::move(events)}};
}

json Plugin::listEvents(ccp::Call& call, const json& in) {
  const auto since = ccp::parseRfc3339(ccp::str(in, "since"));
  if (!since) throw ccp::Error::invalidArgument("\"since\" must be a time, 2026-11-01T09:00:00Z");
  const json* asked = ccp::member(in, "kinds");
  const json kinds = asked == nullptr ? json() : *asked;
  // Without types Stripe would list everything.
  if (repairTypes(kinds).empty()) return {{"events", json::array()}, {"next_cursor", ""}};
  const json answer =
      client().send(call, stripe::listEvents(*since / 1'000'000, kinds, ccp::strOr(in, "cursor")));
  json events = json::array();
  for (const auto& item : itemsOf(answer)) {
    try {
      events.push_back(event(item));
    } catch (const ccp::Error& error) {
      call.log().warn("stripe_event_unreadable",
                      {{"event", word(item, "id")}, {"reason", error.detail()}});
    }
  }
  return {{"events", std::move(events)}, {"next_cursor", nextCursor(answer)}};
}

json Plugin::diagnose(ccp::Call& call, const json& in) {
  json findings = json::array();
  const auto look = [&](const Request& request, auto&& judge) {
    try {
      judge(client().send(call, request));
      return true;
    } catch (const ccp::Error& error) {
      if (error.rc() == CCP_RC_CANCELLED) throw;
      // A restricted key may be right for all that is needed, and not for this question.
      const bool limited = error.providerCode() == kNotAllowed;
      addFinding(findings, limited ? "warn" : "error", limited ? kNotAllowed : "stripe_unreachable",
                 error.detail());
      return limited;
    }
  };
  if (!look(readBalance(), [&](const json& a) { judgeKey(findings, a, livemode_); }))
    return {{"findings", std::move(findings)}};
  look(listEndpoints(), [&](const json& answer) {
    judgeEndpoints(findings, itemsOf(answer), livemode_, api_version_);
  });
  look(failedEvents(), [&](const json& answer) { judgeDeliveries(findings, itemsOf(answer)); });
  const std::string org_id = ccp::strOr(in, "org_id");
  if (!org_id.empty()) {
    const std::string customer = findCustomer(call, org_id, {});
    if (customer.empty()) {
      addFinding(findings, "ok", "customer_state", "Stripe knows no customer of the organization.");
    } else {
      look(stripe::listSubscriptions(customer, {}), [&](const json& subscriptions) {
        const Answer features = client().attempt(call, activeEntitlements(customer));
        judgeCustomer(findings, itemsOf(subscriptions),
                      features.ok() ? itemsOf(features.body) : json::array());
      });
    }
  }
  return {{"findings", std::move(findings)}};
}

json Plugin::verifyWebhook(ccp::Call& call, const json& in) {
  const auto request = ccp::WebhookRequest::from(in);
  const auto crypto = call.crypto();
  const auto verify = [&](const std::string& secret) {
    return stripe::verifyWebhook(
        request.headers, request.body, call.clock().nowSeconds(), livemode_,
        [&](std::string_view message) { return crypto.hmacSha256(secret, message); });
  };
  try {
    return verify(webhook_secret_);
  } catch (const ccp::Error& error) {
    // Stripe gives every endpoint a secret of its own, and thin events need one of theirs.
    if (thin_webhook_secret_.empty() || error.code() != "signature_invalid") throw;
    return verify(thin_webhook_secret_);
  }
}

json Plugin::parseWebhook(ccp::Call&, const json& in) {
  return stripe::parseWebhook(ccp::WebhookRequest::from(in).body);
}

}  // namespace stripe

using StripePlugin = stripe::Plugin;
CCP_PLUGIN(StripePlugin)
