#include "core/config/catalog_check.hpp"

#include <algorithm>
#include <array>
#include <functional>
#include <map>

#include "core/base/currency.hpp"

namespace ccp::config {
namespace {

constexpr std::size_t kMaxMistakes = 100;
constexpr std::size_t kMaxPlans = 200, kMaxPrices = 50, kMaxTiers = 50, kMaxNames = 200;
constexpr std::int64_t kMaxTrialDays = 90;
/// Instances are named after them by convention (ccp.billing-polar as "polar").
constexpr std::array<std::string_view, 3> kShipped{"polar", "sandbox", "stripe"};

std::string escaped(std::string_view key) {
  std::string out;
  for (const char c : key) out += c == '~' ? "~0" : c == '/' ? "~1" : std::string(1, c);
  return out;
}

/// `[a-z][a-z0-9_-]*`, at most `max` characters; a feature has no '-'.
bool isName(std::string_view text, bool dashes, std::size_t max = 63) {
  if (text.empty() || text.size() > max || text.front() < 'a' || text.front() > 'z') return false;
  return std::all_of(text.begin(), text.end(), [&](char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_' || (dashes && c == '-');
  });
}

std::string listed(const std::vector<std::string>& words) {
  std::string out;
  for (std::size_t i = 0; i < words.size(); ++i) out += (i == 0 ? "" : i + 1 == words.size() ? " or " : ", ") + words[i];
  return out;
}

class Check {
 public:
  Check(const CatalogNames& names) : names_(names) {}

  void catalog(const Json& list, const std::string& at) {
    if (!list.isArray()) return mistake(at, "must be a list of plans.");
    limited(list, at, kMaxPlans, "plans");
    for (std::size_t i = 0; i < list.size(); ++i) plan(list.items()[i], at + "/" + std::to_string(i));
  }

  std::vector<CatalogMistake> found;

 private:
  void mistake(const std::string& at, std::string why) {
    if (found.size() < kMaxMistakes) found.push_back({at, std::move(why)});
  }
  void limited(const Json& list, const std::string& at, std::size_t max, const char* what) {
    if (list.size() > max) mistake(at, "has more than " + std::to_string(max) + " " + what + ".");
  }
  bool isMap(const Json& value, const std::string& at, const char* what) {
    if (!value.isObject()) mistake(at, std::string("must be a mapping: ") + what + ".");
    return value.isObject();
  }
  void keys(const Json& value, const std::string& at, std::initializer_list<std::string_view> known) {
    for (const auto& [key, ignored] : value.members()) {
      if (std::find(known.begin(), known.end(), key) != known.end()) continue;
      std::string all;
      for (const auto& name : known) all += (all.empty() ? "" : ", ") + std::string(name);
      mistake(at + "/" + escaped(key), "is unknown here; known are " + all + ".");
    }
  }
  /// The id at `at`/id, noted in `seen`; empty when it is none.
  void id(const Json& value, const std::string& at, const char* what, std::set<std::string>& seen) {
    const Json* given = value.find("id");
    if (!given) return mistake(at, std::string("has no id."));
    const auto* text = given->asString();
    if (!text || !isName(*text, true)) return mistake(at + "/id", "must be a name of a-z, 0-9, _ and -, beginning with a letter, at most 63 characters.");
    if (!seen.insert(*text).second) mistake(at + "/id", std::string("is the id of another ") + what + " as well.");
  }
  void oneOf(const Json& value, const std::string& at, std::string_view key, const std::vector<std::string>& words, bool required) {
    const Json* given = value.find(key);
    const std::string name(key);
    if (!given) {
      if (required) mistake(at, "has no " + name + ": " + listed(words) + ".");
      return;
    }
    const auto* text = given->asString();
    if (!text || std::find(words.begin(), words.end(), *text) == words.end()) mistake(at + "/" + name, "must be " + listed(words) + ".");
  }
  /// True for an integer in [min, max].
  bool number(const Json& value, const std::string& at, std::int64_t min, std::int64_t max) {
    const auto n = value.asInt();
    const bool good = n && *n >= min && *n <= max;
    if (!good) mistake(at, "must be an integer from " + std::to_string(min) + " to " + std::to_string(max) + ".");
    return good;
  }

  void plan(const Json& value, const std::string& at) {
    if (!isMap(value, at, "id, title, entitlements, limits, prices")) return;
    keys(value, at, {"id", "title", "entitlements", "limits", "prices"});
    id(value, at, "plan", plan_ids_);
    if (const Json* title = value.find("title")) {
      const auto* text = title->asString();
      if (!text || text->empty() || text->size() > 100) mistake(at + "/title", "must be a text of 1 to 100 characters.");
    }
    if (const Json* list = value.find("entitlements")) entitlements(*list, at + "/entitlements");
    if (const Json* map = value.find("limits")) limits(*map, at + "/limits");
    if (const Json* list = value.find("prices")) {
      const auto prices_at = at + "/prices";
      if (!list->isArray()) return mistake(prices_at, "must be a list of prices.");
      limited(*list, prices_at, kMaxPrices, "prices");
      for (std::size_t i = 0; i < list->size(); ++i) price(list->items()[i], prices_at + "/" + std::to_string(i));
    }
  }

  void entitlements(const Json& list, const std::string& at) {
    if (!list.isArray()) return mistake(at, "must be a list of feature codes.");
    limited(list, at, kMaxNames, "features");
    std::set<std::string> seen;
    for (std::size_t i = 0; i < list.size(); ++i) {
      const auto* code = list.items()[i].asString();
      const auto here = at + "/" + std::to_string(i);
      if (!code || !isName(*code, false)) {
        mistake(here, "must be a feature code of a-z, 0-9 and _, beginning with a letter, at most 63 characters.");
      } else if (!seen.insert(*code).second) {
        mistake(here, "stands in this list twice.");
      }
    }
  }

  void limits(const Json& map, const std::string& at) {
    if (!isMap(map, at, "a number or \"unlimited\" by name")) return;
    limited(map, at, kMaxNames, "limits");
    for (const auto& [name, value] : map.members()) {
      const auto here = at + "/" + escaped(name);
      if (!isName(name, false)) mistake(here, "is no name of a limit: a-z, 0-9 and _, beginning with a letter, at most 63 characters.");
      const auto n = value.asInt();
      const auto* word = value.asString();
      if (!(n && *n >= 0 && *n <= kUnlimited) && !(word && *word == "unlimited")) mistake(here, "must be an integer from 0, or unlimited.");
    }
  }

  void price(const Json& value, const std::string& at) {
    if (!isMap(value, at, "id, interval, amount_minor, currency, …")) return;
    keys(value, at, {"id", "per", "interval", "amount_minor", "tiers", "currency", "privacy", "trial_days", "retired", "providers"});
    id(value, at, "price", price_ids_);
    oneOf(value, at, "per", {"seat", "org"}, false);
    oneOf(value, at, "interval", {"month", "year"}, true);
    oneOf(value, at, "privacy", {"local_only", "minimized", "full"}, false);
    amount(value, at);
    if (const Json* currency = value.find("currency")) {
      const auto* code = currency->asString();
      if (!code || !currencyDigits(*code)) mistake(at + "/currency", "must be a currency code of ISO 4217, such as USD.");
    } else {
      mistake(at, "has no currency, such as USD.");
    }
    if (const Json* days = value.find("trial_days")) number(*days, at + "/trial_days", 0, kMaxTrialDays);
    if (const Json* retired = value.find("retired"); retired && !retired->isBool()) mistake(at + "/retired", "must be true or false.");
    if (const Json* map = value.find("providers")) providers(*map, at + "/providers");
  }

  void amount(const Json& value, const std::string& at) {
    const Json* flat = value.find("amount_minor");
    const Json* tiers = value.find("tiers");
    if (flat) number(*flat, at + "/amount_minor", 0, kMaxAmount);
    if (!flat && !tiers) return mistake(at, "has no amount_minor (cents) and no tiers.");
    if (!tiers) return;
    const auto list_at = at + "/tiers";
    if (flat) mistake(list_at, "stands beside amount_minor; a price has one of the two.");
    if (value.strOr("per", "seat") == "org") mistake(list_at, "needs per: seat; a price per organization has one amount.");
    if (!tiers->isArray() || tiers->empty()) return mistake(list_at, "must be a list such as [{up_to: 10, amount_minor: 2500}, {up_to: null, amount_minor: 2000}].");
    limited(*tiers, list_at, kMaxTiers, "steps");
    std::int64_t below = 0;
    for (std::size_t i = 0; i < tiers->size(); ++i) {
      const Json& tier = tiers->items()[i];
      const auto here = list_at + "/" + std::to_string(i);
      if (!isMap(tier, here, "up_to, amount_minor")) continue;
      keys(tier, here, {"up_to", "amount_minor"});
      if (const Json* unit = tier.find("amount_minor")) {
        number(*unit, here + "/amount_minor", 0, kMaxAmount);
      } else {
        mistake(here, "has no amount_minor.");
      }
      const bool last = i + 1 == tiers->size();
      const Json* up_to = tier.find("up_to");
      if (!up_to || up_to->isNull()) {
        if (!last) mistake(here, "has no end (up_to), so that the steps after it would never be reached.");
        continue;
      }
      if (last) {
        mistake(here + "/up_to", "is the end of the last step; leave it out (or null), so that every quantity has a price.");
        continue;
      }
      if (!number(*up_to, here + "/up_to", 1, kMaxQuantity)) continue;
      if (*up_to->asInt() <= below) mistake(here + "/up_to", "does not ascend: the step before ends at " + std::to_string(below) + ".");
      below = std::max(below, *up_to->asInt());
    }
  }

  void providers(const Json& map, const std::string& at) {
    if (!isMap(map, at, "the provider's ids by billing instance")) return;
    for (const auto& [instance, ids] : map.members()) {
      const auto here = at + "/" + escaped(instance);
      if (!names_.known(instance)) mistake(here, "names no instance under plugins, and no billing plugin that comes with CCP (polar, sandbox, stripe).");
      if (!isMap(ids, here, "product, price")) continue;
      keys(ids, here, {"product", "price"});
      if (!ids.find("product") && !ids.find("price")) mistake(here, "has neither product nor price.");
      bool good = true;
      for (const char* key : {"product", "price"}) {
        const Json* text = ids.find(key);
        if (!text) continue;
        if (!text->asString() || text->asString()->empty() || text->asString()->size() > 255) {
          mistake(here + "/" + key, "must be the provider's id, a text of 1 to 255 characters.");
          good = false;
        }
      }
      if (!good) continue;
      // A price id alone decides; a product stands for a price only where there is no price id.
      const auto price = ids.strOr("price");
      const auto key = instance + (price.empty() ? "\nproduct\n" + ids.strOr("product") : "\nprice\n" + price);
      if (!provider_ids_.insert(key).second) mistake(here, "names an id that stands under another price as well.");
    }
  }

  const CatalogNames& names_;
  std::set<std::string> plan_ids_, price_ids_, provider_ids_;
};

}  // namespace

bool CatalogNames::known(std::string_view instance) const {
  return instances.count(std::string(instance)) > 0 || std::find(kShipped.begin(), kShipped.end(), instance) != kShipped.end();
}

std::vector<CatalogMistake> catalogMistakes(const Json& list, const std::string& base, const CatalogNames& names) {
  Check check(names);
  check.catalog(list, base);
  return std::move(check.found);
}

Error catalogError(Errc code, const std::vector<CatalogMistake>& mistakes, const YamlDocument& document, const std::string& origin) {
  Error out{code, {}};
  // In the order of the text, as whoever corrects it reads.
  auto sorted = mistakes;
  std::stable_sort(sorted.begin(), sorted.end(), [&](const CatalogMistake& a, const CatalogMistake& b) {
    const auto at_a = document.place(a.pointer), at_b = document.place(b.pointer);
    return std::pair(at_a.line, at_a.column) < std::pair(at_b.line, at_b.column);
  });
  for (const auto& [pointer, why] : sorted) {
    const auto line = document.where(origin, pointer) + ": " + (pointer.empty() ? "/" : pointer) + " " + why;
    out.detail += (out.detail.empty() ? "" : "\n") + line;
    out.fields.push_back({pointer.empty() ? "/" : pointer, document.where(origin, pointer) + ": " + why});
  }
  return out;
}

Result<PlanCatalog> parseCatalog(std::string_view yaml, const std::string& origin, const std::string& fallback, const CatalogNames& names) {
  auto document = parseYaml(yaml, origin);
  if (!document) {
    Error error = document.error();
    error.code = Errc::catalog_invalid;
    return fail(std::move(error));
  }
  auto mistakes = catalogMistakes(document->value, "", names);
  PlanCatalog out;
  out.fallback = fallback;
  if (mistakes.empty()) {
    out.plans = readPlans(document->value);
    if (fallback != "none" && !out.find(fallback)) mistakes.push_back({"", "has no plan \"" + fallback + "\", which plans.fallback names."});
  }
  if (!mistakes.empty()) return fail(catalogError(Errc::catalog_invalid, mistakes, *document, origin));
  return out;
}

}  // namespace ccp::config
