#include "policy/packs/shipped.hpp"

#include <doctest/doctest.h>

#include <algorithm>

using namespace ccp;
using namespace ccp::policy;

TEST_CASE("the shipped set answers every point, and needs nobody's signature") {
  const auto& set = shippedSet();
  CHECK(set.org == kOperatorSet);
  CHECK(set.version == 0);
  CHECK((set.origin == Origin::builtin));
  REQUIRE(set.packs.size() == 1);
  const auto& pack = set.packs[0].document;
  CHECK(pack.name == "default");
  CHECK(set.packs[0].sha256.size() == 64);
  for (const auto& point : allPoints()) {
    CAPTURE(point.name);
    const auto entry = pack.entry.find(point.point);
    REQUIRE(entry != pack.entry.end());
    CHECK(std::any_of(pack.files.begin(), pack.files.end(), [&](const auto& file) { return file.first == entry->second; }));
  }
}
