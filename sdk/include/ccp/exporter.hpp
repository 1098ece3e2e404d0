// ccp.exporter/1 for C++ plugins.
#pragma once

#include "ccp/abi/exporter.h"
#include "ccp/plugin.hpp"

namespace ccp {
inline namespace sdk_v1 {
namespace detail {
CCP_SDK_OP("ccp.exporter/1", open)
CCP_SDK_OP("ccp.exporter/1", writeBatch)
CCP_SDK_OP("ccp.exporter/1", flush)
CCP_SDK_OP("ccp.exporter/1", close)
}  // namespace detail

/// ccp.exporter/1; name it in `using Provides = ccp::Provides<ccp::Exporter>`.
struct Exporter {
  static constexpr const char* kId = CCP_EXPORTER_ID;
  template <class P>
  static const void* table() noexcept {
    static constexpr ccp_exporter_v1 t = {
        sizeof(ccp_exporter_v1), 0,
        detail::slot_open<P, true>(),
        detail::slot_writeBatch<P, true>(),
        detail::slot_flush<P, true>(),
        detail::slot_close<P, true>(),
    };
    return &t;
  }
};

}  // namespace sdk_v1
}  // namespace ccp
