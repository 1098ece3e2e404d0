// A question to the policies and its answer: what features see of policies, and all that they see.
// Features take a Decider& and build the input of their point (policy/schema/points/<point>.in.json).
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "core/base/json.hpp"
#include "policy/decision/point.hpp"

namespace ccp::policy {

struct Question {
  Point point = Point::feature_gate;
  std::string org;   ///< whose packs are asked beside the operator's; empty: the operator's only
  std::string seat;  ///< for the log, where it is hashed; may be empty
  Json input;        ///< the document of the point; the decider sets its `now`
  /// Asked over and over for the same answer, by a machine: a plain allow is counted and leaves no record.
  bool repeated = false;
};

enum class Verdict : std::uint8_t { allow, deny, error, timeout, memory, stale };
const char* toString(Verdict verdict) noexcept;

/// `allow` is the only thing that must be obeyed; the rest says why, and what goes with it.
struct Decision {
  std::string id;  ///< dec_…; what `ccp policy explain` takes
  bool allow = false;
  Verdict verdict = Verdict::deny;
  /// For a fault: "policy_fault:timeout" and so on; "policy_stale" when the documents ran out.
  std::string reason;
  std::string rule;
  std::string effect;
  std::string lane;                 ///< empty: no opinion
  std::vector<std::string> redact;  ///< JSON pointers into the input
  Json obligations = Json::object();
  Json result = Json::object();     ///< everything the policies answered, as the point's result schema says
  bool stale = false;               ///< decided on documents that ran out, as the pack's class allows
};

/// Thread-safe. A decision never throws and never waits for the network or the database, except to load
/// an organization's packs when it is asked about for the first time.
class Decider {
 public:
  virtual ~Decider() = default;
  virtual Decision decide(const Question& question) = 0;
};

}  // namespace ccp::policy
