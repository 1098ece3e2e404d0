// GET /v1/plans: what can be bought and what the org has.
// Threads: thread-safe.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "core/billing/repository.hpp"
#include "core/config/live_settings.hpp"
#include "core/licensing/service.hpp"

namespace ccp::billing {

struct CurrentPlan {
  std::string plan;  ///< in force
  std::optional<std::string>
      price;  ///< of the subscription that decided; nothing for fallback and terms
  std::optional<std::int64_t> quantity;  ///< of that subscription
  std::int64_t seats = 1;                ///< that the license allows
};

/// An org's billing as a page shows it.
struct Standing {
  licensing::Decision decision;
  licensing::Entitlements entitlements;
  bool has_portal = false;  ///< it has bought something: there is a portal
};

class Catalog {
 public:
  Catalog(db::Db& db, Repository& repository, licensing::Licenses& licenses,
          const config::LiveSettings& settings)
      : db_(db), repository_(repository), licenses_(licenses), settings_(settings) {}

  Result<CurrentPlan> current(const std::string& org);
  Result<Standing> standing(const std::string& org);
  /// As it is now; hold it while you use it.
  std::shared_ptr<const config::Settings> settings() const { return settings_.now(); }

 private:
  db::Db& db_;
  Repository& repository_;
  licensing::Licenses& licenses_;
  const config::LiveSettings& settings_;
};

}  // namespace ccp::billing
