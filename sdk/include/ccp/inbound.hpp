// ccp.inbound/1 for C++ plugins.
#pragma once

#include "ccp/abi/inbound.h"
#include "ccp/plugin.hpp"

namespace ccp {
inline namespace sdk_v1 {
namespace detail {
CCP_SDK_OP("ccp.inbound/1", verify)
CCP_SDK_OP("ccp.inbound/1", parse)
CCP_SDK_OP("ccp.inbound/1", respond)
}  // namespace detail

/// ccp.inbound/1; name it in `using Provides = ccp::Provides<ccp::Inbound>`.
struct Inbound {
  static constexpr const char* kId = CCP_INBOUND_ID;
  template <class P>
  static const void* table() noexcept {
    static constexpr ccp_inbound_v1 t = {
        sizeof(ccp_inbound_v1), 0,
        detail::slot_verify<P, true>(),
        detail::slot_parse<P, true>(),
        detail::slot_respond<P, false>(),
    };
    return &t;
  }
};

/// What verify and parse get.
struct InboundRequest {
  Headers headers;
  std::string body;  ///< raw bytes, as they were signed
  std::int64_t received_at_us = 0;
  std::string header(std::string_view name) const { return headerOf(headers, name); }
  static InboundRequest from(const json& in) {
    InboundRequest out;
    if (const json* headers = member(in, "headers")) {
      for (const auto& pair : *headers) out.headers.emplace_back(pair.at(0).get<std::string>(), pair.at(1).get<std::string>());
    }
    auto body = base64UrlDecode(str(in, "body_base64url"));
    if (!body) throw Error::invalidArgument("\"body_base64url\" must be base64url");
    out.body = std::move(*body);
    const auto at = parseRfc3339(str(in, "received_at"));
    if (!at) throw Error::invalidArgument("\"received_at\" must be an RFC 3339 time");
    out.received_at_us = *at;
    return out;
  }
};

}  // namespace sdk_v1
}  // namespace ccp
