#include <array>
#include <stdexcept>

#include "policy/schema/schema.hpp"

namespace ccp::embedded {
std::string_view policySchemas(std::string_view name);
}

namespace ccp::policy {
namespace {

/// The files are part of the program: tests hold them, so that one that does not compile never ships.
std::array<Schema, kPointCount> load(std::string_view suffix) {
  const auto one = [&](Point point) {
    const std::string name = std::string(info(point).name) + std::string(suffix);
    const auto json = parseJson(embedded::policySchemas(name));
    if (!json) throw std::logic_error(name + ": " + json.error().text());
    auto schema = Schema::compile(*json);
    if (!schema) throw std::logic_error(name + ": " + schema.error().text());
    return std::move(*schema);
  };
  static_assert(kPointCount == 9);
  return {one(Point::feature_gate), one(Point::ingest_accept), one(Point::plugin_change),
          one(Point::model_use),    one(Point::redact),        one(Point::quota_overage),
          one(Point::seat_assign),  one(Point::pr_check),      one(Point::slack_run)};
}

}  // namespace

const Schema& inputSchema(Point point) {
  static const auto all = load(".in.json");
  return all[static_cast<std::size_t>(point)];
}

const Schema& resultSchema(Point point) {
  static const auto all = load(".out.json");
  return all[static_cast<std::size_t>(point)];
}

}  // namespace ccp::policy
