#include "core/billing/catalog_diff.hpp"

#include <algorithm>
#include <set>

namespace ccp::billing {

namespace {

using config::Plan;
using config::PlanCatalog;
using config::Price;

Json limitJson(std::int64_t value) {
  return value >= config::kUnlimited ? Json("unlimited") : Json(value);
}

Json amountJson(const Price& price) {
  if (price.tiers.empty()) {
    return Json::object({{"amount_minor", price.amount_minor}, {"currency", price.currency}});
  }
  Json tiers = Json::array();
  for (const auto& tier : price.tiers)
    tiers.push(Json::object({{"up_to", tier.up_to}, {"amount_minor", tier.amount_minor}}));
  return Json::object({{"tiers", tiers}, {"currency", price.currency}});
}

Json idsJson(const config::ProviderPrice& ids) {
  Json out = Json::object();
  if (!ids.product.empty()) out.set("product", ids.product);
  if (!ids.price.empty()) out.set("price", ids.price);
  return out;
}

void compare(std::vector<CatalogDiff::Changed>& out, std::string what, Json before, Json after) {
  if (!(before == after)) out.push_back({std::move(what), std::move(before), std::move(after)});
}

std::vector<CatalogDiff::Changed> comparePrices(const Price& before, const Price& after) {
  std::vector<CatalogDiff::Changed> out;
  compare(out, "amount", amountJson(before), amountJson(after));
  compare(out, "per", before.per, after.per);
  compare(out, "interval", before.interval, after.interval);
  compare(out, "privacy", before.privacy, after.privacy);
  compare(out, "trial_days", before.trial_days, after.trial_days);
  compare(out, "retired", before.retired, after.retired);
  std::set<std::string> instances;
  for (const auto& [name, ids] : before.providers) instances.insert(name);
  for (const auto& [name, ids] : after.providers) instances.insert(name);
  for (const auto& name : instances) {
    const auto ids = [&](const Price& price) {
      const auto at = price.providers.find(name);
      return at == price.providers.end() ? Json() : idsJson(at->second);
    };
    compare(out, "providers." + name, ids(before), ids(after));
  }
  return out;
}

std::vector<CatalogDiff::Changed> comparePlans(const Plan& before, const Plan& after) {
  std::vector<CatalogDiff::Changed> out;
  compare(out, "title", before.title, after.title);
  std::set<std::string> features(before.entitlements.begin(), before.entitlements.end());
  features.insert(after.entitlements.begin(), after.entitlements.end());
  const auto has = [](const Plan& plan, const std::string& feature) {
    const auto& list = plan.entitlements;
    return std::find(list.begin(), list.end(), feature) != list.end();
  };
  for (const auto& feature : features)
    compare(out, "features." + feature, has(before, feature), has(after, feature));
  std::set<std::string> limits;
  for (const auto& [name, value] : before.limits) limits.insert(name);
  for (const auto& [name, value] : after.limits) limits.insert(name);
  for (const auto& name : limits) {
    const auto limit = [&](const Plan& plan) {
      const auto at = plan.limits.find(name);
      return at == plan.limits.end() ? Json() : limitJson(at->second);
    };
    compare(out, "limits." + name, limit(before), limit(after));
  }
  return out;
}

const Price* priceOfPlan(const Plan* plan, const std::string& id) {
  if (!plan) return nullptr;
  for (const auto& price : plan->prices) {
    if (price.id == id) return &price;
  }
  return nullptr;
}

void count(CatalogDiff::OfPrice& out, const CatalogUse& use) {
  for (const auto& each : use.prices) {
    if (each.price != out.id) continue;
    out.subscriptions += each.subscriptions;
    out.orgs += each.orgs;
    out.seats += each.seats;
  }
}

std::vector<CatalogDiff::OfPrice> pricesOf(const Plan* before, const Plan* after,
                                           const CatalogUse& use) {
  std::vector<CatalogDiff::OfPrice> out;
  const auto add = [&](const std::string& id, const char* kind,
                       std::vector<CatalogDiff::Changed> changes) {
    CatalogDiff::OfPrice price{id, kind, std::move(changes)};
    count(price, use);
    out.push_back(std::move(price));
  };
  if (after) {
    for (const auto& price : after->prices) {
      const Price* old = priceOfPlan(before, price.id);
      if (!old) {
        add(price.id, "added", {});
      } else if (auto changes = comparePrices(*old, price); !changes.empty()) {
        add(price.id, "changed", std::move(changes));
      }
    }
  }
  if (before) {
    for (const auto& price : before->prices) {
      if (!priceOfPlan(after, price.id)) add(price.id, "removed", {});
    }
  }
  return out;
}

/// Place among the plans that both catalogs have: that is what a change upwards or downwards is judged by.
std::vector<std::string> sharedOrder(const PlanCatalog& catalog, const PlanCatalog& other) {
  std::vector<std::string> out;
  for (const auto& plan : catalog.plans) {
    if (other.find(plan.id)) out.push_back(plan.id);
  }
  return out;
}

std::string nameOf(const std::string& instance, const config::ProviderPrice& ids) {
  return instance + " " + (ids.price.empty() ? ids.product : ids.price);
}

}  // namespace

CatalogDiff diffCatalogs(const PlanCatalog& running, const PlanCatalog& wanted,
                         const CatalogUse& use) {
  CatalogDiff out;
  const auto order_before = sharedOrder(running, wanted), order_after = sharedOrder(wanted, running);
  const auto place = [](const std::vector<std::string>& order, const std::string& id) {
    return static_cast<int>(std::find(order.begin(), order.end(), id) - order.begin()) + 1;
  };
  const auto add = [&](const Plan* before, const Plan* after) {
    CatalogDiff::OfPlan plan;
    plan.id = (after ? after : before)->id;
    plan.kind = !before ? "added" : !after ? "removed" : "changed";
    if (before && after) {
      plan.changes = comparePlans(*before, *after);
      compare(plan.changes, "order", place(order_before, plan.id), place(order_after, plan.id));
    }
    plan.prices = pricesOf(before, after, use);
    if (plan.kind == "changed" && plan.changes.empty() && plan.prices.empty()) return;
    for (const auto& each : use.plans) {
      if (each.plan == plan.id) plan.orgs += each.orgs, plan.seats += each.seats;
    }
    out.plans.push_back(std::move(plan));
  };
  for (const auto& plan : wanted.plans) add(running.find(plan.id), &plan);
  for (const auto& plan : running.plans) {
    if (!wanted.find(plan.id)) add(&plan, nullptr);
  }
  for (const auto& each : use.prices) {
    const auto ref = running.findPrice(each.price);
    if (!ref.price) continue;  // unknown already: nothing is lost
    const auto ids = ref.price->providers.find(each.instance);
    if (ids == ref.price->providers.end()) continue;
    if (wanted.findProvider(each.instance, ids->second.product, ids->second.price).price) continue;
    const auto n = std::to_string(each.subscriptions);
    out.refusals.push_back(
        (wanted.findPrice(each.price).price
             ? "The price " + each.price + " drops the id " + nameOf(each.instance, ids->second)
             : "The price " + each.price + " (" + nameOf(each.instance, ids->second) + ") is removed") +
        ", but " + n + " running subscription(s) of " + std::to_string(each.orgs) +
        " organization(s) use it.");
  }
  return out;
}

Status checkCatalogInUse(const PlanCatalog& running, const PlanCatalog& wanted,
                         const CatalogUse& use) {
  const auto diff = diffCatalogs(running, wanted, use);
  if (diff.refusals.empty()) return {};
  Error error{Errc::catalog_in_use, {}};
  for (const auto& refusal : diff.refusals) error.detail += refusal + " ";
  error.detail += "Keep the price in the catalog, marked `retired: true`: it is not sold any more.";
  return fail(std::move(error));
}

Json CatalogDiff::json() const {
  const auto changed = [](const std::vector<Changed>& list) {
    Json items = Json::array();
    for (const auto& each : list) {
      items.push(Json::object({{"what", each.what}, {"before", each.before}, {"after", each.after}}));
    }
    return items;
  };
  Json items = Json::array();
  for (const auto& plan : plans) {
    Json prices = Json::array();
    for (const auto& price : plan.prices) {
      prices.push(Json::object({{"id", price.id},
                                {"kind", price.kind},
                                {"changes", changed(price.changes)},
                                {"subscriptions", price.subscriptions},
                                {"orgs", price.orgs},
                                {"seats", price.seats}}));
    }
    items.push(Json::object({{"id", plan.id},
                             {"kind", plan.kind},
                             {"changes", changed(plan.changes)},
                             {"orgs", plan.orgs},
                             {"seats", plan.seats},
                             {"prices", std::move(prices)}}));
  }
  Json reasons = Json::array();
  for (const auto& refusal : refusals) reasons.push(refusal);
  return Json::object({{"plans", std::move(items)},
                       {"refused", !refusals.empty()},
                       {"refusals", std::move(reasons)}});
}

}  // namespace ccp::billing
