#include "core/decisions/rules.hpp"

#include "core/base/encoding.hpp"

namespace ccp::decisions {

bool sampled(const policy::Decision& decision, double share) {
  if (decision.verdict != policy::Verdict::allow || !decision.allow || decision.stale || share >= 1) return true;
  const auto hash = sha256(bytesOf(decision.id));
  std::uint64_t number = 0;
  for (std::size_t i = 0; i < 6; ++i) number = number << 8 | hash[i];
  return static_cast<double>(number) < share * static_cast<double>(std::uint64_t{1} << 48);
}

Json recordJson(const LoggedDecision& d) {
  Json packs = Json::array();
  for (const auto& pack : d.packs) {
    packs.push(Json::object({{"org", pack.org}, {"name", pack.name}, {"version", pack.version}, {"sha256", pack.sha256}}));
  }
  Json out = Json::object({{"ts", formatRfc3339(d.at)},
                       {"id", d.id},
                       {"instance", d.node},
                       {"org", d.org.empty() ? Json() : Json(d.org)},
                       {"seat", d.seat.empty() ? Json() : Json(d.seat)},
                       {"point", policy::toString(d.point)},
                       {"channel", policy::toString(d.channel)},
                       {"generation", static_cast<std::int64_t>(d.generation)},
                       {"packs", std::move(packs)},
                       {"outcome", policy::toString(d.outcome)},
                       {"allow", d.allow},
                       {"rule", d.rule},
                       {"reason", d.reason},
                       {"effect", d.effect},
                       {"lane", d.lane},
                       {"fields_read", d.fields_read},
                       {"input_sha256", d.input_sha256},
                       {"us", d.elapsed_us},
                       {"fuel", d.fuel},
                       {"mem_peak", d.memory_peak},
                       {"source", policy::toString(d.origin)},
                       {"stale", d.stale},
                       {"shadow", d.shadow},
                       {"sequence", d.sequence},
                       {"prev", d.prev}});
  // Records from before drafts had it keep their digests.
  if (!d.shadow_of.empty()) out.set("shadow_of", d.shadow_of);
  return out;
}

std::string digestOf(const LoggedDecision& decision) { return sha256Hex(recordJson(decision).dump()); }

void ChainWalk::breakAt(std::string what) {
  if (!broken_.empty()) return;
  broken_ = "The chain of node " + head_.node + (head_.org.empty() ? std::string() : " and organization " + head_.org) + " breaks: " + what;
}

void ChainWalk::step(const LoggedDecision& decision) {
  ++seen_;
  if (!broken_.empty()) return;
  if (decision.sequence != next_) {
    breakAt("record " + std::to_string(next_) + " is missing before " + decision.id + ".");
    return;
  }
  // What the first record that is left refers to went with its age.
  const bool first = seen_ == 1;
  if (first ? head_.swept == 0 && !decision.prev.empty() : decision.prev != last_) {
    breakAt("record " + decision.id + " does not follow the one before it.");
    return;
  }
  last_ = digestOf(decision);
  if (last_ != decision.digest) breakAt("record " + decision.id + " is not what was written.");
  ++next_;
}

void ChainWalk::end() {
  if (!broken_.empty()) return;
  if (next_ != head_.sequence + 1) breakAt("the records from " + std::to_string(next_) + " to " + std::to_string(head_.sequence) + " are missing.");
  else if (seen_ > 0 && last_ != head_.digest) breakAt("its last record is not the one that was written last.");
}

}  // namespace ccp::decisions
