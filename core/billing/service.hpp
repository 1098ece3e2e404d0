// What other features may ask of billing. Threads: thread-safe.
#pragma once

#include <optional>
#include <string>

#include "core/base/error.hpp"
#include "core/base/json.hpp"
#include "core/base/time.hpp"
#include "core/db/db.hpp"

namespace ccp::billing {

/// How billing stands, for operators.
struct BillingHealth {
  std::int64_t webhooks_waiting = 0;
  std::int64_t webhooks_parked = 0;  ///< customers that are not ours
  std::int64_t webhooks_dead = 0;
  std::int64_t subscriptions_dirty = 0;
  Json reconciler;  ///< last call, counters since start, last error by instance
  /// What each provider's plugin found: {"instance","level","code","text"}.
  Json findings = Json::array();
};

/// Whose usage is billed, and where.
struct MeteredCustomer {
  std::string instance;
  std::string provider_customer_id;
};

class Billing {
 public:
  virtual ~Billing() = default;
  /// Asks every instance to diagnose itself; may block on providers until `deadline`.
  virtual Result<BillingHealth> health(const Deadline& deadline) = 0;
  /// The customer behind the subscription that counts for an org's license; nothing for those that
  /// do not pay through a provider.
  virtual std::optional<MeteredCustomer> meteredCustomer(db::Tx& tx, const std::string& org) = 0;
};

}  // namespace ccp::billing
