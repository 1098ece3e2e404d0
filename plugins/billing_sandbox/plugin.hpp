// ccp.billing-sandbox: the operations of ccp.billing/1 over ccp-sandbox-provider. An ordinary
// billing plugin in every respect but one: it refuses to be configured outside dev mode. Operations
// run on many threads at once and keep nothing between calls.
#pragma once

#include <string>

#include "ccp/billing.hpp"

namespace sandbox_billing {

class Plugin {
 public:
  using Provides = ccp::Provides<ccp::Billing>;

  explicit Plugin(ccp::Host& host) : dev_mode_(host.devMode()) {}
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
  struct Answer {
    int status = 0;
    ccp::json body;
  };
  /// 2xx, 404 and 422 come back; everything else throws what it means for the caller.
  Answer attempt(ccp::Call& call, const std::string& method, const std::string& path,
                 const ccp::json& body) const;
  ccp::json send(ccp::Call& call, const std::string& method, const std::string& path,
                 const ccp::json& body = nullptr) const;

  bool dev_mode_;
  std::string base_url_;
  std::string api_key_;
  std::string webhook_secret_;
};

}  // namespace sandbox_billing
