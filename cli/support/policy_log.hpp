// What the commands that look back at decisions share: whose log is asked, drafts as files, records as
// text. One thread.
#pragma once

#include <optional>
#include <string>

#include "cli/support/context.hpp"
#include "cli/support/failure.hpp"
#include "policy/pack/documents.hpp"

namespace CLI {
class App;
}

namespace ccp::cli {

/// The organization that is logged in, or the operator.
struct LogOwner {
  bool as_operator = false;
  std::string operator_key;
};
void addLogOwner(CLI::App& app, LogOwner& owner);
/// `path` below /v1/policy or /v1/admin/policy: "decisions?limit=5".
Outcome<Json> logCall(const Context& context, const LogOwner& owner, const std::string& method, const std::string& path,
                      const std::optional<Json>& body = std::nullopt);

/// Whose set of policies that is: "operator", or the organization's id.
Outcome<std::string> setOf(const Context& context, const LogOwner& owner);

/// The folder of a pack, a pack in its envelope, or one .lua file that answers `point`. Nobody's signature
/// is looked at.
Outcome<policy::PackDocument> readDraft(const Context& context, const std::string& path, const std::string& point = {});

/// "30d" before now, as RFC 3339; empty stays empty.
Outcome<std::string> sinceText(const Context& context, const std::string& since);
/// "deny  not in the plan (plan.excludes)"
std::string verdictText(const Context& context, const Json& decision);

}  // namespace ccp::cli
