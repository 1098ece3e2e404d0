// GET /v1/plans: what can be bought and what the org has.
// Threads: thread-safe.
#pragma once

#include <optional>
#include <string>

#include "core/billing/repository.hpp"
#include "core/licensing/service.hpp"

namespace ccp::billing {

struct CurrentPlan {
  std::string plan;  ///< in force
  std::optional<std::string>
      price;  ///< of the subscription that decided; nothing for fallback and terms
};

class Catalog {
 public:
  Catalog(db::Db& db, Repository& repository, licensing::Licenses& licenses,
          const config::Settings& settings)
      : db_(db), repository_(repository), licenses_(licenses), settings_(settings) {}

  Result<CurrentPlan> current(const std::string& org);
  const config::PlanCatalog& plans() const noexcept { return settings_.plans; }

 private:
  db::Db& db_;
  Repository& repository_;
  licensing::Licenses& licenses_;
  const config::Settings& settings_;
};

}  // namespace ccp::billing
