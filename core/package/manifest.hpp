// The signed manifest of a plugin (plugin.json): what it is, what it needs, what it may do. Everything
// that the host decides about a plugin before any of its code runs stands here.
// Strict: unknown members are refused, so that a permission of a newer format is never overlooked.
// Values; thread-safe.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/error.hpp"
#include "core/base/json.hpp"
#include "core/base/time.hpp"

namespace ccp::plugin {

struct Permissions {
  std::vector<std::string> egress;   ///< origins: https://api.polar.sh
  std::vector<std::string> secrets;  ///< secret ids or prefixes: polar/*
  std::vector<std::string> events;   ///< event types that it may append
  std::int64_t kv_bytes = 0;
};

struct Manifest {
  std::string id;       ///< ccp.billing-polar
  std::string version;  ///< 1.4.0
  int abi_major = 0;
  int abi_min_minor = 0;
  std::vector<std::string> provides;  ///< ccp.billing/1
  std::vector<std::string> required_services;
  std::vector<std::string> optional_services;
  Permissions permissions;
  bool allows_inproc = false;
  bool allows_process = false;
  int max_concurrency = 1;
  Duration op_timeout = seconds(10);
  std::size_t output_bytes = std::size_t{1} << 20;
  std::uint64_t rss_bytes = std::uint64_t{256} << 20;  ///< resident memory of a process of its own
  std::map<std::string, std::string> files;  ///< path in the package -> SHA-256 in lower-case hex
  std::string library;                       ///< the one file that ends in .so
  std::string config_schema;                 ///< path of a file of the package; empty: takes no config
  std::string min_host;                      ///< version of ccpd that it needs at least; may be empty
  std::optional<Timestamp> not_before_at, expires_at;

  bool provides_interface(std::string_view interface_id) const;
  bool mayReadSecret(std::string_view secret_id) const;
};

/// `plugin_refused` names the member and the rule that it breaks.
Result<Manifest> parseManifest(std::string_view text);

/// What the manifest says, as operators see it.
Json manifestFacts(const Manifest& manifest);

/// True when `pattern` is `text`, or ends in `*` and what stands before begins `text`.
bool matchesPattern(std::string_view pattern, std::string_view text) noexcept;

/// "https://Host:443/path" -> "https://host"; nothing for what is no plain http(s) URL (user info, control
/// characters, backslashes, empty host). The one reading of a URL that permissions are decided on.
std::optional<std::string> originOf(std::string_view url);

/// a < b for dotted numbers; a missing part is 0.
bool versionLess(std::string_view a, std::string_view b) noexcept;

}  // namespace ccp::plugin
