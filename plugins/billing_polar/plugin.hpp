// ccp.billing-polar: the operations of ccp.billing/1 over Polar's API. One instance per configured
// use; operations run on many threads at once and keep nothing between calls.
#pragma once

#include <optional>
#include <string>

#include "ccp/billing.hpp"
#include "client.hpp"

namespace polar {

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
  ccp::json missedEvents(ccp::Call& call, std::int64_t since, std::int64_t page);
  ccp::json moneyBackEvents(ccp::Call& call, bool refunds, std::int64_t since, std::int64_t page);
  ccp::json moneyBack(ccp::Call& call, const ccp::json& fetch);
  const Client& client() const;

  std::optional<Client> client_;
  std::string webhook_secret_;
  bool livemode_ = false;
};

}  // namespace polar
