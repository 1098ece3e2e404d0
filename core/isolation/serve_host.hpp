// The parent's half of a host call: turns a decoded request into a call of the host's C table and its
// outputs into a result. The table is the one that a plugin in process would get.
// Threads: called on the thread of the caller whose call it belongs to; log and metrics on any.
#pragma once

#include <string>

#include "ccp/abi/plugin.h"
#include "core/isolation/wire.hpp"

namespace ccp::isolation {

/// Services that `host` offers, with the sizes of their tables, in the order of a Hello.
std::vector<std::pair<std::string, std::uint32_t>> servicesOf(const ccp_host* host);

/// The body of the host_result. UNIMPLEMENTED for a service or a function that the host does not have;
/// RESOURCE_EXHAUSTED for outputs beyond kHostOutBytes. `call` is the ccp_call that the child's call is.
std::string serveHost(const ccp_host* host, const ccp_call* call, const HostCall& request) noexcept;

}  // namespace ccp::isolation
