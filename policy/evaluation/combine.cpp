#include <algorithm>
#include <utility>

#include "policy/evaluation/compiled_set.hpp"

namespace ccp::policy {
namespace {

bool contains(const std::vector<std::string>& all, std::string_view one) { return std::find(all.begin(), all.end(), one) != all.end(); }

/// Why a pack gives no answer of its own; `allow` when it does.
Verdict lapse(const PackAnswer& answer) noexcept {
  switch (answer.condition) {
    case Condition::stale: return Verdict::stale;
    case Condition::bad_input:
    case Condition::missing: return Verdict::error;
    case Condition::asked: break;
  }
  switch (answer.outcome.fault) {
    case Fault::none: return Verdict::allow;
    case Fault::timeout: return Verdict::timeout;
    case Fault::memory: return Verdict::memory;
    case Fault::load_error:
    case Fault::runtime_error:
    case Fault::bad_result: break;
  }
  return Verdict::error;
}
std::string lapseReason(const PackAnswer& answer) {
  switch (answer.condition) {
    case Condition::stale: return "policy_stale";
    case Condition::bad_input: return "policy_fault:bad_input";
    case Condition::missing: return "policy_fault:not_loaded";
    case Condition::asked: break;
  }
  return std::string("policy_fault:") + toString(answer.outcome.fault);
}

/// How much a check's conclusion stops; an organization may only make it stricter.
int strictness(const std::string& conclusion) noexcept {
  static constexpr std::string_view order[] = {"skipped", "neutral", "success", "action_required", "failure"};
  const auto* const at = std::find(std::begin(order), std::end(order), conclusion);
  return at == std::end(order) ? -1 : static_cast<int>(at - std::begin(order));
}

/// A bound: the lower one holds, whoever named it.
bool isBound(std::string_view name) noexcept { return name.starts_with("max_"); }

Json::Member* findMember(Json::Object& members, std::string_view name) {
  const auto it = std::find_if(members.begin(), members.end(), [name](const Json::Member& member) { return member.first == name; });
  return it == members.end() ? nullptr : &*it;
}

void unite(Json& into, Json&& more);

void uniteMember(Json::Object& members, std::string&& name, Json&& value) {
  if (auto* there = findMember(members, name)) {
    if (isBound(name) && there->second.isNumber() && value.isNumber()) {
      if (*value.asDouble() < *there->second.asDouble()) there->second = std::move(value);
    } else {
      unite(there->second, std::move(value));
    }
  } else {
    members.emplace_back(std::move(name), std::move(value));
  }
}

/// Adds what `more` has: lists unite, objects merge, bounds shrink, a duty that is true somewhere is true;
/// otherwise what was there first stays, for it is the operator's.
void unite(Json& into, Json&& more) {
  if (auto* members = into.asObject()) {
    auto* others = more.asObject();
    if (!others) return;
    for (auto& [name, value] : *others) uniteMember(*members, std::move(name), std::move(value));
  } else if (auto* items = into.asArray()) {
    auto* others = more.asArray();
    if (!others) return;
    for (auto& value : *others) {
      if (std::find(items->begin(), items->end(), value) == items->end()) items->push_back(std::move(value));
    }
  } else if (into.asBool() == false && more.asBool() == true) {
    into = true;
  }
}

/// Members of one answer into the result of all. `allow`, lane, reason, rule and effect are decided elsewhere.
/// The stricter conclusion of a check brings its own words.
void uniteResult(Json& into, Json&& more) {
  auto* members = into.asObject();
  auto* others = more.asObject();
  if (!members || !others) return;
  const bool stricter = strictness(more.strOr("conclusion")) > strictness(into.strOr("conclusion"));
  for (auto& [name, value] : *others) {
    auto* there = findMember(*members, name);
    if (there && (name == "conclusion" || name == "title" || name == "summary")) {
      if (stricter) there->second = std::move(value);
    } else if (!there || isBound(name) || value.isArray() || value.isObject()) {
      uniteMember(*members, std::move(name), std::move(value));
    }
  }
}

class Fold {
 public:
  Fold(Combined& out, const std::vector<std::string>& lanes) : out_(out), lanes_(lanes) { out_.decision.allow = true; }

  void take(SetAnswer& set, bool operators) {
    for (auto& answer : set.packs) take(answer, operators);
  }

  void finish(bool asked) {
    Decision& d = out_.decision;
    if (!asked) {
      d.allow = false;
      d.verdict = Verdict::error;
      d.reason = "policy_fault:no_policy";
    } else if (!denied_) {
      d.verdict = lapsed_ == Verdict::allow ? Verdict::allow : lapsed_;
      if (lapsed_ != Verdict::allow) {
        d.reason = std::move(lapse_reason_);
        d.stale = lapsed_ == Verdict::stale;
      }
    }
    Json& result = d.result;
    if (!result.isObject()) result = Json::object();
    if (has_result_) result.set("allow", d.allow);
    settle(result, "reason", d.reason);
    settle(result, "rule", d.rule);
    settle(result, "effect", d.effect);
    settle(result, "lane", d.lane);
    if (!ignored_lane_.empty()) result.set("lane_ignored", ignored_lane_);
    if (const auto* obligations = result.find("obligations"); obligations && obligations->isObject()) d.obligations = *obligations;
    for (const auto& pointer : result["redact"].items()) {
      if (const auto* text = pointer.asString(); text && !contains(d.redact, *text)) d.redact.push_back(*text);
    }
    auto& fields = out_.fields_read;
    if (sets_of_fields_ > 1) {
      std::sort(fields.begin(), fields.end());
      fields.erase(std::unique(fields.begin(), fields.end()), fields.end());
    }
  }

 private:
  static void settle(Json& result, std::string_view key, const std::string& value) {
    const auto* there = result.find(key);
    if (value.empty()) {
      if (there) result.erase(key);
    } else if (!there || !there->asString() || *there->asString() != value) {
      result.set(key, value);
    }
  }

  void take(PackAnswer& answer, bool operators) {
    Outcome& outcome = answer.outcome;
    out_.fuel += outcome.fuel;
    out_.memory_peak = std::max(out_.memory_peak, outcome.memory_peak);
    if (!outcome.fields_read.empty()) {
      ++sets_of_fields_;
      if (out_.fields_read.empty()) {
        out_.fields_read = std::move(outcome.fields_read);
      } else {
        out_.fields_read.insert(out_.fields_read.end(), outcome.fields_read.begin(), outcome.fields_read.end());
      }
    }
    if (const Verdict verdict = lapse(answer); verdict != Verdict::allow) {
      lapsed(answer, verdict);
      return;
    }
    const Json& result = outcome.result;
    const bool allow = result.boolOr("allow");
    Decision& d = out_.decision;
    if (!denied_) {
      auto reason = result.strOr("reason"), rule = result.strOr("rule"), effect = result.strOr("effect");
      if (!allow) {
        denied_ = true;
        d.allow = false;
        d.verdict = Verdict::deny;
        d.reason = std::move(reason);
        d.rule = std::move(rule);
        d.effect = std::move(effect);
      } else if (!reason.empty() || !rule.empty() || !effect.empty()) {
        d.reason = std::move(reason);
        d.rule = std::move(rule);
        d.effect = std::move(effect);
      }
    }
    if (auto lane = result.strOr("lane"); !lane.empty()) route(std::move(lane), operators);
    if (has_result_) {
      uniteResult(d.result, std::move(outcome.result));
    } else {
      has_result_ = true;
      d.result = std::move(outcome.result);
    }
  }

  void lapsed(const PackAnswer& answer, Verdict verdict) {
    if (answer.point_class == PointClass::advisory) {
      if (lapsed_ == Verdict::allow) {
        lapsed_ = verdict;
        lapse_reason_ = lapseReason(answer);
      }
      return;
    }
    if (std::exchange(denied_, true)) return;
    Decision& d = out_.decision;
    d.allow = false;
    d.verdict = verdict;
    d.reason = lapseReason(answer);
    d.rule.clear();
    d.effect.clear();
  }

  void route(std::string lane, bool operators) {
    if (!lanes_.empty() && !contains(lanes_, lane)) {
      ignored_lane_ = std::move(lane);
    } else if (!operators) {
      // The first of the organization's packs wins over the operator's.
      if (!std::exchange(routed_by_organization_, true)) out_.decision.lane = std::move(lane);
    } else if (out_.decision.lane.empty()) {
      out_.decision.lane = std::move(lane);
    }
  }

  Combined& out_;
  const std::vector<std::string>& lanes_;
  bool denied_ = false, has_result_ = false, routed_by_organization_ = false;
  Verdict lapsed_ = Verdict::allow;  ///< of the first advisory pack that gave no answer
  std::string lapse_reason_, ignored_lane_;
  int sets_of_fields_ = 0;
};

}  // namespace

Combined combine(Point point, SetAnswer&& operators, SetAnswer* organization, const std::vector<std::string>& lanes) {
  Combined out;
  Fold fold(out, lanes);
  fold.take(operators, true);
  if (organization && !info(point).commercial) fold.take(*organization, false);
  fold.finish(!operators.packs.empty());
  return out;
}

Combined combine(Point point, const SetAnswer& operators, const SetAnswer* organization, const std::vector<std::string>& lanes) {
  SetAnswer first = operators, second;
  if (organization) second = *organization;
  return combine(point, std::move(first), organization ? &second : nullptr, lanes);
}

}  // namespace ccp::policy
