#include "core/licensing/gate.hpp"

#include <algorithm>

namespace ccp::licensing {
namespace {

constexpr std::size_t kMaxReason = 64;  // of policy/schema/points/feature.gate.in.json

const char* toString(GateAction action) noexcept {
  switch (action) {
    case GateAction::issue: return "issue";
    case GateAction::refresh: return "refresh";
    case GateAction::status:
    case GateAction::introspect: break;
  }
  return "status";
}

Json licenseOf(const License& license, const Entitlements& entitlements) {
  const Decision& d = license.decision;
  Json out = Json::object({{"id", license.id},
                           {"state", toString(d.state)},
                           {"plan", entitlements.plan},
                           {"version", license.version},
                           {"seats", std::max<std::int64_t>(d.seats, 0)}});
  if (d.reason.size() <= kMaxReason) out.set("reason", d.reason);
  if (d.ends_at) out.set("ends_at", formatRfc3339(*d.ends_at));
  return out;
}

/// Limits that are numbers; "unlimited" is the absence of one.
Json limitsOf(const Entitlements& entitlements) {
  Json out = Json::object();
  for (const auto& [name, value] : entitlements.limits.members()) {
    if (value.isInt()) out.set(name, value);
  }
  return out;
}

/// The result's member, or the obligation of that name; a word that clients do not know counts as strict.
std::string enforceOf(const policy::Decision& decision) {
  for (const Json* from : {&decision.result, &decision.obligations}) {
    const std::string word = from->strOr("enforce");
    if (word == "warn" || word == "log") return word;
    if (!word.empty()) break;
  }
  return "enforce";
}

}  // namespace

Json policySubject(const http::Principal& who) {
  using http::PrincipalKind;
  const bool person = who.kind == PrincipalKind::session || who.kind == PrincipalKind::access_token;
  Json out = Json::object({{"kind", person ? "user" : who.kind == PrincipalKind::api_key ? "api_key" : who.isOperator() ? "operator" : "system"}});
  const auto add = [&](const char* name, const std::string& value, std::size_t max = 64) {
    if (!value.empty() && value.size() <= max) out.set(name, value);
  };
  for (const char* role : {"owner", "admin", "member", "viewer"}) {
    if (who.role == role) add("role", who.role);
  }
  add("user", who.user);
  add("seat", who.seat);
  add("device", who.device);
  add("email", who.email, 320);
  add("api_key", who.api_key);
  if (!who.scopes.empty() && who.scopes.size() <= 64) {
    Json scopes = Json::array();
    for (const auto& scope : who.scopes) {
      if (scope.size() <= 64) scopes.push(scope);
    }
    out.set("scopes", std::move(scopes));
  }
  return out;
}

Json policyOrg(const std::string& org, const Entitlements& entitlements) {
  return Json::object({{"id", org}, {"plan", entitlements.plan}, {"state", toString(entitlements.state)}, {"privacy", entitlements.privacy.empty() ? std::string("local_only") : entitlements.privacy}});
}

GatedFeatures gate(policy::Decider& policies, GateAction action, const http::Principal& who, const License& license, const Entitlements& entitlements) {
  GatedFeatures out;
  if (entitlements.features.empty()) return out;
  policy::Question question;
  question.point = policy::Point::feature_gate;
  question.org = license.org;
  question.seat = who.seat;
  question.repeated = action == GateAction::introspect;
  const Json base = Json::object({{"org", policyOrg(license.org, entitlements)},
                                  {"subject", policySubject(who)},
                                  {"action", toString(action)},
                                  {"entitled", true},
                                  {"license", licenseOf(license, entitlements)},
                                  {"limits", limitsOf(entitlements)}});
  for (const auto& feature : entitlements.features) {
    question.input = base;
    question.input.set("feature", feature);
    const auto decision = policies.decide(question);
    const std::string enforce = enforceOf(decision);
    if (decision.allow) {
      out.features.push_back(feature);
      out.enforce.set(feature, enforce);
    } else {
      out.denied.push_back({feature, decision.reason, decision.rule, decision.id});
      if (enforce != "enforce") out.enforce.set(feature, enforce);
    }
    if (out.notice.empty()) out.notice = decision.result.strOr("notice");
  }
  return out;
}

}  // namespace ccp::licensing
