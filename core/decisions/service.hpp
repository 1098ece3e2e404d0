// What other features may ask of decisions that were taken: the log and the replay store
// (docs/adr/0017-decision-log.md). Threads: thread-safe.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "core/base/error.hpp"
#include "core/base/json.hpp"
#include "core/db/db.hpp"
#include "policy/evaluation/replay.hpp"
#include "policy/runtime/record.hpp"

namespace ccp::decisions {

/// One decision as the log keeps it: masked, its seat hashed.
struct LoggedDecision {
  std::string id;   ///< dec_…
  std::string org;  ///< empty: a question of the server itself
  Timestamp at;
  std::string node;  ///< who decided
  std::string seat;  ///< hash of the seat with the organization's salt; empty: nobody's
  policy::Point point = policy::Point::feature_gate;
  policy::Channel channel = policy::Channel::dev;
  std::uint64_t generation = 0;
  std::vector<policy::PackUse> packs;
  policy::Verdict outcome = policy::Verdict::deny;
  bool allow = false;
  std::string rule, reason, effect, lane;
  Json fields_read = Json::object();  ///< JSON pointer → masked value
  std::string input_sha256;           ///< of the input as it was decided on
  std::int64_t elapsed_us = 0;
  std::int64_t fuel = 0;
  std::int64_t memory_peak = 0;
  policy::Origin origin = policy::Origin::builtin;
  bool stale = false;
  bool shadow = false;      ///< a draft's answer, which nobody obeyed
  std::string shadow_of;    ///< then: id of the decision that was
  bool input_kept = false;  ///< the replay store has its input
  std::int64_t sequence = 0;  ///< 1, 2, … in the chain of (org, node)
  std::string prev;           ///< digest of the chain's previous record; empty: the first
  std::string digest;
};

/// An input of the replay store, opened.
struct KeptInput {
  std::string text;                 ///< masked
  std::vector<std::string> masked;  ///< JSON pointers whose values are not the ones that were decided on
};

struct Filter {
  std::optional<policy::Point> point;
  std::string outcome;  ///< "allow", "deny", … or "fault"; empty: any
  std::optional<Timestamp> since;
  bool shadow = false;  ///< drafts' answers instead of those that were obeyed
  std::string cursor;   ///< id of the last decision of the page before
  int limit = 50;
};
struct Page {
  std::vector<LoggedDecision> decisions;  ///< newest first
  std::string next;                       ///< cursor; empty: nothing is left
};

/// Whose past: "operator" has every organization's decisions, an organization's set its own at the points
/// that ask it.
struct PastQuery {
  std::string set;
  std::optional<policy::Point> point;
  std::optional<Timestamp> since;
  std::size_t limit = 500;
};

struct LogStatus {
  std::int64_t queued = 0;
  std::int64_t written = 0;
  std::int64_t dropped = 0;  ///< the queue was full, or the store refused
  std::int64_t sampled_out = 0;
};

/// Whether the log is what was written.
struct ChainReport {
  std::int64_t chains = 0;
  std::int64_t records = 0;
  std::vector<std::string> broken;  ///< a sentence per chain that does not hold
};

/// A past decision as the log has it, and as it is decided again.
struct PastRow {
  LoggedDecision decision;
  policy::PastDecision past;
};

/// `org` without a value: the operator, who sees every organization's.
class Decisions {
 public:
  virtual ~Decisions() = default;
  virtual Result<Page> list(const std::optional<std::string>& org, const Filter& filter) = 0;
  /// `not_found`, also for another organization's.
  virtual Result<LoggedDecision> byId(const std::optional<std::string>& org, const std::string& id) = 0;
  /// Reads every record: hashes, order, nothing missing but what went with its age.
  virtual Result<ChainReport> verify(const std::optional<std::string>& org) = 0;
  /// The newest decisions that were obeyed, newest first, with their inputs where the replay store has
  /// them: what shadowing and a promotion's diff decide again.
  virtual Result<std::vector<policy::PastDecision>> past(const PastQuery& query) = 0;
  virtual LogStatus logStatus() const = 0;
};

/// Sees what is logged, in the unit of work that logs it: exports.
class LogTap {
 public:
  virtual ~LogTap() = default;
  virtual Status logged(db::Tx& tx, const std::vector<LoggedDecision>& decisions) = 0;
};

}  // namespace ccp::decisions
