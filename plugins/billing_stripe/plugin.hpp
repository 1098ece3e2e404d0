// ccp.billing-stripe: the operations of ccp.billing/1 over Stripe's API. One instance per
// configured use; operations run on many threads at once and keep nothing between calls.
#pragma once

#include <optional>
#include <string>

#include "ccp/billing.hpp"
#include "client.hpp"

namespace stripe {

class Plugin {
 public:
  using Provides = ccp::Provides<ccp::Billing>;

  void configure(ccp::Call& call, const ccp::json& config);

  ccp::json ensureCustomer(ccp::Call& call, const ccp::json& in);
  ccp::json createCheckout(ccp::Call& call, const ccp::json& in);
  ccp::json getCheckout(ccp::Call& call, const ccp::json& in);
  ccp::json createPortalLink(ccp::Call& call, const ccp::json& in);
  ccp::json getSubscription(ccp::Call& call, const ccp::json& in);
  ccp::json listSubscriptions(ccp::Call& call, const ccp::json& in);
  ccp::json changeSubscription(ccp::Call& call, const ccp::json& in);
  ccp::json reportUsage(ccp::Call& call, const ccp::json& in);
  ccp::json listPrices(ccp::Call& call, const ccp::json& in);
  ccp::json fetchEvent(ccp::Call& call, const ccp::json& in);
  ccp::json diagnose(ccp::Call& call, const ccp::json& in);
  ccp::json verifyWebhook(ccp::Call& call, const ccp::json& in);
  ccp::json parseWebhook(ccp::Call& call, const ccp::json& in);
  ccp::json listEvents(ccp::Call& call, const ccp::json& in);

 private:
  const Client& client() const;
  /// The customer of an organization that Stripe knows; empty when there is none (yet).
  std::string findCustomer(ccp::Call& call, const std::string& org_id, const std::string& email);
  ccp::json fetchedOne(ccp::Call& call, const std::string& id, const std::string& event_id);
  ccp::json fetchedAll(ccp::Call& call, const std::string& customer_id);
  ccp::json moneyBack(ccp::Call& call, const ccp::json& fetch);
  ccp::json thinEvents(ccp::Call& call, const ccp::json& fetch);

  std::optional<Client> client_;
  Options options_;
  std::string webhook_secret_, thin_webhook_secret_, api_version_;
  bool livemode_ = true;
};

}  // namespace stripe
