// Decisions as core/app builds them: the sink of the policy runtime, its writer, the log's readers.
// Order: open → sink() to the runtime → connect() once licensing stands → start(); stop() before the
// store closes. Threads: thread-safe, but open(), connect(), start() and stop().
#pragma once

#include <memory>

#include "core/base/metrics.hpp"
#include "core/db/migrations.hpp"
#include "core/decisions/service.hpp"
#include "core/licensing/service.hpp"

namespace ccp::decisions {

extern const db::MigrationSet kMigrations;

struct Options {
  double sample_allow = 1.0;             ///< share of plain allows that is logged
  Duration retention = hours(24 * 90);
  bool keep_inputs = false;              ///< the replay store
  Duration input_retention = hours(24 * 30);
  std::size_t queue_max = 8192;          ///< decisions that wait to be written; beyond it they are dropped
  std::string master_key_file;
  bool create_master_key = false;        ///< dev mode
};

class Feature final : public Decisions {
 public:
  /// Everything passed must outlive the feature.
  struct Deps {
    db::Db& db;
    const Clock& clock;
    Random& random;
    Metrics& metrics;
  };
  static Result<std::unique_ptr<Feature>> open(const Deps& deps, Options options);
  ~Feature() override;

  policy::DecisionSink& sink() noexcept;
  /// How this process is named in the log.
  const std::string& node() const noexcept;
  /// Who may have inputs kept, and who else sees the log (may be null).
  void connect(licensing::Licenses& licenses, LogTap* tap);
  void start();
  /// Writes what is queued.
  void stop();
  /// Waits until what was decided before the call is written.
  Status flush();
  /// Forgets what is past its time; for a worker.
  Status sweep();

  Result<Page> list(const std::optional<std::string>& org, const Filter& filter) override;
  Result<LoggedDecision> byId(const std::optional<std::string>& org, const std::string& id) override;
  Result<ChainReport> verify(const std::optional<std::string>& org) override;
  Result<std::vector<policy::PastDecision>> past(const PastQuery& query) override;
  LogStatus logStatus() const override;

  /// A decision with its input, when that was kept and opens; `not_found`.
  Result<std::pair<LoggedDecision, std::optional<KeptInput>>> withInput(const std::optional<std::string>& org, const std::string& id);
  /// As past(), with the records; ids below `before` when it is not empty.
  Result<std::vector<PastRow>> pastRows(const PastQuery& query, const std::string& before);

 private:
  struct Impl;
  explicit Feature(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace ccp::decisions
