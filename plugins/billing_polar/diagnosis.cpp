#include "diagnosis.hpp"

#include <array>
#include <string_view>

#include "mapping.hpp"

namespace polar {

using ccp::json;

namespace {

/// Without these the license state cannot follow.
constexpr std::array<std::string_view, 6> kNeeded = {
    "subscription.created",  "subscription.updated", "subscription.revoked",
    "subscription.past_due", "order.paid",           "order.refunded"};

std::string missingEvents(const json& endpoint) {
  const json* events = ccp::member(endpoint, "events");
  std::string missing;
  for (const auto needed : kNeeded) {
    bool found = false;
    if (events != nullptr && events->is_array()) {
      for (const auto& event : *events)
        found = found || (event.is_string() && event.get_ref<const std::string&>() == needed);
    }
    if (!found) missing += (missing.empty() ? "" : ", ") + std::string(needed);
  }
  return missing;
}

}  // namespace

void addFinding(json& findings, const char* level, const char* code, std::string text) {
  findings.push_back({{"level", level}, {"code", code}, {"text", std::move(text)}});
}

void judgeEndpoints(json& findings, const json& endpoints) {
  if (endpoints.empty()) {
    addFinding(findings, "error", "no_webhook_endpoint",
               "Polar has no webhook endpoint: add one for <public_url>/webhooks/<instance> with "
               "format raw.");
    return;
  }
  for (const auto& endpoint : endpoints) {
    const std::string url = ccp::strOr(endpoint, "url").substr(0, 300);
    if (!ccp::boolOr(endpoint, "enabled", true)) {
      addFinding(findings, "error", "webhook_endpoint_disabled",
                 "Polar has disabled the endpoint " + url +
                     " after ten failures in a row. Enable it in Polar's settings, then reconcile: "
                     "what happened meanwhile is skipped, not sent again.");
    }
    if (ccp::strOr(endpoint, "format", "raw") != "raw") {
      addFinding(findings, "error", "webhook_format",
                 "The endpoint " + url + " must have the format raw.");
    }
    if (const std::string missing = missingEvents(endpoint); !missing.empty()) {
      addFinding(findings, "warn", "webhook_events_missing",
                 "The endpoint " + url + " does not get: " + missing + ".");
    }
  }
  if (findings.empty())
    addFinding(findings, "ok", "webhook_endpoint", "Polar's webhook endpoint is enabled.");
}

void judgeDeliveries(json& findings, const json& failed) {
  if (failed.empty()) return;
  const json& last = failed.front();
  const auto code = ccp::optInt(last, "http_code");
  std::size_t skipped = 0;
  for (const auto& delivery : failed) {
    const json* event = ccp::member(delivery, "webhook_event");
    if (event != nullptr && ccp::boolOr(*event, "skipped")) ++skipped;
  }
  if (skipped > 0) {
    addFinding(findings, "error", "webhook_events_skipped",
               "Polar skipped " + std::to_string(skipped) +
                   " events because the endpoint was disabled, and will not send them. Reconcile.");
  }
  addFinding(findings, "warn", "webhook_deliveries_failed",
             "Polar reports failed deliveries; the latest was answered with " +
                 (code ? std::to_string(*code) : std::string("nothing")) + ".");
}

void judgeState(json& findings, const json& state) {
  const json* active = ccp::member(state, "active_subscriptions");
  const std::size_t count = active != nullptr && active->is_array() ? active->size() : 0;
  std::string text = "Polar lists " + std::to_string(count) + " active or trialing subscriptions";
  for (const auto& feature : grantedFeatures(state))
    text += ", feature " + feature.get<std::string>();
  // A subscription past due is not in the list.
  addFinding(findings, "ok", "customer_state", text + ".");
}

}  // namespace polar
