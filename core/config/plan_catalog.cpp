#include "core/config/settings.hpp"

namespace ccp::config {

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
