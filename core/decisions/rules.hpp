// The log as pure functions: which decisions are kept, what a record's text is, and whether a chain of
// records is whole.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "core/decisions/service.hpp"

namespace ccp::decisions {

/// Is this decision logged? Denials, faults and stale answers always; of the plain allows `share`, by a
/// hash of the id, so that every node and every run chooses the same.
bool sampled(const policy::Decision& decision, double share);

/// The record as it is exported and shown: one line of NDJSON (policy-guide/decisions.md), without `digest`.
Json recordJson(const LoggedDecision& decision);
/// SHA-256 over the text of recordJson(), which has `prev` in it.
std::string digestOf(const LoggedDecision& decision);

/// Where a chain stands according to the row kept beside it.
struct ChainHead {
  std::string org;
  std::string node;
  std::int64_t sequence = 0;
  std::string digest;
  std::int64_t swept = 0;  ///< records up to here have gone with their age
};

/// Goes through the records of one chain in their order and says where it breaks.
class ChainWalk {
 public:
  explicit ChainWalk(ChainHead head) : head_(std::move(head)), next_(head_.swept + 1) {}
  /// A sentence about the first break; empty while all is well.
  const std::string& broken() const noexcept { return broken_; }
  void step(const LoggedDecision& decision);
  /// After the last record.
  void end();
  std::int64_t seen() const noexcept { return seen_; }

 private:
  void breakAt(std::string what);

  ChainHead head_;
  std::int64_t next_;
  std::int64_t seen_ = 0;
  std::string last_;
  std::string broken_;
};

}  // namespace ccp::decisions
