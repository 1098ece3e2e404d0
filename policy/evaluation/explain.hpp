// Why a decision is what it is: decides again with everything written down, and shows for each pack that
// was asked what it said, which lines ran and what it cost. Pure apart from deciding.
#pragma once

#include <string>
#include <vector>

#include "policy/evaluation/compiled_set.hpp"

namespace ccp::policy {

struct SourceLine {
  int number = 0;  ///< 1-based
  std::string text;
};
struct ExplainedPack {
  std::string org, name;
  std::int64_t version = 0;
  std::string sha256;
  std::vector<std::string> signers;  ///< persons; empty: nobody has signed it
  std::string file;                  ///< that answers this point
  PointClass point_class = PointClass::enforce;
  Condition condition = Condition::asked;
  std::vector<SourceLine> ran;
  Limits limits;  ///< in force
  Outcome outcome;
};
struct Explanation {
  Combined combined;
  std::vector<ExplainedPack> packs;  ///< in the order in which they were asked
};

/// `organization` may be null; it is not asked at commercial points. `input` as for CompiledSet::decide().
Explanation explain(Point point, std::string_view input, const CompiledSet& operators, const CompiledSet* organization,
                    const std::vector<std::string>& lanes);
/// {"decision", "packs": [{…, "lines": [{"line", "text"}]}], "fields_read": [pointer], "fuel", "memory_peak"}
Json toJson(const Explanation& explanation);

}  // namespace ccp::policy
