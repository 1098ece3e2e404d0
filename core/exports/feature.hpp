// Exports as core/app builds them: the queue behind the outbox, the worker, the operators' view.
// Threads: thread-safe, but start() and stop().
#pragma once

#include "core/db/migrations.hpp"
#include "core/exports/queue.hpp"
#include "core/exports/service.hpp"
#include "core/exports/worker.hpp"

namespace ccp::exports {

extern const db::MigrationSet kMigrations;

class Feature final : public Exports {
 public:
  /// Everything passed must outlive the feature.
  struct Deps {
    db::Db& db;
    const Clock& clock;
    Random& random;
    Metrics& metrics;
    licensing::Licenses& licenses;
    plugin::Exporters& exporters;
  };
  explicit Feature(const Deps& deps);

  /// Before the dispatcher starts: from now on, events are queued for every exporter.
  Status subscribe(db::OutboxDispatcher& outbox);
  Worker& worker() noexcept { return worker_; }
  /// What sees the log of decisions, for the stream of that name.
  decisions::LogTap& decisionTap() noexcept { return queue_; }

  Result<std::vector<LaneReport>> list() override;
  Result<LaneReport> retry(const Lane& lane, const std::string& actor) override;
  Result<std::int64_t> discard(const Lane& lane, const std::string& reason, const std::string& actor) override;

 private:
  bool configured(const std::string& instance) const;

  Deps deps_;
  Worker worker_;
  Queue queue_;
};

}  // namespace ccp::exports
