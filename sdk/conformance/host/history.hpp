// How long the host's tables were in every release of ABI 1, so that a plugin can be shown the host of any
// of them. tests/conformance holds the numbers against tests/abi/golden. Static data.
#pragma once

#include <cstddef>
#include <string_view>
#include <utility>
#include <vector>

namespace ccp::kit {

struct HostRelease {
  std::string_view version;  ///< "1.0"
  int minor = 0;
  std::size_t host_bytes = 0;  ///< sizeof(ccp_host)
  std::vector<std::pair<std::string_view, std::size_t>> services;  ///< id and sizeof its table

  std::size_t bytesOf(std::string_view service_id) const noexcept;  ///< 0: it did not exist
};

/// Oldest first; the last one is today's.
const std::vector<HostRelease>& hostReleases();

}  // namespace ccp::kit
