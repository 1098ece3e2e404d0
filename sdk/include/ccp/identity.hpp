// ccp.identity/1 for C++ plugins. Shapes: sdk/schemas/ccp.identity/. Kind device implements begin and poll,
// kind redirect begin and complete.
#pragma once

#include "ccp/abi/identity.h"
#include "ccp/plugin.hpp"

namespace ccp {
inline namespace sdk_v1 {
namespace detail {
CCP_SDK_OP("ccp.identity/1", begin)
CCP_SDK_OP("ccp.identity/1", poll)
CCP_SDK_OP("ccp.identity/1", complete)
CCP_SDK_OP("ccp.identity/1", refresh)
CCP_SDK_OP("ccp.identity/1", revoke)
CCP_SDK_OP("ccp.identity/1", describe)
}  // namespace detail

/// ccp.identity/1; name it in `using Provides = ccp::Provides<ccp::Identity>`.
struct Identity {
  static constexpr const char* kId = CCP_IDENTITY_ID;
  template <class P>
  static const void* table() noexcept {
    static constexpr ccp_identity_v1 t = {
        sizeof(ccp_identity_v1), 0,
        detail::slot_begin<P, true>(),
        detail::slot_poll<P, false>(),
        detail::slot_complete<P, false>(),
        detail::slot_refresh<P, false>(),
        detail::slot_revoke<P, false>(),
        detail::slot_describe<P, true>(),
    };
    return &t;
  }
};

}  // namespace sdk_v1
}  // namespace ccp
