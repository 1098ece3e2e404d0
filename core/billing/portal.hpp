// The provider's own page where an org changes, pauses or ends its subscription.
// Threads: thread-safe.
#pragma once

#include <string>

#include "core/billing/checkouts.hpp"

namespace ccp::billing {

class Portal {
 public:
  Portal(db::Db& db, Repository& repository, identity::Directory& directory,
         plugin::BillingProviders& providers, const config::LiveSettings& settings)
      : db_(db),
        repository_(repository),
        directory_(directory),
        providers_(providers),
        settings_(settings) {}

  /// URL at the provider of the newest live subscription, else of billing.default. `forbidden`;
  /// `conflict` when the org never bought anything.
  Result<std::string> link(const Buyer& buyer, const plugin::CallContext& context);

 private:
  db::Db& db_;
  Repository& repository_;
  identity::Directory& directory_;
  plugin::BillingProviders& providers_;
  const config::LiveSettings& settings_;
};

}  // namespace ccp::billing
