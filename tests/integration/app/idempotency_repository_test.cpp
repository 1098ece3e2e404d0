#include <doctest/doctest.h>

#include "core/app/idempotency_repository.hpp"
#include "tests/support/temp_db.hpp"

namespace ccp::app {
extern const db::MigrationSet kMigrations;
}

using namespace ccp;
using Outcome = http::IdempotencyStore::Outcome;

namespace {
const http::IdempotencyKey kKey{"org_1", "key-hash", "request-hash"};
}

CCP_DB_TEST("a stored answer is replayed with its status, headers and body", &app::kMigrations) {
  app::IdempotencyRepository table(db);
  REQUIRE(table.begin(kKey)->outcome == Outcome::fresh);
  CHECK(table.begin(kKey)->outcome == Outcome::in_progress);
  auto answer = http::Response::json(Json::object({{"id", "chk_1"}, {"umlaut", "ä\n\"x\""}}), 201);
  answer.header("Location", "/v1/billing/checkout/chk_1");
  REQUIRE(table.complete(kKey, answer));
  app::IdempotencyRepository after_restart(db);
  const auto again = after_restart.begin(kKey);
  REQUIRE(again);
  CHECK(again->outcome == Outcome::replay);
  CHECK(again->response.status == 201);
  CHECK(again->response.body == answer.body);
  CHECK(again->response.headers.fields() == answer.headers.fields());
}

CCP_DB_TEST("the same key of another request or another asker is told apart", &app::kMigrations) {
  app::IdempotencyRepository table(db);
  REQUIRE(table.begin(kKey)->outcome == Outcome::fresh);
  CHECK(table.begin({"org_1", "key-hash", "other-request"})->outcome == Outcome::mismatch);
  CHECK(table.begin({"org_2", "key-hash", "request-hash"})->outcome == Outcome::fresh);
  CHECK(table.begin({"", "key-hash", "request-hash"})->outcome == Outcome::fresh);
}

CCP_DB_TEST("an abandoned reservation is free at once, a forgotten one after its time",
            &app::kMigrations) {
  app::IdempotencyRepository table(db);
  REQUIRE(table.begin(kKey)->outcome == Outcome::fresh);
  table.abandon(kKey);
  REQUIRE(table.begin(kKey)->outcome == Outcome::fresh);
  env.clock.advance(minutes(1));
  CHECK(table.begin(kKey)->outcome == Outcome::in_progress);
  env.clock.advance(minutes(2));
  CHECK(table.begin(kKey)->outcome == Outcome::fresh);
  SUBCASE("an answer that is stored is not abandoned") {
    REQUIRE(table.complete(kKey, http::Response::empty()));
    table.abandon(kKey);
    CHECK(table.begin(kKey)->outcome == Outcome::replay);
    env.clock.advance(hours(25));
    REQUIRE(table.purge());
    CHECK(table.begin(kKey)->outcome == Outcome::fresh);
  }
}
