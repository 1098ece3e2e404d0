// plans.yaml: whatever the text, it ends with plans whose prices can be asked for any quantity, or with
// mistakes that name their place.
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "core/config/catalog_check.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace ccp::config;
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const auto catalog = parseCatalog(text, "fuzz.yaml", "none", {});
  if (!catalog) {
    if (catalog.error().detail.rfind("fuzz.yaml", 0) != 0) std::abort();
    return 0;
  }
  for (const auto& plan : catalog->plans) {
    if (catalog->find(plan.id) != &plan) std::abort();
    for (const auto& price : plan.prices) {
      if (catalog->findPrice(price.id).price != &price) std::abort();
      for (const std::int64_t quantity : {INT64_MIN, std::int64_t{0}, std::int64_t{1}, std::int64_t{11}, kMaxQuantity, INT64_MAX}) {
        const auto total = priceOf(price, quantity);
        if (total && (*total < 0 || *total > kMaxAmount)) std::abort();
      }
      for (const auto& [instance, ids] : price.providers) {
        if (catalog->findProvider(instance, ids.product, ids.price).price != &price) std::abort();
      }
    }
  }
  return 0;
}
