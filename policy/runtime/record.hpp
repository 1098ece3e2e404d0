// What is known of a decision after it was taken, for the log, the replay store and metrics.
// Masks are applied before a record is written anywhere (core/policies/decision_log).
#pragma once

#include <string>
#include <vector>

#include "policy/decision/decision.hpp"
#include "policy/distribution/verified_set.hpp"

namespace ccp::policy {

struct PackUse {
  std::string org;  ///< whose pack
  std::string name;
  std::int64_t version = 0;
  std::string sha256;
};

struct DecisionRecord {
  Decision decision;
  Timestamp at;
  std::string org, seat;
  Point point = Point::feature_gate;
  Channel channel = Channel::dev;
  std::uint64_t generation = 0;          ///< the younger of the two that answered
  std::vector<PackUse> packs;            ///< asked, in order
  std::vector<std::string> fields_read;  ///< JSON pointers into the input
  std::vector<std::string> log_mask;     ///< of the packs asked
  std::string input;                     ///< exact text that was decided on, with `now`
  std::string input_sha256;              ///< empty: nobody has computed it yet (a sink does, off the deciding thread)
  Duration elapsed{};
  std::uint64_t fuel = 0;
  std::size_t memory_peak = 0;
  Origin origin = Origin::builtin;
  bool shadow = false;                   ///< a draft's answer, which nobody obeys
  std::string shadow_of;                 ///< id of the decision that was obeyed
};

/// Takes records off the deciding thread: never blocks, drops and counts when full. Thread-safe.
class DecisionSink {
 public:
  virtual ~DecisionSink() = default;
  virtual void take(DecisionRecord&& record) noexcept = 0;
};

}  // namespace ccp::policy
