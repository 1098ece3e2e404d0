// Sends what one exporter instance is owed in one stream: takes a batch under a lease, calls the plugin,
// and forgets exactly what was acknowledged. A failure at any point leaves the rows where they are.
// Threads: one at a time per object; several nodes may have one each for the same lane.
#pragma once

#include <functional>
#include <string>

#include "core/base/error.hpp"
#include "core/base/metrics.hpp"
#include "core/base/random.hpp"
#include "core/base/time.hpp"
#include "core/db/db.hpp"
#include "core/exports/repository.hpp"

namespace ccp::exports {

class Sender {
 public:
  /// All calls of one batch together; the lease is longer, so that it outlives them.
  static constexpr Duration kBatchTime = seconds(20);
  static constexpr Duration kLease = seconds(40);
  /// How soon an exporter that declined a stream is asked again: its configuration may have changed.
  static constexpr Duration kAskAgain = minutes(1);

  struct Deps {
    db::Db& db;
    const Clock& clock;
    Random& random;
    Metrics& metrics;
    plugin::Exporters& exporters;
  };
  Sender(const Deps& deps, Lane lane, std::string node);

  /// Does what is due: at most one batch. True when more can be done at once.
  Result<bool> step();
  /// Tells the plugin that this node sends no more for now.
  void close();

 private:
  plugin::CallContext context(std::int64_t first, std::int64_t last) const;
  Result<bool> greet(const LaneView& seen);
  Result<bool> send();
  /// The plugin's part; an error means that nothing was acknowledged.
  Result<plugin::ExportProgress> deliver(const Batch& batch, const std::vector<plugin::ExportRecord>& records);
  Status decline();
  Status failed(db::Tx& tx, std::int64_t failures, const Error& error);
  double spread() const;

  Deps deps_;
  const Lane lane_;
  const std::string node_;
  bool greeted_ = false;
  bool opened_ = false;
  Timestamp ask_again_at_{};
  Counter& records_;
  Counter& failures_;
};

}  // namespace ccp::exports
