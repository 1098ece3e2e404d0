// What an operator or a reload may ask of the line-up of plugin instances, and what came of it. Values.
#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/error.hpp"
#include "core/base/json.hpp"
#include "core/config/settings.hpp"
#include "core/db/db.hpp"

namespace ccp::plugin {

/// One change that was asked for, then what it did.
struct Change {
  enum class Kind { load, swap, drain, remove };
  enum class Occasion { start, reload, request };
  Kind kind = Kind::swap;
  config::PluginInstance wanted;  ///< of drain and remove: the name; of a swap with no `plugin`: as it is
  std::string reason;             ///< of whoever asked, for the audit log
  Occasion occasion = Occasion::request;
  bool must_be_healthy = true;    ///< at start nothing serves that could go on: then a failing instance is better than none
  Json before, after;             ///< {"plugin","version","trust","isolation"}; null: nothing served
  bool drained = true;            ///< false: calls still occupy the old instance; it ends when they return
  Json json() const;
};
const char* toString(Change::Kind kind) noexcept;
const char* toString(Change::Occasion occasion) noexcept;

/// May this change be made? Asked outside of any transaction, when the package of `after` has been verified
/// and before its code runs; `provides` are the interfaces of what would serve. An error refuses the change
/// and everything that was asked for together with it.
using ChangeGuard = std::function<Status(const Change& change, const std::vector<std::string>& provides, const std::string& actor)>;

/// Who provides what once the changes are published.
struct Lineup {
  struct Member {
    std::string instance;
    std::vector<std::string> provides;
  };
  std::vector<Member> members;
  bool has(std::string_view instance, std::string_view interface_id) const;
  bool bills(std::string_view instance) const;  ///< provides ccp.billing
};

struct ChangeHooks {
  /// May refuse the line-up; all candidates are ready, nothing is published.
  std::function<Status(const Lineup&)> check;
  /// Runs in the transaction that records the changes.
  std::function<Status(db::Tx&)> record;
  /// Runs after publishing, before anything old is drained.
  std::function<void()> published;
};

}  // namespace ccp::plugin
