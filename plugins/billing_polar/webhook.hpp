// Polar's webhooks, pure: who signed, and what it says. Standard Webhooks with a quirk in the key:
// Polar's servers use the UTF-8 bytes of the whole secret as displayed, `whsec_` or `polar_whs_`
// included; the official SDK takes the standard form (base64 after `whsec_`) as well, and so do we.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

#include "ccp/json.hpp"
#include "ccp/standard_webhooks.hpp"

namespace polar {

/// MACs of one message under the two keys that a secret stands for; an empty one where the secret
/// has no such form.
struct Macs {
  std::function<std::string(std::string_view message)> raw;
  std::function<std::string(std::string_view message)> standard;
};

/// What the webhook tells of itself, {"event_id","type"}, when it is genuine; throws signature_invalid or signature_stale.
ccp::json verifyWebhook(const ccp::webhooks::HeaderList& headers, std::string_view body,
                   std::int64_t now_s, const Macs& macs);

/// {"events":[…]} of a verified body; INVALID_ARGUMENT when it is no event.
ccp::json parseWebhook(const ccp::webhooks::HeaderList& headers, std::string_view body,
                       bool livemode);

}  // namespace polar
