// Use cases of the usage feature: store rollups, report them. Threads: thread-safe.
#pragma once

#include <string>
#include <vector>

#include "core/base/metrics.hpp"
#include "core/config/settings.hpp"
#include "core/db/db.hpp"
#include "core/http/principal.hpp"
#include "core/licensing/service.hpp"
#include "core/usage/repository.hpp"
#include "core/usage/rules.hpp"
#include "policy/decision/decision.hpp"

namespace ccp::usage {

struct ModelLine {
  std::string model;
  std::string lane;
  Counters counters;
  std::optional<Sketch> ttft;
};

struct ModelsReport {
  Window window;
  std::optional<Timestamp> latest_at;  ///< end of the org's newest block, in the window or not
  Counters totals;
  std::vector<ModelLine> models;       ///< most tokens first
  std::vector<BucketSums> series;      ///< by time, then model; empty buckets are absent
  std::int64_t day_blocks = 0;         ///< blocks of whole days among them
};

struct SeatsReport {
  Window window;
  Counters totals;
  std::int64_t seats = 0;        ///< seats that the window covers
  int k = 0;
  bool breakdown = false;        ///< false: k-safety leaves the reader's own line only
  std::vector<SeatSums> lines;
};

struct IngestReport {
  std::vector<BlockResult> results;  ///< as the request's blocks, in order
  std::int64_t count(BlockStatus status) const;
};

class UsageService {
 public:
  UsageService(db::Db& db, const Clock& clock, Random& random, licensing::Licenses& licenses, Metrics& metrics,
               const config::Settings& settings, policy::Decider& policies);

  /// Stores what the blocks say, all in one unit of work, and returns after the commit.
  /// `validation_failed` for a body of another shape; `license_inactive` and `forbidden` as mayIngest();
  /// a single bad block is its own result only, and so is one that the policies refuse (ingest.accept).
  Result<IngestReport> ingest(const http::Principal& who, const Json& body);

  /// `plan_required` and `license_inactive` as mayView().
  Result<ModelsReport> models(const http::Principal& who, WindowKind kind, Timestamp until);
  Result<SeatsReport> seats(const http::Principal& who, WindowKind kind, Timestamp until);

  /// The rollups that a `usage.accepted` event tells of: `at` is the event's time, `data` its data. One
  /// that a later request has replaced meanwhile is left to that request's event. In the caller's unit of
  /// work, whose scope must see the organization.
  static Result<std::vector<AcceptedRollup>> acceptedIn(db::Tx& tx, const std::string& org, Timestamp at, const Json& data);

  /// What a person should know of the license; empty when all is well.
  Result<std::string> licenseNotice(const std::string& org);

  /// What an org used in each hour with usage, `from` to `until` (exclusive); a block of a whole day
  /// stands at its first hour. In the caller's unit of work, whose scope must see the organization.
  struct HourTotal {
    Timestamp start_at;
    Counters counters;
  };
  static std::vector<HourTotal> hourTotals(db::Tx& tx, const std::string& org, Timestamp from,
                                           Timestamp until);

  Timestamp now() const { return clock_.now(); }
  const config::Settings& settings() const noexcept { return settings_; }

 private:
  void askPolicies(const http::Principal& who, const licensing::Entitlements& entitlements, std::vector<Incoming>& incoming);
  Status checkView(db::Tx& tx, const std::string& org);

  db::Db& db_;
  const Clock& clock_;
  Random& random_;
  licensing::Licenses& licenses_;
  const config::Settings& settings_;
  Metrics& metrics_;
  policy::Decider& policies_;
};

}  // namespace ccp::usage
