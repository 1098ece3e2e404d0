#include <doctest/doctest.h>

#include "core/base/encoding.hpp"
#include "core/db/migrator.hpp"

using namespace ccp;
using namespace ccp::db;

namespace {
const MigrationSet kA{"a", {{"001", "one"}, {"002", "two"}}};
const MigrationSet kB{"b", {{"001", "eins"}}};

AppliedMigration done(std::string feature, std::string name, std::string_view text) {
  return {std::move(feature), std::move(name), sha256Hex(text)};
}
}  // namespace

TEST_CASE("the plan is what is missing, features in order, then names in order") {
  const auto plan = planMigrations({done("a", "001", "one")}, {&kA, &kB});
  REQUIRE(plan);
  REQUIRE(plan->size() == 2);
  CHECK((*plan)[0].feature == "a");
  CHECK((*plan)[0].migration.name == "002");
  CHECK((*plan)[0].sha256 == sha256Hex("two"));
  CHECK((*plan)[1].feature == "b");
  CHECK(planMigrations({done("a", "001", "one"), done("a", "002", "two"), done("b", "001", "eins")}, {&kA, &kB})->empty());
}

TEST_CASE("a plan is refused when history and program disagree") {
  const struct {
    std::vector<AppliedMigration> applied;
    const char* says;
  } cases[] = {
      {{done("a", "001", "ONE")}, "a/001 was applied with another text"},
      {{done("a", "001", "one"), done("a", "002", "two"), done("a", "003", "three")}, "a/003"},
      {{done("c", "001", "x")}, "c/001"},
      {{done("a", "002", "two")}, "not the earlier a/001"},
  };
  for (const auto& c : cases) {
    CAPTURE(c.says);
    const auto plan = planMigrations(c.applied, {&kA, &kB});
    REQUIRE_FALSE(plan);
    CHECK(plan.error().code == Errc::store_error);
    CHECK(plan.error().detail.find(c.says) != std::string::npos);
  }
}
