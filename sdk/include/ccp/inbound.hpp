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

}  // namespace sdk_v1
}  // namespace ccp
