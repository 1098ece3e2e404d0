// What a changed plan catalog does to those who have bought by the one before. Pure; any thread.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "core/base/error.hpp"
#include "core/base/json.hpp"
#include "core/config/plan_catalog.hpp"

namespace ccp::billing {

/// Who uses the catalog now, counted.
struct CatalogUse {
  struct OfPlan {
    std::string plan;
    std::int64_t orgs = 0;   ///< whose license has the plan in force
    std::int64_t seats = 0;  ///< that their licenses allow
  };
  struct OfPrice {
    std::string price;     ///< of the catalog
    std::string instance;  ///< billing instance where the subscriptions run
    std::int64_t subscriptions = 0, orgs = 0, seats = 0;
  };
  std::vector<OfPlan> plans;
  std::vector<OfPrice> prices;  ///< of subscriptions that have not ended
};

struct CatalogDiff {
  struct Changed {
    std::string what;  ///< "limits.agents", "amount", "providers.polar", …
    Json before, after;
  };
  struct OfPrice {
    std::string id;
    std::string kind;  ///< added, removed, changed
    std::vector<Changed> changes;
    std::int64_t subscriptions = 0, orgs = 0, seats = 0;
  };
  struct OfPlan {
    std::string id;
    std::string kind;  ///< added, removed, changed
    std::vector<Changed> changes;
    std::int64_t orgs = 0, seats = 0;
    std::vector<OfPrice> prices;
  };
  std::vector<OfPlan> plans;  ///< with changes only; the new catalog's order, then what is removed
  /// Why a reload refuses it; empty: it may be applied.
  std::vector<std::string> refusals;
  bool empty() const noexcept { return plans.empty(); }
  Json json() const;
};

CatalogDiff diffCatalogs(const config::PlanCatalog& running, const config::PlanCatalog& wanted,
                         const CatalogUse& use);

/// `catalog_in_use` when a provider's id, by which running subscriptions are known, would stand nowhere any
/// more: their events would say nothing to us. Keep the price, marked `retired: true`, until they have ended.
Status checkCatalogInUse(const config::PlanCatalog& running, const config::PlanCatalog& wanted,
                         const CatalogUse& use);

}  // namespace ccp::billing
