#include "plugin.hpp"

#include <algorithm>
#include <utility>

#include "diagnosis.hpp"
#include "mapping.hpp"
#include "webhook.hpp"

namespace polar {

using ccp::json;

namespace {

constexpr const char* kProduction = "https://api.polar.sh";
constexpr const char* kSandbox = "https://sandbox-api.polar.sh";
/// How long a refund or a dispute may take from its first day to its last change.
constexpr std::int64_t kDay = 86'400'000'000, kRefundTakes = 30 * kDay, kDisputeTakes = 180 * kDay;

std::string word(const json& object, const char* key) {
  return ccp::strOr(object, key).substr(0, 200);
}

json wholeSnapshot(const json& subscription) {
  json out = snapshot(subscription, ccp::strOr(subscription, "created_at"));
  if (out.is_null())
    throw ccp::Error::provider(
        "Polar answered with a subscription that lacks id, customer, product or status");
  return out;
}

/// An answer to fetch_event, in the shape of a parsed webhook. The id names state, not delivery:
/// the same state fetched twice is the same event.
json fetchedEvent(const json& subscription, bool livemode) {
  json whole = wholeSnapshot(subscription);
  const std::string modified = ccp::strOr(whole, "modified_at"), id = ccp::strOr(whole, "id");
  return {{"event_id", "fetched:" + id + ":" + modified},
          {"type", "subscription.fetched"},
          {"kind", "subscription"},
          {"occurred_at", whole["modified_at"]},
          {"livemode", livemode},
          {"customer_id", whole["customer_id"]},
          {"subscription_id", id},
          {"subscription", std::move(whole)}};
}

std::string idIn(const json& answer, const char* what) {
  std::string id = ccp::strOr(answer, "id");
  if (!isUuid(id))
    throw ccp::Error::provider(std::string("Polar answered without the id of the ") + what);
  return id;
}

/// What a page of Polar's lists holds, and the cursor of the next one.
const json& itemsOf(const json& page) {
  const json* items = ccp::member(page, "items");
  if (items == nullptr || !items->is_array())
    throw ccp::Error::provider("Polar answered with a list that has no items");
  return *items;
}
json nextCursor(const json& page, std::int64_t number) {
  const json* pagination = ccp::member(page, "pagination");
  const bool more = pagination != nullptr && ccp::intOr(*pagination, "max_page") > number;
  return more ? json(std::to_string(number + 1)) : json("");
}

}  // namespace

void Plugin::configure(ccp::Call&, const json& config) {
  const std::string server = ccp::strOr(config, "server", "production");
  std::string base_url =
      ccp::strOr(config, "base_url", server == "sandbox" ? kSandbox : kProduction);
  while (!base_url.empty() && base_url.back() == '/') base_url.pop_back();
  const std::string token = ccp::secretRef(config, "access_token");
  webhook_secret_ = ccp::secretRef(config, "webhook_secret");
  if (token.empty() || webhook_secret_.empty()) {
    throw ccp::Error::invalidArgument(
        "access_token and webhook_secret must be secret references, {$secret: polar/token}");
  }
  if (server != "production" && server != "sandbox")
    throw ccp::Error::invalidArgument("\"server\" must be production or sandbox");
  livemode_ = base_url == kProduction;
  client_.emplace(
      ClientSettings{std::move(base_url), token, ccp::strOr(config, "api_version", "2026-10")});
}

const Client& Plugin::client() const {
  if (!client_) throw ccp::Error::internal("the instance is not configured");
  return *client_;
}

json Plugin::ensureCustomer(ccp::Call& call, const json& in) {
  const std::string org_id = ccp::str(in, "org_id");
  if (org_id.empty() || org_id.size() > 200)
    throw ccp::Error::invalidArgument("\"org_id\" must be the organization's id");
  const Answer known = client().attempt(call, findCustomer(org_id));
  if (known.status == 200) return {{"customer_id", idIn(known.body, "customer")}};
  const std::string email = acceptableEmail(ccp::str(in, "email")), name = ccp::strOr(in, "name");
  // One person may own several organizations, and Polar wants every address once: the first
  // organization gets the address, the others a plus address of the same mailbox. An existing
  // customer is never taken over by its address: that is how one organization would get at
  // another's subscriptions.
  for (const std::string& address : {email, plusAddress(email, org_id)}) {
    const Answer made = client().attempt(call, makeCustomer(org_id, address, name));
    if (made.status == 201 || made.status == 200)
      return {{"customer_id", idIn(made.body, "customer")}};
    if (made.status == 422 && complainsAbout(made.body, "external_id")) {
      // Made in between, by another node or by a call whose answer was lost.
      return {{"customer_id", idIn(client().send(call, findCustomer(org_id)), "customer")}};
    }
    if (made.status != 422 || !complainsAbout(made.body, "email") ||
        wordsOf(made.body).find("exists") == std::string::npos) {
      throw ccp::Error::invalidArgument("Polar refuses the customer: " + wordsOf(made.body));
    }
  }
  throw ccp::Error::conflict(
      "Polar has other customers with this e-mail address and with its plus address");
}

json Plugin::createCheckout(ccp::Call& call, const json& in) {
  json out = checkout(client().send(call, makeCheckout(in, call.clock().nowSeconds())));
  if (out.is_null() || ccp::strOr(out, "url").empty())
    throw ccp::Error::provider("Polar answered with a checkout without id, status or address");
  return out;
}

json Plugin::getCheckout(ccp::Call& call, const json& in) {
  json out = checkout(client().send(call, readCheckout(ccp::str(in, "checkout_id"))));
  if (out.is_null())
    throw ccp::Error::provider("Polar answered with a checkout without id or known status");
  return out;
}

json Plugin::createPortalLink(ccp::Call& call, const json& in) {
  const json session = client().send(call, makePortalSession(in));
  const std::string url = ccp::strOr(session, "customer_portal_url");
  if (url.empty())
    throw ccp::Error::provider("Polar answered with a portal session without an address");
  return {{"url", url}};
}

json Plugin::getSubscription(ccp::Call& call, const json& in) {
  return wholeSnapshot(client().send(call, readSubscription(ccp::str(in, "subscription_id"))));
}

json Plugin::listSubscriptions(ccp::Call& call, const json& in) {
  const std::int64_t page = pageOf(ccp::strOr(in, "cursor"));
  const json answer =
      client().send(call, polar::listSubscriptions(ccp::strOr(in, "customer_id"), page));
  json items = json::array();
  for (const auto& item : itemsOf(answer)) items.push_back(wholeSnapshot(item));
  return {{"items", std::move(items)}, {"next_cursor", nextCursor(answer, page)}};
}

json Plugin::changeSubscription(ccp::Call& call, const json& in) {
  return wholeSnapshot(client().send(call, polar::changeSubscription(in)));
}

json Plugin::reportUsage(ccp::Call& call, const json& in) {
  const Request request = ingestEvents(in);
  if (request.body.is_null()) return {{"accepted", 0}, {"duplicates", 0}};
  const json answer = client().send(call, request);
  return {{"accepted", ccp::intOr(answer, "inserted")},
          {"duplicates", ccp::intOr(answer, "duplicates")}};
}

json Plugin::listPrices(ccp::Call& call, const json& in) {
  const std::int64_t page = pageOf(ccp::strOr(in, "cursor"));
  const json answer = client().send(call, listProducts(page));
  json items = json::array();
  for (const auto& product : itemsOf(answer)) {
    for (auto& price : prices(product)) items.push_back(std::move(price));
  }
  return {{"items", std::move(items)}, {"next_cursor", nextCursor(answer, page)}};
}

json Plugin::fetchEvent(ccp::Call& call, const json& in) {
  const std::string type = ccp::str(in, "type"), id = ccp::str(in, "id");
  json events = json::array();
  if (type == "subscription") {
    events.push_back(fetchedEvent(client().send(call, readSubscription(id)), livemode_));
  } else if (type == "customer") {
    bool more = true;
    for (std::int64_t page = 1; more; ++page) {
      const json answer = client().send(call, polar::listSubscriptions(id, page));
      for (const auto& item : itemsOf(answer)) events.push_back(fetchedEvent(item, livemode_));
      more = !nextCursor(answer, page).get_ref<const std::string&>().empty();
    }
  } else if (type == "refund" || type == "dispute") {
    events.push_back(moneyBack(call, in));
  } else {
    throw ccp::Error::invalidArgument("\"type\" must be subscription, customer, refund or dispute");
  }
  return {{"events", std::move(events)}};
}

json Plugin::moneyBack(ccp::Call& call, const json& fetch) {
  const std::string order_id = ccp::str(fetch, "order_id");
  const json order = client().send(call, readOrder(order_id));
  std::string latest = word(fetch, "id");
  // Of several refunds of an order the last one made it whole, the others were partial.
  if (ccp::strOr(fetch, "type") == "refund" && word(order, "status") != "partially_refunded") {
    const json answer = client().send(call, refundsOfOrder(order_id));
    const json& refunds = itemsOf(answer);
    if (!refunds.empty()) latest = word(refunds.front(), "id");
  }
  return resolvedMoneyBack(fetch, order, latest);
}

/// Deliveries that failed, with what they would have said. Those that succeeded were received.
json Plugin::missedEvents(ccp::Call& call, std::int64_t since, std::int64_t page) {
  const json answer = client().send(call, missedDeliveries(since, page));
  json events = json::array();
  for (const auto& delivery : itemsOf(answer)) {
    const json* missed = ccp::member(delivery, "webhook_event");
    const std::string id = missed == nullptr ? std::string() : word(*missed, "id"),
                      payload = missed == nullptr ? std::string() : ccp::strOr(*missed, "payload");
    if (id.empty() || payload.empty()) continue;  // archived: its payload is gone
    try {
      events.push_back(event(ccp::parseJson(payload), id, livemode_));
    } catch (const ccp::Error& error) {
      call.log().warn("polar_delivery_unreadable", {{"event", id}, {"reason", error.detail()}});
    }
  }
  const std::string next = nextCursor(answer, page).get<std::string>();
  return {{"events", std::move(events)},
          {"next_cursor", next.empty() ? "refunds:1" : "deliveries:" + next}};
}

/// Refunds or disputes, newest first, until they are too old to have changed since.
json Plugin::moneyBackEvents(ccp::Call& call, bool refunds, std::int64_t since, std::int64_t page) {
  const json answer = client().send(call, refunds ? listRefunds(page) : listDisputes(page));
  json events = json::array();
  bool old = false;
  for (const auto& item : itemsOf(answer)) {
    const auto made = ccp::parseRfc3339(ccp::strOr(item, "created_at"));
    old = old || (made && *made < since - (refunds ? kRefundTakes : kDisputeTakes));
    if (changedAt(item) < since) continue;
    for (auto& listed : refunds ? listedRefund(item, livemode_) : listedDispute(item, livemode_))
      events.push_back(std::move(listed));
  }
  const std::string next = old ? std::string() : nextCursor(answer, page).get<std::string>();
  std::string cursor = refunds ? "disputes:1" : "";
  if (!next.empty()) cursor = (refunds ? "refunds:" : "disputes:") + next;
  return {{"events", std::move(events)}, {"next_cursor", cursor}};
}

json Plugin::listEvents(ccp::Call& call, const json& in) {
  const auto since = ccp::parseRfc3339(ccp::str(in, "since"));
  if (!since) throw ccp::Error::invalidArgument("\"since\" must be a time, 2026-11-01T09:00:00Z");
  const std::string cursor = ccp::strOr(in, "cursor", "");
  const auto colon = cursor.find(':');
  const json* kinds = ccp::member(in, "kinds");
  const auto wanted = [kinds](const char* kind) {
    return kinds == nullptr || kinds->empty() ||
           std::find(kinds->begin(), kinds->end(), json(kind)) != kinds->end();
  };
  // Refunds and disputes stand in lists of their own, and more surely than among the deliveries.
  const bool others =
      wanted("subscription") || wanted("payment") || wanted("customer") || wanted("checkout");
  const std::string list =
      cursor.empty() ? (others ? "deliveries" : "refunds") : cursor.substr(0, colon);
  const std::int64_t page =
      cursor.empty() ? 1 : pageOf(colon == std::string::npos ? "x" : cursor.substr(colon + 1));
  if (list == "deliveries") return missedEvents(call, *since, page);
  if (list != "refunds" && list != "disputes")
    throw ccp::Error::invalidArgument("\"cursor\" is not one of this plugin");
  return moneyBackEvents(call, list == "refunds", *since, page);
}

json Plugin::diagnose(ccp::Call& call, const json& in) {
  json findings = json::array();
  const auto look = [&](const Request& request, auto&& judge) {
    try {
      judge(client().send(call, request));
    } catch (const ccp::Error& error) {
      if (error.rc() == CCP_RC_CANCELLED) throw;
      addFinding(findings, "error", "polar_unreachable", error.detail());
    }
  };
  look(listEndpoints(), [&](const json& answer) { judgeEndpoints(findings, itemsOf(answer)); });
  if (!findings.empty() && findings.back()["code"] == "polar_unreachable")
    return {{"findings", std::move(findings)}};
  look(failedDeliveries(), [&](const json& answer) { judgeDeliveries(findings, itemsOf(answer)); });
  const std::string org_id = ccp::strOr(in, "org_id");
  if (!org_id.empty())
    look(customerState(org_id), [&](const json& answer) { judgeState(findings, answer); });
  return {{"findings", std::move(findings)}};
}

json Plugin::verifyWebhook(ccp::Call& call, const json& in) {
  const auto request = ccp::WebhookRequest::from(in);
  const auto crypto = call.crypto();
  return polar::verifyWebhook(
      request.headers, request.body, call.clock().nowSeconds(),
      {[&](std::string_view message) { return crypto.hmacSha256(webhook_secret_, message); },
       [&](std::string_view message) -> std::string {
         try {
           return crypto.hmacSha256Base64Key(webhook_secret_, "whsec_", message);
         } catch (const ccp::Error& error) {
           if (error.rc() == CCP_RC_INVALID_ARGUMENT) return {};  // the secret is no base64
           throw;
         }
       }});
}

json Plugin::parseWebhook(ccp::Call&, const json& in) {
  const auto request = ccp::WebhookRequest::from(in);
  return polar::parseWebhook(request.headers, request.body, livemode_);
}

}  // namespace polar

using PolarPlugin = polar::Plugin;
CCP_PLUGIN(PolarPlugin)
