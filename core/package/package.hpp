// A plugin's package on disk, read once and verified before any of its code runs: safe owner and mode,
// signed manifest, hashes, compatibility with this host. What is loaded later are these very bytes.
#pragma once

#include <string>
#include <string_view>

#include "core/base/error.hpp"
#include "core/base/json.hpp"
#include "core/base/time.hpp"
#include "core/package/manifest.hpp"
#include "core/package/trust/verify.hpp"

namespace ccp::plugin {

struct Package {
  std::string folder;
  Manifest manifest;
  std::string library;  ///< bytes of the .so
  Json config_schema;   ///< null: the plugin takes no configuration
};

/// The folder name of a plugin id: billing_polar for ccp.billing-polar.
std::string folderOf(std::string_view plugin_id);

/// Reads and verifies <plugin_dir>/<folder>. `plugin_refused` names file, finding and remedy.
Result<Package> readPackage(const std::string& plugin_dir, const std::string& plugin_id, const TrustStore& trust, Timestamp now);

/// ABI, services, interfaces, isolation, version of ccpd and validity in time; reads the manifest only.
Status checkCompatible(const Manifest& manifest, Timestamp now);

}  // namespace ccp::plugin
