// Signs a package: fills in the hashes of its files, and writes the envelope beside the manifest.
// Threads: any, one per folder.
#pragma once

#include <string>
#include <vector>

#include "core/base/error.hpp"
#include "core/crypto/ed25519.hpp"
#include "core/package/manifest.hpp"

namespace ccp::plugin {

struct SignedPackage {
  Manifest manifest;
  std::vector<std::string> kids;  ///< who has signed now
  bool manifest_changed = false;  ///< plugin.json got other hashes
};

/// Signs `folder`. The files are those that `files` of plugin.json names, and the one .so; without
/// `files`, every file of the folder. `add` keeps the signatures that are there, which needs an unchanged
/// manifest. `plugin_refused` (a manifest that the loader would refuse, signatures of another manifest)
/// and `io_error` say what to do.
Result<SignedPackage> signPackage(const std::string& folder, const crypto::SigningKey& key, bool add);

}  // namespace ccp::plugin
