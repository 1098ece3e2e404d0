// Receives provider webhooks: verify, store the raw delivery, only then acknowledge. What cannot be
// verified is refused and leaves no row. What a delivery says is read when it is decided
// (inbox.hpp), unless the plugin does not tell its event's id otherwise. Threads: thread-safe.
#pragma once

#include <memory>
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
  std::string body;  ///< raw bytes as received
  Deadline deadline = Deadline::none();
  std::string request_id;
};

/// What became of a delivery.
struct Accepted {
  std::string id;  ///< whk_…; empty for a duplicate
  bool duplicate = false;
  std::optional<Stored> stored;  ///< nothing for a duplicate
};

/// Header fields without credentials: what the inbox keeps.
HeaderList withoutCredentials(const HeaderList& headers);

class Webhooks {
 public:
  Webhooks(db::Db& db, InboxRepository& inbox, plugin::BillingProviders& providers,
           const config::LiveSettings& settings, const Clock& clock, Random& random, Metrics& metrics);

  /// Verifies and stores deliveries of one instance together; an answer for each. After success it
  /// survives a crash. `signature_invalid` or `signature_stale` (401, not stored), `not_found` for
  /// an unknown instance, `plugin_unavailable` (503) when the plugin cannot say.
  std::vector<Result<Accepted>> accept(const std::string& instance,
                                       std::vector<Delivery> deliveries);
  /// `not_found`, or `plugin_unavailable`.
  Result<std::shared_ptr<plugin::BillingProvider>> provider(const std::string& instance) const;
  /// The instance that the seeds' aliases mean: the first one of this plugin.
  Result<std::string> instanceOf(const std::string& plugin_id) const;

 private:
  struct Received;
  void verify(plugin::BillingProvider& provider, std::vector<Received>& all);
  void store(std::vector<Received>& all);
  InboxRow rowOf(Received& received);
  Error refusal(const std::string& instance, const Error& error);
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
