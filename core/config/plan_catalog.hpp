// The plan catalog as values: plans in their order (lowest first), what they grant, what their prices
// cost and what each provider calls them. Values; safe to copy between threads.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/error.hpp"
#include "core/base/json.hpp"

namespace ccp::config {

/// What "unlimited" in the catalog stands for: the largest integer that JSON keeps everywhere, so that
/// every comparison with a count works without a special case.
inline constexpr std::int64_t kUnlimited = 9007199254740991;
/// The largest amount of money in minor units (product.md, Conventions).
inline constexpr std::int64_t kMaxAmount = 9007199254740991;
inline constexpr std::int64_t kMaxQuantity = 1'000'000;

struct ProviderPrice {
  std::string product;  ///< provider's product id; may be empty
  std::string price;    ///< provider's price id; may be empty
  bool operator==(const ProviderPrice&) const = default;
};

/// A step of a volume price: every unit costs `amount_minor` when the quantity is at most `up_to`.
struct PriceTier {
  std::optional<std::int64_t> up_to;  ///< nothing: the last step, without an end
  std::int64_t amount_minor = 0;
  bool operator==(const PriceTier&) const = default;
};

struct Price {
  std::string id;
  std::string per;                ///< "seat" or "org"
  std::string interval;           ///< "month" or "year"
  std::int64_t amount_minor = 0;  ///< of one unit; with tiers that of the first step
  std::string currency;
  std::string privacy = "minimized";
  int trial_days = 0;
  std::map<std::string, ProviderPrice> providers = {};  ///< by billing instance name
  std::vector<PriceTier> tiers = {};               ///< empty: every unit costs amount_minor
  bool retired = false;                            ///< not sold any more; running subscriptions keep it
};

struct Plan {
  std::string id;
  std::string title;
  std::vector<std::string> entitlements;
  std::map<std::string, std::int64_t> limits;
  std::vector<Price> prices;
};

/// What `quantity` units cost per interval, in minor units. Volume pricing: the step that the whole
/// quantity falls in prices every unit. A price per organization costs the same for any quantity.
/// `validation_failed` below 1, beyond kMaxQuantity, or when the amount leaves ±2^53.
Result<std::int64_t> priceOf(const Price& price, std::int64_t quantity);

struct PlanCatalog {
  std::string fallback = "community";  ///< plan of an org without a live license; "none" = no pack
  std::vector<Plan> plans;
  const Plan* find(std::string_view id) const;
  struct PriceRef {
    const Plan* plan = nullptr;
    const Price* price = nullptr;
  };
  PriceRef findPrice(std::string_view price_id) const;
  /// By what a provider says; {nullptr, nullptr} when unknown.
  PriceRef findProvider(std::string_view instance, std::string_view product, std::string_view price) const;
};

/// The plans of a list that catalogMistakes() found nothing wrong with.
std::vector<Plan> readPlans(const Json& list);

}  // namespace ccp::config
