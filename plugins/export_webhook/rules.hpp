// Standard Webhooks, the sending side, pure: what the body says, what is signed, what an answer means.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "ccp/json.hpp"

namespace webhook_export {

/// {"id","type","timestamp","org","subject","data"} of a record.
std::string bodyOf(const ccp::json& record);
/// The bytes under every signature: `id.timestamp.body`.
std::string signedContent(std::string_view id, std::int64_t timestamp_s, std::string_view body);
/// The header webhook-signature: "v1,<base64>" per MAC and "v1a,<base64>" per Ed25519 signature.
std::string signatureHeader(const std::vector<std::string>& macs, const std::vector<std::string>& signatures);

/// Whether a type is among `patterns` ("license.changed", "license.*"); none = every type is.
bool wants(const std::vector<std::string>& patterns, std::string_view type);

enum class Answer {
  taken,   ///< 2xx
  gone,    ///< 410: the receiver wants nothing ever again
  refused  ///< everything else, 3xx included: redirects are never followed
};
Answer answerOf(int status) noexcept;

/// The header Retry-After as milliseconds from now, at most a day; nothing when it is absent, past or
/// neither seconds nor an HTTP date (RFC 9110, 10.2.3).
std::optional<std::int64_t> retryAfterMs(std::string_view header, std::int64_t now_s);

}  // namespace webhook_export
