// What commands on policies are given: a folder, a signed pack, a .lua file of its own, or the word "shipped".
// One thread.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "cli/support/context.hpp"
#include "cli/support/failure.hpp"
#include "policy/pack/documents.hpp"

namespace CLI {
class App;
class Option;
}  // namespace CLI

namespace ccp::cli {

struct PolicySource {
  policy::PackDocument pack;
  std::string name;   ///< as it was given
  bool bare = false;  ///< a file of its own: without a manifest, tests and, unless one was named, a point
};

/// `point`: where a file of its own is entered, and what is kept of a pack; nothing: all.
Outcome<PolicySource> readPolicySource(const std::string& path, const std::optional<policy::Point>& point = {});
/// Nothing for an empty name; `usage_error` names the points that there are.
Outcome<std::optional<policy::Point>> readPoint(const std::string& name);
/// "feature.gate, …"
std::string allPointNames();

}  // namespace ccp::cli
