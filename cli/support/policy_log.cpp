#include "cli/support/policy_log.hpp"

#include <filesystem>

#include "cli/command_tree.hpp"
#include "cli/support/operator.hpp"
#include "cli/support/options.hpp"
#include "cli/support/output.hpp"
#include "cli/support/server.hpp"
#include "core/base/file.hpp"
#include "core/crypto/dsse.hpp"

namespace ccp::cli {
namespace {

constexpr std::size_t kDraftBytes = policy::transferCap(policy::kMaxDocumentBytes);

void live(const Context& context, policy::PackDocument& draft) {
  draft.issued_at = std::chrono::floor<seconds>(context.clock.now());
  draft.expires_at = draft.issued_at + hours(24);
}

}  // namespace

void addLogOwner(CLI::App& app, LogOwner& owner) {
  flag(app, "--operator", owner.as_operator, "Every organization's, with the operator key");
  CommandTree::addOperatorKey(app, owner.operator_key);
}

Outcome<Json> logCall(const Context& context, const LogOwner& owner, const std::string& method, const std::string& path, const std::optional<Json>& body) {
  if (owner.as_operator || !owner.operator_key.empty()) return operatorCall(context, owner.operator_key, method, "/v1/admin/policy/" + path, body);
  CLI_TRY(auto server, Server::connect(context));
  CLI_TRY(auto answer, server.call(method, "/v1/policy/" + path, body));
  return answer;
}

Outcome<std::string> setOf(const Context& context, const LogOwner& owner) {
  if (owner.as_operator || !owner.operator_key.empty()) return std::string(policy::kOperatorSet);
  CLI_TRY(auto server, Server::connect(context));
  CLI_TRY(const auto status, server.call("GET", "/v1/license/status"));
  return status["org"].strOr("id");
}

Outcome<policy::PackDocument> readDraft(const Context& context, const std::string& path, const std::string& point) {
  std::error_code ignored;
  if (std::filesystem::is_directory(path, ignored)) {
    CLI_TRY(auto pack, policy::readPackFolder(path));
    // A pack has a life once it is signed; a draft may be without one.
    if (pack.expires_at <= pack.issued_at) live(context, pack);
    return pack;
  }
  CLI_TRY(const auto text, readFile(path, kDraftBytes));
  const auto first = text.find_first_not_of(" \t\r\n");
  // No Lua program begins with a brace, every envelope does.
  if (first != std::string::npos && text[first] == '{') {
    CLI_TRY(const auto envelope, crypto::parseDsse(text, kDraftBytes));
    if (envelope.payload_type != policy::kPayloadPack) return failed(Errc::policy_wrong_type, "The file holds \"" + printable(envelope.payload_type) + "\", not a pack.");
    CLI_TRY(auto pack, policy::parsePack(envelope.payload));
    return pack;
  }
  const auto known = policy::pointFromName(point);
  if (!known) return failed(Errc::usage_error, "A file of its own does not say which question it answers.", "Name a decision point with --point, such as feature.gate.");
  policy::PackDocument out;
  out.name = "draft";
  out.version = 1;
  out.channels = {policy::Channel::dev};
  out.entry[*known] = "policy.lua";
  out.files.emplace_back("policy.lua", text);
  live(context, out);
  return out;
}

Outcome<std::string> sinceText(const Context& context, const std::string& since) {
  if (since.empty()) return std::string();
  if (const auto at = parseRfc3339(since)) return formatRfc3339(*at);
  const auto age = parseDuration(since);
  if (!age) return failed(Errc::usage_error, "--since must be an age such as 30d, or an RFC 3339 time.");
  return formatRfc3339(context.clock.now() - *age);
}

std::string verdictText(const Context& context, const Json& decision) {
  const bool allow = decision.boolOr("allow");
  const std::string outcome = printable(decision.strOr("outcome", allow ? "allow" : "deny"));
  std::string out = allow ? context.good(outcome) : context.bad(outcome);
  if (const auto lane = decision.strOr("lane"); !lane.empty()) out += " → " + printable(lane);
  if (const auto rule = decision.strOr("rule"); !rule.empty()) out += " by rule " + printable(rule);
  if (const auto reason = decision.strOr("reason"); !reason.empty()) out += ": " + printable(reason);
  return out;
}

}  // namespace ccp::cli
