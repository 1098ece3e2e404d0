// `ccpd --trust-plugins` and `--allow-rollback`: what the admin API does to the trust store, for a server
// that is not running, because the plugin that it is configured with may not load yet. One thread.
#pragma once

#include <ostream>
#include <string>
#include <vector>

#include "core/config/settings.hpp"

namespace ccp::app {

struct PluginTrustChanges {
  std::vector<std::string> key_files;  ///< bodies of POST /v1/admin/plugins/trust
  std::vector<std::string> rollbacks;  ///< acme.pager=1.1.0
  bool empty() const noexcept { return key_files.empty() && rollbacks.empty(); }
};

/// Opens state directory and store as a start would (and so not beside a running ccpd), applies the
/// changes with their audit rows, and says each on `out`. Stops at the first that fails.
Status changePluginTrust(config::Settings settings, const PluginTrustChanges& changes, std::ostream& out);

}  // namespace ccp::app
