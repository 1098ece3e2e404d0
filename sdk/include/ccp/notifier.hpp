// ccp.notifier/1 for C++ plugins.
#pragma once

#include "ccp/abi/notifier.h"
#include "ccp/plugin.hpp"

namespace ccp {
inline namespace sdk_v1 {
namespace detail {
CCP_SDK_OP("ccp.notifier/1", render)
CCP_SDK_OP("ccp.notifier/1", send)
CCP_SDK_OP("ccp.notifier/1", testConnection)
}  // namespace detail

/// ccp.notifier/1; name it in `using Provides = ccp::Provides<ccp::Notifier>`.
struct Notifier {
  static constexpr const char* kId = CCP_NOTIFIER_ID;
  template <class P>
  static const void* table() noexcept {
    static constexpr ccp_notifier_v1 t = {
        sizeof(ccp_notifier_v1), 0,
        detail::slot_render<P, true>(),
        detail::slot_send<P, true>(),
        detail::slot_testConnection<P, false>(),
    };
    return &t;
  }
};

}  // namespace sdk_v1
}  // namespace ccp
