#include "core/app/plugin_guard.hpp"

#include "core/base/log.hpp"

namespace ccp::app {
namespace {

using plugin::Change;

/// "key:<kid>" is how the plugin host says it; policies see two fields.
void setTrust(Json& into, const std::string& trust, bool with_key) {
  const auto colon = trust.find(':');
  if (trust.empty()) return;
  into.set("trust", trust.substr(0, colon));
  if (with_key && colon != std::string::npos) into.set("key", trust.substr(colon + 1));
}

Json subjectOf(const std::string& actor) {
  const auto kind = actor == "operator" ? "operator" : actor.starts_with("user:") ? "user" : actor.starts_with("key:") ? "api_key" : "system";
  return Json::object({{"kind", kind}});
}

/// As policy/schema/points/plugin.change.in.json says.
Json inputOf(const Change& change, const std::vector<std::string>& provides, const std::string& actor, config::Mode mode) {
  Json out = Json::object({{"subject", subjectOf(actor)},
                           {"action", plugin::toString(change.kind)},
                           {"mode", mode == config::Mode::dev ? "dev" : "prod"},
                           {"instance", change.wanted.name},
                           {"occasion", plugin::toString(change.occasion)},
                           {"actor", actor.substr(0, 256)},
                           {"reason", change.reason.substr(0, 1024)}});
  if (change.after.isObject()) {
    out.set("plugin", change.after.strOr("plugin"));
    out.set("version", change.after.strOr("version"));
    out.set("isolation", change.after.strOr("isolation"));
    setTrust(out, change.after.strOr("trust"), true);
    Json interfaces = Json::array();
    for (const auto& id : provides) interfaces.push(id);
    out.set("provides", std::move(interfaces));
  }
  if (change.before.isObject()) {
    Json from = Json::object({{"plugin", change.before.strOr("plugin")}, {"version", change.before.strOr("version")}, {"isolation", change.before.strOr("isolation")}});
    setTrust(from, change.before.strOr("trust"), false);
    out.set("from", std::move(from));
  }
  return out;
}

/// What the policy asks for beside its yes: code in a process of its own.
bool wrongPlace(const policy::Decision& decision, const Change& change) {
  return decision.result.strOr("isolation") == "process" && change.after.isObject() && change.after.strOr("isolation") != "process";
}

}  // namespace

plugin::ChangeGuard makePluginGuard(policy::Decider& policies, config::Mode mode) {
  return [&policies, mode](const Change& change, const std::vector<std::string>& provides, const std::string& actor) -> Status {
    policy::Question question;
    question.point = policy::Point::plugin_change;
    question.input = inputOf(change, provides, actor, mode);
    const auto decision = policies.decide(question);
    const bool misplaced = decision.allow && wrongPlace(decision, change);
    if (decision.allow && !misplaced) return {};
    std::string why = misplaced ? "the policy wants it in a process of its own (isolation: process)" : decision.reason.empty() ? "no reason is given" : decision.reason;
    if (!why.ends_with('.')) why += '.';
    why += " Rule \"" + decision.rule + "\"; `ccp policy explain " + decision.id + "` shows more.";
    if (change.occasion == Change::Occasion::start) {
      log::warn("policy.plugin_denied_at_start", {{"instance", change.wanted.name}, {"decision", decision.id}, {"detail", why}});
      return {};
    }
    return fail(Errc::policy_denied, "The policies do not allow to " + std::string(plugin::toString(change.kind)) + " \"" + change.wanted.name + "\": " + why);
  };
}

}  // namespace ccp::app
