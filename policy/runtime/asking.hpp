// One question put to one set, and the answers made one decision: shared by what runs, drafts beside it and
// rehearsals. Inside this room; pure but for the engine.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "policy/evaluation/compiled_set.hpp"
#include "policy/runtime/generation.hpp"
#include "policy/runtime/record.hpp"

namespace ccp::policy {

/// A question ready to be put: text with `now`, held against the point's schema.
struct Inquiry {
  Point point = Point::feature_gate;
  Timestamp now;
  std::string text;
  std::string bad_input;  ///< why it does not fit; empty: it does
};
/// Sets `now` and `point`, and checks. Never fails: what does not fit is said in the inquiry.
Inquiry prepareInquiry(Point point, const Json& input, Timestamp now);

enum class Freshness : std::uint8_t { fresh, grace, expired };
Freshness freshness(Timestamp expires_at, Duration grace, Timestamp now) noexcept;

/// What one set said.
struct Said {
  SetAnswer answer;
  Sample sample;
  bool asked = false;  ///< the input fitted the point, and the documents are not beyond their grace
  Freshness freshness = Freshness::fresh;
};
Said ask(const CompiledSet& set, const Inquiry& inquiry, Duration grace, Recording recording);

/// What of a set goes into a record.
void describe(const CompiledSet& set, Point point, DecisionRecord& record);

}  // namespace ccp::policy
