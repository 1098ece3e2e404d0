// Stripe's webhooks, pure: who signed, for which mode, and what it says. Stripe-Signature is
// `t=<unix>,v1=<hex>[,v1=<hex>…]`; signed is `<t>.<body>`. The key is the UTF-8 of the whole secret
// as displayed, `whsec_` included; the base64 form of Standard Webhooks is no key here.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "ccp/json.hpp"

namespace stripe {

using HeaderList = std::vector<std::pair<std::string, std::string>>;

inline constexpr std::int64_t kToleranceSeconds = 300;

/// HMAC-SHA256 of a message under the endpoint's secret: 32 bytes. Throws when the secret is empty,
/// as the host does: anybody could have signed with it.
using Mac = std::function<std::string(std::string_view message)>;

/// What the webhook tells of itself, {"event_id","type"}, when it is genuine. UNAUTHENTICATED:
/// signature_invalid, signature_stale (genuine, and more than 300 seconds off), livemode_mismatch
/// (genuine, and of the other mode).
ccp::json verifyWebhook(const HeaderList& headers, std::string_view body, std::int64_t now_s,
                        bool livemode, const Mac& mac);

/// {"events":[…]} of a verified body; INVALID_ARGUMENT when it is no event.
ccp::json parseWebhook(std::string_view body);

}  // namespace stripe
