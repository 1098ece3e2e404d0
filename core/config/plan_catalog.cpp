#include "core/config/plan_catalog.hpp"

namespace ccp::config {
namespace {

Price readPrice(const Json& json) {
  Price price;
  price.id = json.strOr("id");
  price.per = json.strOr("per", "seat");
  price.interval = json.strOr("interval");
  price.amount_minor = json.intOr("amount_minor");
  for (const auto& tier : json["tiers"].items()) price.tiers.push_back({tier.optInt("up_to"), tier.intOr("amount_minor")});
  if (!price.tiers.empty()) price.amount_minor = price.tiers.front().amount_minor;
  price.currency = json.strOr("currency");
  price.privacy = json.strOr("privacy", "minimized");
  price.trial_days = static_cast<int>(json.intOr("trial_days"));
  price.retired = json.boolOr("retired");
  for (const auto& [instance, ids] : json["providers"].members()) {
    price.providers[instance] = {ids.strOr("product"), ids.strOr("price")};
  }
  return price;
}

Plan readPlan(const Json& json) {
  Plan plan;
  plan.id = json.strOr("id");
  plan.title = json.strOr("title", plan.id);
  for (const auto& each : json["entitlements"].items()) {
    if (const auto* code = each.asString()) plan.entitlements.push_back(*code);
  }
  for (const auto& [name, limit] : json["limits"].members()) plan.limits[name] = limit.asInt().value_or(kUnlimited);
  for (const auto& price : json["prices"].items()) plan.prices.push_back(readPrice(price));
  return plan;
}

}  // namespace

std::vector<Plan> readPlans(const Json& list) {
  std::vector<Plan> out;
  for (const auto& plan : list.items()) out.push_back(readPlan(plan));
  return out;
}

Result<std::int64_t> priceOf(const Price& price, std::int64_t quantity) {
  if (quantity < 1 || quantity > kMaxQuantity) {
    return fail(Errc::validation_failed, "A quantity is 1 to " + std::to_string(kMaxQuantity) + ".");
  }
  std::int64_t unit = price.amount_minor;
  if (!price.tiers.empty()) {
    const PriceTier* step = nullptr;
    for (const auto& tier : price.tiers) {
      step = &tier;
      if (!tier.up_to || quantity <= *tier.up_to) break;
    }
    unit = step->amount_minor;
  }
  if (unit < 0 || unit > kMaxAmount) return fail(Errc::validation_failed, "The price " + price.id + " is out of range.");
  if (price.per == "org") return unit;
  if (unit > kMaxAmount / quantity) {
    return fail(Errc::validation_failed, std::to_string(quantity) + " times the price " + price.id + " is more money than can be counted.");
  }
  return unit * quantity;
}

const Plan* PlanCatalog::find(std::string_view id) const {
  for (const auto& plan : plans) {
    if (plan.id == id) return &plan;
  }
  return nullptr;
}

PlanCatalog::PriceRef PlanCatalog::findPrice(std::string_view price_id) const {
  for (const auto& plan : plans) {
    for (const auto& price : plan.prices) {
      if (price.id == price_id) return {&plan, &price};
    }
  }
  return {};
}

PlanCatalog::PriceRef PlanCatalog::findProvider(std::string_view instance, std::string_view product,
                                                std::string_view price) const {
  PriceRef by_product;
  for (const auto& plan : plans) {
    for (const auto& candidate : plan.prices) {
      const auto at = candidate.providers.find(std::string(instance));
      if (at == candidate.providers.end()) continue;
      const auto& ids = at->second;
      // A price id says more than a product id: several prices may share a product.
      if (!ids.price.empty() && ids.price == price) return {&plan, &candidate};
      if (ids.price.empty() && !ids.product.empty() && ids.product == product) by_product = {&plan, &candidate};
    }
  }
  return by_product;
}

}  // namespace ccp::config
