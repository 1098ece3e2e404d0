// Turns accepted usage into reports to billing providers. take() notes what an hour came to; step()
// sends what providers have not taken yet. Threads: thread-safe.
#pragma once

#include <functional>

#include "core/base/metrics.hpp"
#include "core/base/random.hpp"
#include "core/billing/service.hpp"
#include "core/config/live_settings.hpp"
#include "core/db/outbox.hpp"
#include "core/metering/repository.hpp"
#include "core/plugin/facades/billing_provider.hpp"

namespace ccp::metering {

class Reporter {
 public:
  /// Everything passed must outlive the reporter.
  struct Deps {
    db::Db& db;
    const Clock& clock;
    Random& random;
    Metrics& metrics;
    const config::LiveSettings& settings;
    billing::Billing& billing;
    plugin::BillingProviders& providers;
  };
  explicit Reporter(const Deps& deps) : deps_(deps) {}

  /// A `usage.accepted` event: its hours are added up anew. Repeating it changes nothing.
  Status take(const db::OutboxEvent& event);
  /// Sends one batch for each instance; true when there is more at once.
  Result<bool> step();
  Result<Waiting> waiting();
  /// Shows waiting() as gauges.
  Status measure();

 private:
  Status noteHours(db::Tx& tx, const std::string& org, Timestamp from, Timestamp until);
  bool send(const std::string& instance, std::vector<Hour> hours);

  Deps deps_;
  Repository repository_;
};

}  // namespace ccp::metering
