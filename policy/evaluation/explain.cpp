#include "policy/evaluation/explain.hpp"

#include <algorithm>

namespace ccp::policy {
namespace {

const char* toString(Condition condition) noexcept {
  switch (condition) {
    case Condition::asked: return "asked";
    case Condition::bad_input: return "bad_input";
    case Condition::stale: return "stale";
    case Condition::missing: break;
  }
  return "missing";
}

/// Lines of `text` by number; numbers beyond its end are left out.
std::vector<SourceLine> linesOf(std::string_view text, const std::vector<int>& numbers) {
  std::vector<SourceLine> out;
  int number = 1;
  auto wanted = numbers.begin();
  for (std::size_t at = 0; at <= text.size() && wanted != numbers.end(); ++number) {
    const auto end = std::min(text.find('\n', at), text.size());
    if (number == *wanted) {
      out.push_back({number, std::string(text.substr(at, end - at))});
      ++wanted;
    }
    at = end + 1;
  }
  return out;
}

void addPacks(Explanation& out, Point point, const SetAnswer& answer, const std::string& org) {
  for (const auto& said : answer.packs) {
    ExplainedPack pack;
    pack.org = org;
    pack.point_class = said.point_class;
    pack.condition = said.condition;
    pack.outcome = said.outcome;
    if (said.pack != nullptr) {
      const PackDocument& document = said.pack->document;
      pack.name = document.name;
      pack.version = document.version;
      pack.sha256 = said.pack->sha256;
      pack.signers = said.pack->signers;
      pack.limits = limitsInForce(document.limits);
      if (const auto entry = document.entry.find(point); entry != document.entry.end()) {
        pack.file = entry->second;
        if (const auto* text = document.file(entry->second)) pack.ran = linesOf(*text, said.outcome.lines);
      }
    }
    out.packs.push_back(std::move(pack));
  }
}

Json listOf(const std::vector<std::string>& texts) {
  Json out = Json::array();
  for (const auto& text : texts) out.push(text);
  return out;
}

}  // namespace

Explanation explain(Point point, std::string_view input, const CompiledSet& operators, const CompiledSet* organization,
                    const std::vector<std::string>& lanes) {
  constexpr Recording everything{.fields = true, .lines = true};
  Explanation out;
  auto first = operators.decide(point, input, everything);
  addPacks(out, point, first, operators.set().org);
  SetAnswer second;
  const bool both = organization != nullptr && !info(point).commercial;
  if (both) {
    second = organization->decide(point, input, everything);
    addPacks(out, point, second, organization->set().org);
  }
  out.combined = combine(point, std::move(first), both ? &second : nullptr, lanes);
  return out;
}

Json toJson(const Explanation& explanation) {
  const Decision& d = explanation.combined.decision;
  Json packs = Json::array();
  for (const auto& pack : explanation.packs) {
    Json lines = Json::array();
    for (const auto& line : pack.ran) lines.push(Json::object({{"line", line.number}, {"text", line.text}}));
    packs.push(Json::object({{"org", pack.org},
                             {"name", pack.name},
                             {"version", pack.version},
                             {"sha256", pack.sha256},
                             {"signers", listOf(pack.signers)},
                             {"file", pack.file},
                             {"class", pack.point_class == PointClass::enforce ? "enforce" : "advisory"},
                             {"condition", toString(pack.condition)},
                             {"fault", pack.outcome.fault == Fault::none ? Json() : Json(toString(pack.outcome.fault))},
                             {"message", pack.outcome.message},
                             {"result", pack.outcome.result},
                             {"fuel", static_cast<std::int64_t>(pack.outcome.fuel)},
                             {"fuel_limit", static_cast<std::int64_t>(pack.limits.fuel)},
                             {"memory_peak", static_cast<std::int64_t>(pack.outcome.memory_peak)},
                             {"memory_limit", static_cast<std::int64_t>(pack.limits.memory)},
                             {"us", pack.outcome.elapsed.count()},
                             {"lines", std::move(lines)}}));
  }
  return Json::object({{"decision", Json::object({{"allow", d.allow},
                                                  {"outcome", toString(d.verdict)},
                                                  {"rule", d.rule},
                                                  {"reason", d.reason},
                                                  {"effect", d.effect},
                                                  {"lane", d.lane},
                                                  {"redact", listOf(d.redact)},
                                                  {"obligations", d.obligations},
                                                  {"result", d.result}})},
                       {"packs", std::move(packs)},
                       {"fields_read", listOf(explanation.combined.fields_read)},
                       {"fuel", static_cast<std::int64_t>(explanation.combined.fuel)},
                       {"memory_peak", static_cast<std::int64_t>(explanation.combined.memory_peak)}});
}

}  // namespace ccp::policy
