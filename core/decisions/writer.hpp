// Takes decisions off the deciding thread and writes them: masked, chained, in batches. The queue is
// bounded; what does not fit is dropped and counted, for a decision never waits for its log.
// Threads: take() from any; one thread of its own writes.
#pragma once

#include <condition_variable>
#include <deque>
#include <mutex>
#include <thread>

#include "core/base/metrics.hpp"
#include "core/decisions/org_keys.hpp"
#include "core/decisions/repository.hpp"
#include "core/licensing/service.hpp"

namespace ccp::decisions {

class Writer final : public policy::DecisionSink {
 public:
  static constexpr std::size_t kMaxBytes = 32u << 20;
  static constexpr std::size_t kBatch = 256;

  struct Deps {
    db::Db& db;
    const Clock& clock;
    Random& random;
    Metrics& metrics;
    OrgKeys& keys;
  };
  Writer(const Deps& deps, double sample_allow, bool keep_inputs, std::size_t max_records);
  ~Writer() override;

  void connect(licensing::Licenses& licenses, LogTap* tap);
  void start();
  /// Writes what is queued, then ends; what cannot be written is dropped and counted.
  void stop();
  void take(policy::DecisionRecord&& record) noexcept override;
  /// Writes what was taken before the call, on the calling thread when the writer's own does not run.
  Status flush();
  LogStatus status() const;
  const std::string& node() const noexcept { return node_; }

 private:
  struct Prepared {
    std::vector<LoggedDecision> decisions;
    std::vector<SealedInput> inputs;  ///< of the same index; empty `sealed`: not kept
  };
  void run();
  std::vector<policy::DecisionRecord> grab();
  Result<Prepared> prepare(const std::vector<policy::DecisionRecord>& batch);
  Status write(const std::vector<policy::DecisionRecord>& batch, bool again);
  void store(db::Tx& tx, Prepared prepared, bool again, std::map<std::string, ChainHead>& heads, std::vector<LoggedDecision>& stored);
  bool mayKeep(db::Tx& tx, const std::string& org);
  void writeOrDrop(const std::vector<policy::DecisionRecord>& batch);

  Deps deps_;
  const std::string node_;
  const double sample_allow_;
  const bool keep_inputs_;
  const std::size_t max_records_;
  licensing::Licenses* licenses_ = nullptr;
  LogTap* tap_ = nullptr;
  Counter& written_;
  Counter& dropped_;
  Counter& sampled_out_;
  Gauge& queued_;

  mutable std::mutex mutex_;
  std::condition_variable changed_;  ///< something to write, or an end
  std::condition_variable drained_;
  std::deque<policy::DecisionRecord> queue_;
  std::size_t queue_bytes_ = 0;
  std::uint64_t taken_ = 0;    ///< accepted into the queue so far
  std::uint64_t settled_ = 0;  ///< of them, written or dropped
  bool running_ = false;
  bool stopping_ = false;
  bool hurry_ = false;  ///< somebody waits in flush()
  std::thread thread_;

  std::mutex write_mutex_;
  std::map<std::string, ChainHead> heads_;  ///< of this node's chains, as committed; by organization
};

}  // namespace ccp::decisions
