// What the plugin asks of Stripe, as values: the tests hold every one of them against Stripe's
// official description. Pure. INVALID_ARGUMENT names what is missing.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "ccp/json.hpp"
#include "form.hpp"

namespace stripe {

using ccp::json;

struct Request {
  std::string method = "GET";
  std::string path;  ///< without the query
  Form query = {};   ///< GET and DELETE
  Form form = {};    ///< body of a POST
  /// Part of the idempotency key: which of an operation's writes this is.
  std::string step = {};
  /// Instead of the call's key: the write is the same whoever asks for it.
  std::string own_key = {};
};

/// What the operator configured about checkouts, portal and meters.
struct Options {
  bool allow_promotion_codes = false;
  bool automatic_tax = false;
  bool tax_id_collection = false;
  std::string payment_method_collection = "always";
  std::string portal_configuration;
  json meters = json::object();
  std::string meter_customer_key = "stripe_customer_id";
  std::string meter_value_key = "value";
};

Request searchCustomer(std::string_view org_id);
Request customersByEmail(std::string_view email);
/// Says nothing but whose it is, so that repeating it is always the same request, under a key of
/// its own. `replaces`: the customer of this organization that was deleted at Stripe, or empty.
Request makeCustomer(std::string_view org_id, const std::string& replaces);
Request updateCustomer(std::string_view customer_id, std::string_view email, std::string_view name);
/// `now_s`: Stripe takes a first payment no sooner than 48 hours from now.
Request makeCheckout(const json& in, const Options& options, std::int64_t now_s);
Request readCheckout(std::string_view id);
Request makePortalSession(const json& in, const Options& options);
Request readSubscription(std::string_view id);
/// Without a customer: of the account.
Request listSubscriptions(std::string_view customer_id, std::string_view cursor);
/// One change; `current` is the subscription as Stripe has it now (its items are changed by id).
Request changeSubscription(const json& in, const json& current);
/// Whether changeSubscription needs `current`.
bool needsCurrent(const json& in);
Request meterEvent(const json& record, const Options& options, std::int64_t now_s);
Request listPrices(std::string_view cursor);
/// `kinds`: of ccp.billing/1, null or empty for all.
Request listEvents(std::int64_t since_s, const json& kinds, std::string_view cursor);
Request failedEvents();
Request readThinEvent(std::string_view id);
Request invoiceOfPayment(std::string_view payment_intent);
Request readInvoice(std::string_view id);
Request readCharge(std::string_view id);
Request listEndpoints();
Request readBalance();
Request activeEntitlements(std::string_view customer_id);

/// The prefix, then letters, digits, `_` and `-`: what may stand in a path.
bool isId(std::string_view text, std::string_view prefix);

}  // namespace stripe
