// Everything that is wrong with a plan catalog, at once: shape, values and what a schema cannot say
// (ids stand once, a provider's id under one price, steps ascend). Pure; any thread.
#pragma once

#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/error.hpp"
#include "core/base/json.hpp"
#include "core/config/plan_catalog.hpp"
#include "core/config/yaml.hpp"

namespace ccp::config {

struct CatalogMistake {
  std::string pointer;  ///< JSON pointer of the value, or of what lacks a value
  std::string why;      ///< "is the id of another plan as well."
};

/// What the providers of a price may be called: the configured instances, and the names of the billing
/// plugins that come with CCP, so that one catalog serves before, during and after a swap.
struct CatalogNames {
  std::set<std::string> instances;
  bool known(std::string_view instance) const;
};

/// In the order of the list; at most 100. `list` is the catalog at `base` ("" or "/plans/catalog").
std::vector<CatalogMistake> catalogMistakes(const Json& list, const std::string& base, const CatalogNames& names);

/// The mistakes as one Error: a line "file:line:column: /pointer why" each, in `fields` too.
Error catalogError(Errc code, const std::vector<CatalogMistake>& mistakes, const YamlDocument& document, const std::string& origin);

/// A catalog in a text of its own (YAML); `catalog_invalid` with every mistake.
Result<PlanCatalog> parseCatalog(std::string_view yaml, const std::string& origin, const std::string& fallback, const CatalogNames& names);

}  // namespace ccp::config
