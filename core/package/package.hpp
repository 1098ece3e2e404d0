// A plugin's package on disk, read once and verified before any of its code runs: safe owner and mode,
// signed manifest, hashes, compatibility with this host. What is loaded later are these very bytes.
#pragma once

#include <memory>
#include <optional>
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
  std::string trust;    ///< "vendor", "key:<kid>", "unsigned"
  std::string signer;   ///< the same for people
  bool inproc = false;  ///< whoever signed it may have it run inside ccpd
  std::string library;  ///< bytes of the .so
  Json config_schema;   ///< null: the plugin takes no configuration
};

/// The folder name of a plugin id: billing_polar for ccp.billing-polar, acme_pager for acme.pager.
std::string folderOf(std::string_view plugin_id);

/// Reads and verifies <plugin_dir>/<folder>. `plugin_refused` names file, finding and remedy.
Result<Package> readPackage(const std::string& plugin_dir, const std::string& plugin_id, const TrustStore& trust, Channel channel, Timestamp now);

/// What readPackage does, step by step, for whoever reports on each: opens the folder and reads manifest
/// and envelope once; later steps work on what was read.
class PackageReader {
 public:
  /// Owner and mode of the folder and of both files. A missing envelope is no refusal yet.
  static Result<PackageReader> open(const std::string& folder);
  const std::string& manifestText() const noexcept { return manifest_; }
  std::optional<std::string_view> envelope() const noexcept { return envelope_ ? std::optional<std::string_view>(*envelope_) : std::nullopt; }
  /// Who signed it, and whether that is enough here.
  Result<Verified> verify(const TrustStore& trust, Channel channel, Timestamp now) const;
  /// Reads every file that the manifest names and compares its hash.
  Result<Package> readFiles(Verified verified) const;

 private:
  explicit PackageReader(std::string folder) : folder_(std::move(folder)) {}
  std::string folder_;
  std::shared_ptr<const int> folder_fd_;  ///< closes itself
  std::string manifest_;
  std::optional<std::string> envelope_;
};

/// ABI, services, interfaces, version of ccpd and validity in time; reads the manifest only.
Status checkCompatible(const Manifest& manifest, Timestamp now);

enum class Isolation { inproc, process };
/// Where a plugin runs: as `configured` ("inproc", "process") says, else in process for first-party
/// plugins and in a process of its own for all others. In process needs the manifest's and the trust
/// store's consent; an unsigned plugin, which only dev mode loads, needs it configured.
Result<Isolation> decideIsolation(const Manifest& manifest, const std::string& trust, bool inproc_granted, std::string_view configured);

}  // namespace ccp::plugin
