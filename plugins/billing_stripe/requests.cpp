#include "requests.hpp"

#include <algorithm>

#include "ccp/text.hpp"
#include "events.hpp"
#include "mapping.hpp"

namespace stripe {
namespace {

constexpr std::size_t kMaxKey = 40, kMaxValue = 500, kMaxMetadata = 50, kMaxName = 256,
                      kMaxUrl = 2083;
constexpr std::int64_t kMaxSeats = 1'000'000, kMaxTrialDays = 730, kHour = 3600, kPage = 100;
/// Stripe wants 48 hours; the margin is for the way there and for clocks that differ.
constexpr std::int64_t kSoonestCharge = 48 * kHour + 300;

/// At most `max` bytes, cut between characters.
std::string cut(std::string_view text, std::size_t max) {
  std::size_t end = std::min(text.size(), max);
  while (end > 0 && end < text.size() && (static_cast<unsigned char>(text[end]) & 0xC0) == 0x80)
    --end;
  return std::string(text.substr(0, end));
}

std::string idMember(const json& in, const char* key, std::string_view prefix) {
  std::string id = ccp::str(in, key);
  if (!isId(id, prefix)) {
    throw ccp::Error::invalidArgument(std::string("\"") + key + "\" must be an id of Stripe (" +
                                      std::string(prefix) + "…)");
  }
  return id;
}

std::string pathId(std::string_view id, std::string_view prefix, const char* what) {
  if (!isId(id, prefix))
    throw ccp::Error::notFound(std::string("Stripe has no ") + what + " with such an id");
  return std::string(id);
}

std::string url(const json& in, const char* key) {
  std::string text = ccp::strOr(in, key);
  if (text.size() > kMaxUrl)
    throw ccp::Error::invalidArgument(std::string("\"") + key + "\" is too long for Stripe");
  return text;
}

/// What Stripe takes of the host's metadata; the rest would refuse the whole request.
void addMetadata(Form& form, const std::string& prefix, const json& in, const std::string& org_id) {
  form.add(prefix + "[ccp_org]", cut(org_id, kMaxValue));
  const json* given = ccp::member(in, "metadata");
  if (given == nullptr || !given->is_object()) return;
  std::size_t count = 1;
  for (const auto& [key, value] : given->items()) {
    const bool plain = !key.empty() && key.size() <= kMaxKey && key != "ccp_org" &&
                       key.find_first_of("[]") == std::string::npos;
    if (!plain || count >= kMaxMetadata) continue;
    const std::string name = prefix + "[" + key + "]";
    if (value.is_string() && !value.get_ref<const std::string&>().empty())
      form.add(name, cut(value.get<std::string>(), kMaxValue));
    else if (value.is_boolean())
      form.flag(name, value.get<bool>());
    else if (value.is_number_integer())
      form.add(name, value.dump());
    else
      continue;
    ++count;
  }
}

std::string withSessionId(std::string text) {
  constexpr std::string_view kOurs = "{CHECKOUT_ID}", kTheirs = "{CHECKOUT_SESSION_ID}";
  for (auto at = text.find(kOurs); at != std::string::npos; at = text.find(kOurs, at)) {
    text.replace(at, kOurs.size(), kTheirs);
    at += kTheirs.size();
  }
  return text;
}

std::int64_t seats(const json& in) {
  const std::int64_t quantity = ccp::intOr(in, "quantity", 1);
  if (quantity < 1 || quantity > kMaxSeats)
    throw ccp::Error::invalidArgument("\"quantity\" must be from 1 to 1000000");
  return quantity;
}

std::string cursorId(std::string_view cursor, std::string_view prefix) {
  // Ids of prices may be of the account's own making, with any characters.
  const bool good =
      cursor.empty() || isId(cursor, prefix) || (prefix.empty() && cursor.size() <= 200);
  if (!good) throw ccp::Error::invalidArgument("\"cursor\" is not one of this plugin");
  return std::string(cursor);
}

Request page(std::string path, Form query, std::string_view cursor, std::string_view prefix) {
  query.add("limit", kPage);
  if (const std::string after = cursorId(cursor, prefix); !after.empty())
    query.add("starting_after", after);
  return {"GET", std::move(path), std::move(query), {}};
}

std::string planItemOf(const json& current) {
  const json* items = ccp::at(current, "/items/data");
  std::string first;
  if (items != nullptr && items->is_array()) {
    for (const auto& item : *items) {
      const std::string id = word(item, "id");
      const json* usage = ccp::at(item, "/price/recurring/usage_type");
      if (first.empty()) first = id;
      if (!id.empty() && (usage == nullptr || *usage != "metered")) return id;
    }
  }
  if (first.empty())
    throw ccp::Error::provider("Stripe answered with a subscription that has no items");
  return first;
}

void addProration(Form& form, const json& in) {
  const std::string proration = ccp::strOr(in, "proration", "now");
  if (proration == "now") {
    // The change takes place when its difference is paid, or not at all.
    form.add("proration_behavior", std::string("always_invoice"));
    form.add("payment_behavior", std::string("error_if_incomplete"));
  } else if (proration == "next_period") {
    form.add("proration_behavior", std::string("create_prorations"));
  } else if (proration == "none") {
    form.add("proration_behavior", std::string("none"));
  } else {
    throw ccp::Error::invalidArgument("\"proration\" must be now, next_period or none");
  }
}

}  // namespace

bool isId(std::string_view text, std::string_view prefix) {
  return text.size() > prefix.size() && text.size() <= 200 &&
         text.substr(0, prefix.size()) == prefix &&
         std::all_of(text.begin(), text.end(), [](char c) {
           return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                  c == '_' || c == '-';
         });
}

Request searchCustomer(std::string_view org_id) {
  std::string quoted;
  for (const char c : org_id) {
    if (c == '\'' || c == '\\') quoted += '\\';
    quoted += c;
  }
  return {"GET",
          "/v1/customers/search",
          {{"query", "metadata['ccp_org']:'" + quoted + "'"}, {"limit", "10"}},
          {}};
}

Request customersByEmail(std::string_view email) {
  return {"GET", "/v1/customers", {{"email", std::string(email)}, {"limit", "100"}}, {}};
}

Request makeCustomer(std::string_view org_id, const std::string& replaces) {
  return {"POST",
          "/v1/customers",
          {},
          {{"metadata[ccp_org]", cut(org_id, kMaxValue)}},
          {},
          "ccp-customer-" + std::string(org_id) + (replaces.empty() ? "" : "-after-" + replaces)};
}

Request updateCustomer(std::string_view customer_id, std::string_view email,
                       std::string_view name) {
  Form form{{"email", std::string(email)}};
  if (!name.empty()) form.add("name", cut(name, kMaxName));
  return {"POST",
          "/v1/customers/" + pathId(customer_id, "cus_", "customer"),
          {},
          std::move(form),
          "address"};
}

Request makeCheckout(const json& in, const Options& options, std::int64_t now_s) {
  const std::string org_id = ccp::str(in, "org_id"), price = ccp::strOr(in, "price_id");
  if (price.empty()) {
    throw ccp::Error::invalidArgument(
        "Stripe sells prices: name one in the catalog, providers: {<instance>: {price: price_…}}");
  }
  // The customer is made before the checkout: given an address only, Stripe would make another one
  // at every checkout, and the purchase would belong to nobody that the host knows.
  Form form{{"mode", "subscription"},
            {"customer", idMember(in, "customer_id", "cus_")},
            {"client_reference_id", cut(org_id, 200)},
            {"line_items[0][price]", cut(price, 200)}};
  form.add("line_items[0][quantity]", seats(in));
  const std::string success_url = ccp::str(in, "success_url");
  if (success_url.empty()) throw ccp::Error::invalidArgument("\"success_url\" must be a URL");
  form.add("success_url", withSessionId(url(in, "success_url")));
  if (const std::string back = url(in, "return_url"); !back.empty()) form.add("cancel_url", back);
  form.add("payment_method_collection", options.payment_method_collection);
  if (options.allow_promotion_codes) form.flag("allow_promotion_codes", true);
  if (options.automatic_tax) {
    form.flag("automatic_tax[enabled]", true);
    form.add("customer_update[address]", std::string("auto"));
  }
  if (options.tax_id_collection) {
    form.flag("tax_id_collection[enabled]", true);
    form.add("customer_update[name]", std::string("auto"));
  }
  const auto first_charge = ccp::parseRfc3339(ccp::strOr(in, "first_charge_at"));
  if (first_charge) {
    const std::int64_t at_s = std::max(*first_charge / 1'000'000, now_s + kSoonestCharge);
    form.add("subscription_data[trial_end]", at_s);
  } else if (const std::int64_t days = ccp::intOr(in, "trial_days"); days > 0) {
    form.add("subscription_data[trial_period_days]", std::min(days, kMaxTrialDays));
  }
  addMetadata(form, "metadata", in, org_id);
  addMetadata(form, "subscription_data[metadata]", in, org_id);
  return {"POST", "/v1/checkout/sessions", {}, std::move(form), "checkout"};
}

Request readCheckout(std::string_view id) {
  return {"GET", "/v1/checkout/sessions/" + pathId(id, "cs_", "checkout"), {}, {}};
}

Request makePortalSession(const json& in, const Options& options) {
  Form form{{"customer", idMember(in, "customer_id", "cus_")}};
  if (const std::string back = url(in, "return_url"); !back.empty()) form.add("return_url", back);
  if (!options.portal_configuration.empty())
    form.add("configuration", options.portal_configuration);
  return {"POST", "/v1/billing_portal/sessions", {}, std::move(form), "portal"};
}

Request readSubscription(std::string_view id) {
  // When the payment began to be late stands in the invoice.
  return {"GET",
          "/v1/subscriptions/" + pathId(id, "sub_", "subscription"),
          {{"expand[0]", "latest_invoice"}},
          {}};
}

Request listSubscriptions(std::string_view customer_id, std::string_view cursor) {
  Form query{{"status", "all"}, {"expand[0]", "data.latest_invoice"}};
  if (!customer_id.empty()) query.add("customer", pathId(customer_id, "cus_", "customer"));
  return page("/v1/subscriptions", std::move(query), cursor, "sub_");
}

bool needsCurrent(const json& in) {
  const std::string action = ccp::str(in, "action");
  return action == "plan" || action == "quantity" || action == "resume" || action == "uncancel";
}

Request changeSubscription(const json& in, const json& current) {
  const std::string action = ccp::str(in, "action");
  const std::string path =
      "/v1/subscriptions/" + pathId(ccp::str(in, "subscription_id"), "sub_", "subscription");
  if (action == "cancel" && !ccp::boolOr(in, "at_period_end", true))
    return {"DELETE", path, {}, {}};
  Form form{{"expand[0]", "latest_invoice"}};
  if (action == "cancel") {
    form.flag("cancel_at_period_end", true);
  } else if (action == "uncancel") {
    // An end that was ordered as a date (the portal does so) is taken back as one.
    if (ccp::boolOr(current, "cancel_at_period_end") ||
        ccp::member(current, "cancel_at") == nullptr)
      form.flag("cancel_at_period_end", false);
    else
      form.add("cancel_at", std::string());
  } else if (action == "pause") {
    form.add("pause_collection[behavior]", std::string("void"));
  } else if (action == "resume") {
    if (word(current, "status") == "paused") {
      form.add("billing_cycle_anchor", std::string("now"));
      return {"POST", path + "/resume", {}, std::move(form), "resume"};
    }
    form.add("pause_collection", std::string());
  } else if (action == "quantity") {
    form.add("items[0][id]", planItemOf(current));
    form.add("items[0][quantity]", seats(in));
    addProration(form, in);
  } else if (action == "plan") {
    const std::string price = ccp::strOr(in, "price_id");
    if (price.empty())
      throw ccp::Error::invalidArgument("\"price_id\" must be the id of one of Stripe's prices");
    form.add("items[0][id]", planItemOf(current));
    form.add("items[0][price]", cut(price, 200));
    if (ccp::optInt(in, "quantity")) form.add("items[0][quantity]", seats(in));
    addProration(form, in);
  } else {
    throw ccp::Error::invalidArgument(
        "\"action\" must be plan, quantity, cancel, uncancel, pause or resume");
  }
  return {"POST", path, {}, std::move(form), action};
}

Request meterEvent(const json& record, const Options& options, std::int64_t now_s) {
  const std::string id = ccp::str(record, "id"), name = ccp::strOr(record, "name", "usage");
  // The newest event of an hour replaces the earlier ones of that hour: the whole value is sent, at
  // the host's time of the record within the window, else at the latest that the window has.
  std::int64_t at_s = now_s;
  const auto at = ccp::parseRfc3339(ccp::strOr(record, "occurred_at"));
  if (at) at_s = *at / 1'000'000;
  if (const auto start = ccp::parseRfc3339(ccp::strOr(record, "window_start_at")))
    at_s = std::clamp(at_s, *start / 1'000'000, *start / 1'000'000 + kHour - 1);
  const std::string mapped = ccp::strOr(options.meters, name);
  Form form{
      {"event_name", cut(mapped.empty() ? name : mapped, 100)},
      {"identifier", cut(id, 100)},
      {"payload[" + options.meter_customer_key + "]", idMember(record, "customer_id", "cus_")}};
  form.add("payload[" + options.meter_value_key + "]", ccp::intOr(record, "quantity"));
  form.add("timestamp", at_s);
  return {"POST", "/v1/billing/meter_events", {}, std::move(form), {}, "ccp-usage-" + cut(id, 200)};
}

Request listPrices(std::string_view cursor) {
  return page("/v1/prices", {{"active", "true"}, {"expand[0]", "data.product"}}, cursor, "");
}

Request listEvents(std::int64_t since_s, const json& kinds, std::string_view cursor) {
  Form query;
  query.add("created[gte]", since_s);
  std::int64_t n = 0;
  for (const auto type : repairTypes(kinds))
    query.add("types[" + std::to_string(n++) + "]", std::string(type));
  return page("/v1/events", std::move(query), cursor, "evt_");
}

Request failedEvents() {
  return {"GET", "/v1/events", {{"delivery_success", "false"}, {"limit", "10"}}, {}};
}

Request readThinEvent(std::string_view id) {
  return {"GET", "/v2/core/events/" + pathId(id, "evt_", "event"), {}, {}};
}

Request invoiceOfPayment(std::string_view payment_intent) {
  return {"GET",
          "/v1/invoice_payments",
          {{"payment[type]", "payment_intent"},
           {"payment[payment_intent]", pathId(payment_intent, "pi_", "payment")},
           {"limit", "1"},
           {"expand[0]", "data.invoice"}},
          {}};
}

Request readInvoice(std::string_view id) {
  return {"GET", "/v1/invoices/" + pathId(id, "in_", "invoice"), {}, {}};
}

Request readCharge(std::string_view id) {
  return {"GET", "/v1/charges/" + pathId(id, "", "charge"), {}, {}};
}

Request listEndpoints() {
  return {"GET", "/v1/webhook_endpoints", {{"limit", "100"}}, {}};
}

Request readBalance() {
  return {"GET", "/v1/balance", {}, {}};
}

Request activeEntitlements(std::string_view customer_id) {
  return {"GET",
          "/v1/entitlements/active_entitlements",
          {{"customer", pathId(customer_id, "cus_", "customer")}, {"limit", "100"}},
          {}};
}

}  // namespace stripe
