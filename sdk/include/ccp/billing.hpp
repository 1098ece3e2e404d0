// ccp.billing/1 for C++ plugins. Each operation is `json name(Call&, const json& in)`; the JSON shapes
// are sdk/schemas/ccp.billing/. Required operations are those without which nothing can be sold.
#pragma once

#include "ccp/abi/billing.h"
#include "ccp/plugin.hpp"

namespace ccp {
inline namespace sdk_v1 {
namespace detail {
CCP_SDK_OP("ccp.billing/1", ensureCustomer)
CCP_SDK_OP("ccp.billing/1", createCheckout)
CCP_SDK_OP("ccp.billing/1", getCheckout)
CCP_SDK_OP("ccp.billing/1", createPortalLink)
CCP_SDK_OP("ccp.billing/1", getSubscription)
CCP_SDK_OP("ccp.billing/1", listSubscriptions)
CCP_SDK_OP("ccp.billing/1", changeSubscription)
CCP_SDK_OP("ccp.billing/1", reportUsage)
CCP_SDK_OP("ccp.billing/1", listPrices)
CCP_SDK_OP("ccp.billing/1", fetchEvent)
CCP_SDK_OP("ccp.billing/1", diagnose)
CCP_SDK_OP("ccp.billing/1", verifyWebhook)
CCP_SDK_OP("ccp.billing/1", parseWebhook)
CCP_SDK_OP("ccp.billing/1", listEvents)
}  // namespace detail

/// ccp.billing/1; name it in `using Provides = ccp::Provides<ccp::Billing>`.
struct Billing {
  static constexpr const char* kId = CCP_BILLING_ID;
  template <class P>
  static const void* table() noexcept {
    static constexpr ccp_billing_v1 t = {
        sizeof(ccp_billing_v1), 0,
        detail::slot_ensureCustomer<P, true>(),
        detail::slot_createCheckout<P, true>(),
        detail::slot_getCheckout<P, true>(),
        detail::slot_createPortalLink<P, false>(),
        detail::slot_getSubscription<P, true>(),
        detail::slot_listSubscriptions<P, true>(),
        detail::slot_changeSubscription<P, false>(),
        detail::slot_reportUsage<P, false>(),
        detail::slot_listPrices<P, false>(),
        detail::slot_fetchEvent<P, false>(),
        detail::slot_diagnose<P, false>(),
        detail::slot_verifyWebhook<P, true>(),
        detail::slot_parseWebhook<P, true>(),
        detail::slot_listEvents<P, false>(),
    };
    return &t;
  }
};

/// What verifyWebhook and parseWebhook get: {"headers":[["name","value"],…],"body":"<base64url>"}.
struct WebhookRequest {
  Headers headers;
  std::string body;  ///< raw bytes, as they were signed
  std::string header(std::string_view name) const { return headerOf(headers, name); }
  static WebhookRequest from(const json& in) {
    WebhookRequest out;
    if (const json* headers = member(in, "headers")) {
      for (const auto& pair : *headers) out.headers.emplace_back(pair.at(0).get<std::string>(), pair.at(1).get<std::string>());
    }
    const json* text = member(in, "body");
    auto body = text && text->is_string() ? base64UrlDecode(text->get_ref<const std::string&>())
                                          : std::nullopt;
    if (!body) throw Error::invalidArgument("\"body\" must be base64url");
    out.body = std::move(*body);
    return out;
  }
  json toJson() const {
    json list = json::array();
    for (const auto& [name, value] : headers) list.push_back(json::array({name, value}));
    return {{"headers", std::move(list)}, {"body", base64UrlEncode(body)}};
  }
};

}  // namespace sdk_v1
}  // namespace ccp
