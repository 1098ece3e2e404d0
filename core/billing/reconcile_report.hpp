// What the repairing of missed webhooks has found since the start; for doctor and operators.
// Threads: thread-safe.
#pragma once

#include <map>
#include <mutex>
#include <optional>
#include <string>

#include "core/base/error.hpp"
#include "core/base/metrics.hpp"
#include "core/base/time.hpp"
#include "core/billing/call_budget.hpp"

namespace ccp::billing {

struct ReconcileReport {
  std::optional<Timestamp> last_call_at;
  std::int64_t customers = 0;      ///< asked about since start
  std::int64_t subscriptions = 0;  ///< answers compared
  std::int64_t repaired = 0;       ///< answers that changed something: webhooks that had been missed
  std::int64_t refetched = 0;      ///< dirty subscriptions settled
  std::int64_t sweeps = 0;         ///< whole accounts compared
  std::int64_t recovered = 0;      ///< refunds and disputes whose webhooks had been missed
  std::int64_t failures = 0;
  std::map<std::string, std::int64_t> sweeping;  ///< by instance: subscriptions compared so far
  std::map<std::string, std::string>
      last_error;  ///< by instance; empty when the last call went well
};

/// Counts, and tells the budget what a refusal means.
class ReconcileLog {
 public:
  ReconcileLog(CallBudget& budget, const Clock& clock, Metrics& metrics)
      : budget_(budget), clock_(clock), metrics_(metrics) {}

  /// A question that failed; the instance rests for as long as the provider says.
  void failed(const std::string& instance, const Error& error);
  void succeeded(const std::string& instance);
  void compared(std::int64_t subscriptions);
  /// An answer that no webhook had brought.
  void repaired(const std::string& instance);
  template <class F>
  void update(F&& change) {
    const std::lock_guard lock(mutex_);
    change(report_);
  }
  ReconcileReport report() const;

 private:
  CallBudget& budget_;
  const Clock& clock_;
  Metrics& metrics_;
  mutable std::mutex mutex_;
  ReconcileReport report_;
};

}  // namespace ccp::billing
