// One question put to one set, and the answers made one decision: shared by what runs, drafts beside it and
// rehearsals. Inside this room; pure but for the engine.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "policy/distribution/freshness.hpp"
#include "policy/evaluation/compiled_set.hpp"
#include "policy/runtime/generation.hpp"
#include "policy/runtime/record.hpp"

namespace ccp::policy {

/// A question ready to be put: text with `now`, held against the point's schema.
struct Inquiry {
  Point point = Point::feature_gate;
  Timestamp now, trusted_now;
  std::string text;
  std::string bad_input;  ///< why it does not fit; empty: it does
};
/// How old the documents are is judged by `trusted_now`, which no clock that is set back makes earlier. Sets `now` and `point`, and checks. Never fails: what does not fit is said in the inquiry.
Inquiry prepareInquiry(Point point, const Json& input, Timestamp now, Timestamp trusted_now);

/// What one set said.
struct Said {
  SetAnswer answer;
  Sample sample;
  bool asked = false;  ///< the input fitted the point, and the documents are not beyond their grace
  Standing standing = Standing::fresh;
};
Said ask(const CompiledSet& set, const Inquiry& inquiry, Duration grace, Recording recording);

/// What of a set goes into a record.
void describe(const CompiledSet& set, Point point, DecisionRecord& record);

}  // namespace ccp::policy
