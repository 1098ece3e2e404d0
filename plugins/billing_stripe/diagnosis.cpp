#include "diagnosis.hpp"

#include <algorithm>
#include <array>
#include <string_view>

#include "mapping.hpp"

namespace stripe {

using ccp::json;

namespace {

/// Without these the license state cannot follow.
constexpr std::array<std::string_view, 11> kNeeded = {"customer.subscription.created",
                                                      "customer.subscription.updated",
                                                      "customer.subscription.deleted",
                                                      "customer.subscription.paused",
                                                      "customer.subscription.resumed",
                                                      "checkout.session.completed",
                                                      "invoice.paid",
                                                      "invoice.payment_failed",
                                                      "charge.refunded",
                                                      "charge.dispute.created",
                                                      "charge.dispute.closed"};

/// An account has endpoints of other programs as well; ours are told by their path.
bool isOurs(const std::string& url) {
  return url.find("/webhooks/") != std::string::npos ||
         url.find("/billing/stripe") != std::string::npos;
}

std::string missingEvents(const json& endpoint) {
  const json* events = ccp::member(endpoint, "enabled_events");
  std::string missing;
  for (const auto needed : kNeeded) {
    bool found = false;
    if (events != nullptr && events->is_array()) {
      found = std::any_of(events->begin(), events->end(), [needed](const json& event) {
        return event.is_string() && (event.get_ref<const std::string&>() == needed ||
                                     event.get_ref<const std::string&>() == "*");
      });
    }
    if (!found) missing += (missing.empty() ? "" : ", ") + std::string(needed);
  }
  return missing;
}

void judgeEndpoint(json& findings, const json& endpoint, bool livemode,
                   const std::string& api_version) {
  const std::string url = ccp::strOr(endpoint, "url").substr(0, 300);
  if (ccp::strOr(endpoint, "status", "enabled") != "enabled") {
    addFinding(findings, "error", "webhook_endpoint_disabled",
               "Stripe's endpoint " + url +
                   " is disabled. Enable it in Stripe's dashboard, then reconcile: what happened "
                   "meanwhile is not sent again.");
  }
  if (const std::string missing = missingEvents(endpoint); !missing.empty()) {
    addFinding(findings, "warn", "webhook_events_missing",
               "The endpoint " + url + " does not get: " + missing + ".");
  }
  if (ccp::boolOr(endpoint, "livemode", livemode) != livemode) {
    addFinding(findings, "error", "webhook_endpoint_mode",
               "The endpoint " + url +
                   " is of the other mode than `livemode` of the instance: its "
                   "webhooks are refused.");
  }
  const std::string version = ccp::strOr(endpoint, "api_version");
  if (!version.empty() && version != api_version) {
    addFinding(findings, "warn", "webhook_api_version",
               "The endpoint " + url + " sends API version " + version.substr(0, 60) +
                   ", the instance speaks " + api_version + ".");
  }
}

}  // namespace

void addFinding(json& findings, const char* level, const char* code, std::string text) {
  findings.push_back({{"level", level}, {"code", code}, {"text", std::move(text)}});
}

void judgeKey(json& findings, const json& balance, bool livemode) {
  if (ccp::boolOr(balance, "livemode", livemode) == livemode) {
    addFinding(findings, "ok", "api_key",
               std::string("The API key works and is of the ") + (livemode ? "live" : "sandbox") +
                   " mode.");
    return;
  }
  addFinding(findings, "error", "api_key_mode",
             livemode ? "The API key is of a sandbox, and the instance says `livemode: true`."
                      : "The API key is live, and the instance says `livemode: false`.");
}

void judgeEndpoints(json& findings, const json& endpoints, bool livemode,
                    const std::string& api_version) {
  bool any = false;
  const std::size_t before = findings.size();
  for (const auto& endpoint : endpoints) {
    if (!isOurs(ccp::strOr(endpoint, "url"))) continue;
    any = true;
    judgeEndpoint(findings, endpoint, livemode, api_version);
  }
  if (!any) {
    addFinding(findings, "error", "no_webhook_endpoint",
               "Stripe has no webhook endpoint of this server: add one for "
               "<public_url>/webhooks/<instance> with API version " +
                   api_version + ".");
  } else if (findings.size() == before) {
    addFinding(findings, "ok", "webhook_endpoint",
               "Stripe's webhook endpoint is enabled and complete.");
  }
}

void judgeDeliveries(json& findings, const json& failed) {
  if (failed.empty()) return;
  addFinding(findings, "warn", "webhook_deliveries_failed",
             "Stripe could not deliver " + std::to_string(failed.size()) +
                 (failed.size() >= 10 ? " or more" : "") + " events; the latest is " +
                 word(failed.front(), "type") +
                 ". It goes on trying for up to three days; reconcile to know at once.");
}

void judgeCustomer(json& findings, const json& subscriptions, const json& entitlements) {
  std::string text =
      "Stripe lists " + std::to_string(subscriptions.size()) + " subscriptions of the organization";
  for (const auto& subscription : subscriptions)
    text += ", " + word(subscription, "id") + " " + word(subscription, "status");
  for (const auto& entitlement : entitlements)
    text += ", feature " + word(entitlement, "lookup_key");
  addFinding(findings, "ok", "customer_state", text.substr(0, 1000) + ".");
}

}  // namespace stripe
