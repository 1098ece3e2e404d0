// Receives provider webhooks: verify, parse, store the raw delivery, only then acknowledge. What
// cannot be verified is refused and leaves no row.
// Threads: thread-safe.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "core/base/metrics.hpp"
#include "core/base/random.hpp"
#include "core/billing/inbox_repository.hpp"
#include "core/config/live_settings.hpp"
#include "core/db/batcher.hpp"
#include "core/plugin/facades/billing_provider.hpp"

namespace ccp::billing {

struct Delivery {
  std::string instance;
  HeaderList headers;
  std::string_view body;  ///< raw bytes as received
  Deadline deadline = Deadline::none();
  std::string request_id;
};

/// What became of a delivery.
struct Accepted {
  std::string id;  ///< whk_…; empty for a duplicate
  bool duplicate = false;
  /// The stored row and what it says; nothing for a duplicate, or when the plugin could not read it.
  std::optional<Stored> stored;
};

/// Header fields without credentials: what the inbox keeps.
HeaderList withoutCredentials(const HeaderList& headers);

class Webhooks {
 public:
  Webhooks(db::Db& db, InboxRepository& inbox, plugin::BillingProviders& providers,
           const config::LiveSettings& settings, const Clock& clock, Random& random, Metrics& metrics);

  /// Verifies and stores; after success the delivery survives a crash. `signature_invalid` or
  /// `signature_stale` (401, not stored), `not_found` for an unknown instance, `plugin_unavailable`
  /// (503) when the plugin cannot say.
  Result<Accepted> accept(const Delivery& delivery);
  /// The instance that the seeds' aliases mean: the first one of this plugin.
  Result<std::string> instanceOf(const std::string& plugin_id) const;

 private:
  Result<Accepted> store(const Delivery& delivery,
                         const Result<std::vector<plugin::BillingEvent>>& events);
  void count(const std::string& instance, const char* outcome);

  InboxRepository& inbox_;
  db::Batcher<Arrival, bool> arrivals_;
  plugin::BillingProviders& providers_;
  const config::LiveSettings& settings_;
  const Clock& clock_;
  Random& random_;
  Metrics& metrics_;
};

}  // namespace ccp::billing
