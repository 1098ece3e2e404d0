#include "policy/decision/point.hpp"

#include <doctest/doctest.h>

#include <set>
#include <string_view>

using namespace ccp::policy;

TEST_CASE("every decision point has a name of its own that leads back to it") {
  std::set<std::string_view> names;
  for (const auto& entry : allPoints()) {
    CHECK(names.insert(entry.name).second);
    CHECK((pointFromName(entry.name) == entry.point));  // doctest would take our toString()
    CHECK(info(entry.point).name == entry.name);
  }
  CHECK_FALSE(pointFromName("feature_gate"));
}

TEST_CASE("commercial points are those where an organization must not grant itself anything") {
  std::set<std::string_view> commercial;
  for (const auto& entry : allPoints()) {
    if (entry.commercial) commercial.insert(entry.name);
  }
  CHECK(commercial == std::set<std::string_view>{"feature.gate", "ingest.accept", "plugin.change", "quota.overage", "seat.assign"});
}
