// The plugin under test as files: library, manifest, configuration schema, fixtures. Nothing of it has run.
// Immutable after readSubject.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "core/base/error.hpp"
#include "core/base/json.hpp"
#include "core/package/manifest.hpp"
#include "core/package/package.hpp"

namespace ccp::kit {

struct Subject {
  std::string folder;        ///< where plugin.json is expected
  std::string library_path;  ///< the file under test
  std::string library;       ///< its bytes
  std::string manifest_text; ///< empty: there is no plugin.json
  std::optional<plugin::Manifest> manifest;
  std::string manifest_problem;  ///< why `manifest` is empty
  Json config_schema;            ///< null: the plugin takes no configuration, or the file is no JSON
  std::string config_schema_problem;
  std::string fixtures;          ///< folder, or empty
  /// Test values of secrets: conformance/secrets.json.
  std::map<std::string, std::string> secrets;

  std::string name() const { return manifest ? manifest->id : library_path; }
  plugin::Package package() const;
  bool provides(std::string_view interface_id) const { return manifest && manifest->provides_interface(interface_id); }
};

/// `path` is a library, with its manifest beside it, or the folder of a package. `not_found` when there is
/// no library to look at; everything else is for the tests to say.
Result<Subject> readSubject(const std::string& path, const std::string& fixtures);

Result<std::string> readWholeFile(const std::string& path, std::size_t max);

}  // namespace ccp::kit
