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

struct Table {
  explicit Table(db::Db& db, std::uint8_t key = 7)
      : repository(db, *crypto::MasterKey::fromBytes(Bytes(32, key)), random) {}
  SystemRandom random;
  app::IdempotencyRepository repository;
};
}  // namespace

CCP_DB_TEST("a stored answer is replayed with its status, headers and body", &app::kMigrations) {
  Table made(db);
  auto& table = made.repository;
  REQUIRE(table.begin(kKey)->outcome == Outcome::fresh);
  CHECK(table.begin(kKey)->outcome == Outcome::in_progress);
  auto answer = http::Response::json(Json::object({{"id", "chk_1"}, {"umlaut", "ä\n\"x\""}}), 201);
  answer.header("Location", "/v1/billing/checkout/chk_1");
  REQUIRE(table.complete(kKey, answer));
  Table after_restart(db);
  const auto again = after_restart.repository.begin(kKey);
  REQUIRE(again);
  CHECK(again->outcome == Outcome::replay);
  CHECK(again->response.status == 201);
  CHECK(again->response.body == answer.body);
  CHECK(again->response.headers.fields() == answer.headers.fields());
}

CCP_DB_TEST("what an answer says can be read with the master key only, and for its own request",
            &app::kMigrations) {
  Table first(db);
  auto& table = first.repository;
  REQUIRE(table.begin(kKey)->outcome == Outcome::fresh);
  REQUIRE(table.complete(
      kKey, http::Response::json(Json::object({{"link", "https://acme.example/invite#code-9"}}))));
  const auto stored = db.read(db::Scope::system(), [](db::Tx& tx) -> Result<std::string> {
    return std::get<0>(*tx.one<std::string>("select body from idempotency", {}));
  });
  REQUIRE(stored);
  CHECK(stored->find("code-9") == std::string::npos);
  Table stranger(db, 8);
  CHECK(stranger.repository.begin(kKey).error().code == Errc::data_loss);
  // Moved to another request's row it opens for nobody.
  REQUIRE(db.write(db::Scope::system(), [](db::Tx& tx) -> Status {
    tx.exec("update idempotency set id = 'moved'", {});
    return {};
  }));
  CHECK(table.begin({"org_1", "moved", "request-hash"}).error().code == Errc::data_loss);
}

CCP_DB_TEST("who took longer than its reservation does not answer for who came after it",
            &app::kMigrations) {
  Table made(db);
  auto& table = made.repository;
  const http::IdempotencyKey other{kKey.org, kKey.id, "another-request"};
  REQUIRE(table.begin(kKey)->outcome == Outcome::fresh);
  env.clock.advance(minutes(3));
  REQUIRE(table.begin(other)->outcome == Outcome::fresh);
  REQUIRE(table.complete(kKey, http::Response::text("late")));
  table.abandon(kKey);
  CHECK(table.begin(other)->outcome == Outcome::in_progress);
  REQUIRE(table.complete(other, http::Response::text("right")));
  CHECK(table.begin(other)->response.body == "right");
}

CCP_DB_TEST("an answer from before bodies were sealed is replayed", &app::kMigrations) {
  Table made(db);
  auto& table = made.repository;
  REQUIRE(table.begin(kKey)->outcome == Outcome::fresh);
  REQUIRE(db.write(db::Scope::system(), [](db::Tx& tx) -> Status {
    tx.exec(
        "update idempotency set state = 'done', status = 200, headers = '[]', body = '{\"a\":1}'",
        {});
    return {};
  }));
  const auto again = table.begin(kKey);
  REQUIRE(again);
  CHECK(again->outcome == Outcome::replay);
  CHECK(again->response.body == "{\"a\":1}");
}

CCP_DB_TEST("the same key of another request or another asker is told apart", &app::kMigrations) {
  Table made(db);
  auto& table = made.repository;
  REQUIRE(table.begin(kKey)->outcome == Outcome::fresh);
  CHECK(table.begin({"org_1", "key-hash", "other-request"})->outcome == Outcome::mismatch);
  CHECK(table.begin({"org_2", "key-hash", "request-hash"})->outcome == Outcome::fresh);
  CHECK(table.begin({"", "key-hash", "request-hash"})->outcome == Outcome::fresh);
}

CCP_DB_TEST("an abandoned reservation is free at once, a forgotten one after its time",
            &app::kMigrations) {
  Table made(db);
  auto& table = made.repository;
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
