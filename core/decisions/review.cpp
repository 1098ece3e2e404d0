#include "core/decisions/review.hpp"

#include <map>

#include "core/decisions/rules.hpp"
#include "policy/evaluation/explain.hpp"
#include "policy/packs/shipped.hpp"

namespace ccp::decisions {
namespace {

constexpr std::size_t kChunk = 250;

/// The pack that CCP ships is not published anywhere.
const policy::VerifiedPack* shippedPack(const std::string& sha256) {
  for (const auto& pack : policy::shippedSet().packs) {
    if (pack.sha256 == sha256) return &pack;
  }
  return nullptr;
}

/// True when a policy read a value that is hidden in the kept input, or something below it.
bool readHidden(const std::vector<std::string>& read, const std::vector<std::string>& hidden) {
  for (const auto& pointer : hidden) {
    for (const auto& field : read) {
      if (field == pointer || field.starts_with(pointer + "/")) return true;
    }
  }
  return false;
}

}  // namespace

Result<Json> Review::decideAgain(const LoggedDecision& was, const KeptInput& input) const {
  policy::VerifiedSet operators;
  policy::VerifiedSet organization;
  operators.org = std::string(policy::kOperatorSet);
  organization.org = was.org;
  for (const auto& use : was.packs) {
    auto& set = use.org == policy::kOperatorSet || use.org.empty() ? operators : organization;
    if (const auto* shipped = shippedPack(use.sha256)) {
      set.packs.push_back(*shipped);
      continue;
    }
    CCP_TRY(auto pack, deps_.packs ? deps_.packs(set.org, use.sha256) : Result<policy::VerifiedPack>(fail(Errc::not_found, "Packs are not kept here.")));
    set.packs.push_back(std::move(pack));
  }
  CCP_TRY(const auto first, policy::CompiledSet::compile(deps_.engine, std::move(operators)));
  std::shared_ptr<const policy::CompiledSet> second;
  if (!organization.packs.empty()) {
    CCP_TRY(second, policy::CompiledSet::compile(deps_.engine, std::move(organization)));
  }
  const auto explanation = policy::explain(was.point, input.text, *first, second.get(), deps_.lanes);
  const auto& now = explanation.combined.decision;
  Json out = policy::toJson(explanation);
  const bool hidden = readHidden(explanation.combined.fields_read, input.masked);
  const bool same = now.allow == was.allow && now.rule == was.rule && now.lane == was.lane && static_cast<std::int64_t>(explanation.combined.fuel) == was.fuel;
  // What read a hidden value proves nothing either way.
  out.set("reproduced", hidden ? Json() : Json(same));
  Json masked = Json::array();
  for (const auto& pointer : input.masked) masked.push(pointer);
  out.set("masked", std::move(masked));
  return out;
}

Result<Json> Review::explain(const std::optional<std::string>& org, const std::string& id) const {
  CCP_TRY(const auto found, deps_.decisions.withInput(org, id));
  const auto& [was, input] = found;
  Json record = recordJson(was);
  record.set("digest", was.digest);
  Json out = Json::object({{"decision", std::move(record)}, {"again", Json()}, {"why_not", ""}});
  if (!input) {
    out.set("why_not", "The input was not kept: the replay store is off (policy.replay_store), or it went with its age.");
    return out;
  }
  auto again = decideAgain(was, *input);
  if (again) out.set("again", std::move(*again));
  else out.set("why_not", "It cannot be decided again: " + again.error().detail);
  return out;
}

Result<ReplayPart> Review::replay(const std::string& set, policy::VerifiedPack draft, std::optional<Timestamp> since, const std::string& cursor,
                                  std::size_t limit) const {
  if (draft.document.org != set) {
    return fail(Errc::policy_wrong_org, "The draft says that it belongs to \"" + draft.document.org + "\", but decisions of \"" + set + "\" are to be replayed.");
  }
  policy::VerifiedSet drafts;
  drafts.org = set;
  drafts.expires_at = Timestamp::max();
  drafts.packs.push_back(std::move(draft));
  const auto deadline = Deadline::after(deps_.clock, kMaxTime);
  ReplayPart out;
  std::string before = cursor;
  std::size_t seen = 0;
  for (;;) {
    const std::size_t wanted = std::min(kChunk, limit - seen);
    CCP_TRY(auto rows, deps_.decisions.pastRows({set, std::nullopt, since, wanted}, before));
    if (rows.empty()) return out;
    std::map<std::string, LoggedDecision*> by_id;
    std::vector<policy::PastDecision> past;
    for (auto& row : rows) {
      by_id[row.decision.id] = &row.decision;
      past.push_back(std::move(row.past));
    }
    before = rows.back().decision.id;
    CCP_TRY(auto report, deps_.runtime.replay(drafts, past, past.size()));
    // Lines come by id; the past is told from the newest on.
    for (auto line = report.flips.rbegin(); line != report.flips.rend(); ++line) {
      const auto was = by_id.find(line->past.id);
      if (was == by_id.end() || out.flips.size() >= kMaxFlips) continue;
      out.flips.push_back({std::move(*was->second), std::move(line->now), line->flip});
    }
    report.flips.clear();
    policy::merge(out.report, std::move(report), 0);
    seen += rows.size();
    if (rows.size() < wanted) return out;
    if (seen >= limit || deadline.expired(deps_.clock)) break;
  }
  out.next = before;
  return out;
}

}  // namespace ccp::decisions
