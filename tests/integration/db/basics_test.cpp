// Units of work on both databases: values, errors, scope, outbox and audit rows.
#include "tests/support/temp_db.hpp"

#include <filesystem>
#include <limits>

using namespace ccp;
using namespace ccp::db;

namespace {

const MigrationSet kNotes{"notes",
                          {{"001_init",
                            "create table notes (org_id text not null, id text not null, body text, n bigint, r double "
                            "precision, primary key (org_id, id));"
                            "create unique index notes_n on notes (org_id, n)"}}};

Status add(Tx& tx, std::string_view org, std::string_view id, Value body = nullptr, Value n = nullptr) {
  Bind body_bind("body", nullptr);
  body_bind.value = std::move(body);
  Bind n_bind("n", nullptr);
  n_bind.value = std::move(n);
  tx.exec("insert into notes (org_id, id, body, n) values (:org, :id, :body, :n)",
          {{"org", org}, {"id", id}, body_bind, n_bind});
  return {};
}

std::int64_t count(Db& db, const Scope& scope) {
  return *db.read(scope, [](Tx& tx) -> Result<std::int64_t> {
    return std::get<0>(*tx.one<std::int64_t>("select count(*) from notes"));
  });
}

}  // namespace

CCP_DB_TEST("values come back as they went in", &kNotes) {
  const auto org = Scope::org("org_a");
  const std::vector<std::int64_t> numbers{0, -1, std::numeric_limits<std::int64_t>::max(),
                                          std::numeric_limits<std::int64_t>::min(), 5'000'000'000};
  const std::vector<std::string> texts{"", "it's", "\"double\"", "semi; -- colon :name", "Zürich 東京 🦀",
                                       std::string(100'000, 'x'), "back\\slash", "line\nline\ttab"};
  REQUIRE(db.write(org, [&](Tx& tx) -> Status {
    for (std::size_t i = 0; i < texts.size(); ++i) {
      CCP_CHECK_OK(add(tx, "org_a", "t" + std::to_string(i), texts[i]));
    }
    for (std::size_t i = 0; i < numbers.size(); ++i) {
      CCP_CHECK_OK(add(tx, "org_a", "n" + std::to_string(i), nullptr, numbers[i]));
    }
    tx.exec("insert into notes (org_id, id, r) values ('org_a', 'r', :r)", {{"r", 0.1}});
    return {};
  }));
  REQUIRE(db.read(org, [&](Tx& tx) -> Status {
    for (std::size_t i = 0; i < texts.size(); ++i) {
      const auto row = tx.one<std::string, std::optional<std::int64_t>>("select body, n from notes where id = :id",
                                                                        {{"id", "t" + std::to_string(i)}});
      REQUIRE(row);
      CHECK(std::get<0>(*row) == texts[i]);
      CHECK_FALSE(std::get<1>(*row).has_value());
    }
    for (std::size_t i = 0; i < numbers.size(); ++i) {
      const auto row = tx.one<std::optional<std::string>, std::int64_t>("select body, n from notes where id = :id",
                                                                        {{"id", "n" + std::to_string(i)}});
      REQUIRE(row);
      CHECK_FALSE(std::get<0>(*row).has_value());
      CHECK(std::get<1>(*row) == numbers[i]);
    }
    CHECK(std::get<0>(*tx.one<double>("select r from notes where id = 'r'")) == 0.1);
    CHECK_FALSE(tx.one<std::string>("select id from notes where id = 'absent'"));
    return {};
  }));
}

CCP_DB_TEST("a statement is used again with null and value, and with binds in another order", &kNotes) {
  REQUIRE(db.write(Scope::org("org_a"), [](Tx& tx) -> Status {
    for (int i = 0; i < 20; ++i) {
      CCP_CHECK_OK(add(tx, "org_a", std::to_string(i), i % 2 == 0 ? Value(nullptr) : Value(std::string("b")),
                       i % 3 == 0 ? Value(nullptr) : Value(std::int64_t{i})));
    }
    constexpr std::string_view kSql = "update notes set body = :body where id = :id and org_id = :org";
    CHECK(tx.exec(kSql, {{"body", "one"}, {"id", "1"}, {"org", "org_a"}}) == 1);
    CHECK(tx.exec(kSql, {{"org", "org_a"}, {"id", "2"}, {"body", "two"}}) == 1);
    CHECK(std::get<0>(*tx.one<std::string>("select body from notes where id = '1'")) == "one");
    CHECK(std::get<0>(*tx.one<std::string>("select body from notes where id = '2'")) == "two");
    CHECK(std::get<0>(*tx.one<std::int64_t>("select count(*) from notes where body is null")) == 9);
    return {};
  }));
}

CCP_DB_TEST("affected rows show duplicates and misses", &kNotes) {
  REQUIRE(db.write(Scope::org("org_a"), [](Tx& tx) -> Status {
    constexpr std::string_view kInsert =
        "insert into notes (org_id, id, body) values ('org_a', :id, 'x') on conflict (org_id, id) do nothing";
    CHECK(tx.exec(kInsert, {{"id", "1"}}) == 1);
    CHECK(tx.exec(kInsert, {{"id", "1"}}) == 0);
    CHECK(tx.exec(kInsert, {{"id", "2"}}) == 1);
    CHECK(tx.exec("update notes set body = 'y' where org_id = 'org_a'") == 2);
    CHECK(tx.exec("delete from notes where id = 'absent'") == 0);
    return {};
  }));
}

CCP_DB_TEST("an error rolls back its own unit of work and keeps its code", &kNotes) {
  const auto org = Scope::org("org_a");
  SUBCASE("returned") {
    const auto status = db.write(org, [](Tx& tx) -> Status {
      CCP_CHECK_OK(add(tx, "org_a", "1"));
      return fail(Errc::plan_required, "no");
    });
    REQUIRE_FALSE(status);
    CHECK(status.error().code == Errc::plan_required);
  }
  SUBCASE("a constraint of the database") {
    const auto status = db.write(org, [](Tx& tx) -> Status {
      CCP_CHECK_OK(add(tx, "org_a", "1"));
      return add(tx, "org_a", "1");
    });
    REQUIRE_FALSE(status);
    CHECK(status.error().code == Errc::conflict);
  }
  SUBCASE("a failed statement that the closure hides") {
    const auto status = db.write(org, [](Tx& tx) -> Status {
      CCP_CHECK_OK(add(tx, "org_a", "1"));
      try {
        (void)add(tx, "org_a", "1");
      } catch (...) {
      }
      return {};
    });
    REQUIRE_FALSE(status);
    CHECK(status.error().code == Errc::conflict);
  }
  SUBCASE("an exception") {
    const auto status = db.write(org, [](Tx& tx) -> Status {
      CCP_CHECK_OK(add(tx, "org_a", "1"));
      throw std::runtime_error("x");
    });
    REQUIRE_FALSE(status);
    CHECK(status.error().code == Errc::internal);
  }
  SUBCASE("a NULL where a value is expected") {
    const auto status = db.write(org, [](Tx& tx) -> Status {
      CCP_CHECK_OK(add(tx, "org_a", "1"));
      tx.one<std::string>("select body from notes where id = '1'");
      return {};
    });
    REQUIRE_FALSE(status);
    CHECK(status.error().code == Errc::internal);
  }
  SUBCASE("a forgotten bind") {
    CHECK_FALSE(db.write(org, [](Tx& tx) -> Status {
      CCP_CHECK_OK(add(tx, "org_a", "1"));
      tx.exec("update notes set body = :body where id = :id", {{"id", "1"}});
      return {};
    }));
  }
  SUBCASE("a bind too many") {
    CHECK_FALSE(db.write(org, [](Tx& tx) -> Status {
      CCP_CHECK_OK(add(tx, "org_a", "1"));
      tx.exec("update notes set body = 'x' where id = :id", {{"id", "1"}, {"body", "x"}});
      return {};
    }));
  }
  SUBCASE("text that is not text") {
    for (const std::string& bad : {std::string("a\0b", 3), std::string("\xFF\xFE")}) {
      const auto status = db.write(org, [&](Tx& tx) { return add(tx, "org_a", "1", bad); });
      REQUIRE_FALSE(status);
      CHECK(status.error().code == Errc::bad_encoding);
    }
  }
  CHECK(count(db, org) == 0);
  CHECK(db.write(org, [](Tx& tx) { return add(tx, "org_a", "again"); }));
  CHECK(count(db, org) == 1);
}

CCP_DB_TEST("a reader cannot write and sees one snapshot", &kNotes) {
  const auto org = Scope::org("org_a");
  const auto refused = db.read(org, [](Tx& tx) { return add(tx, "org_a", "1"); });
  REQUIRE_FALSE(refused);
  CHECK(refused.error().code == Errc::internal);
  CHECK(count(db, org) == 0);

  auto other = env.openAnother();
  REQUIRE(db.read(org, [&](Tx& tx) -> Status {
    CHECK(std::get<0>(*tx.one<std::int64_t>("select count(*) from notes")) == 0);
    CHECK(other->write(org, [](Tx& inner) { return add(inner, "org_a", "1"); }));
    CHECK(std::get<0>(*tx.one<std::int64_t>("select count(*) from notes")) == 0);
    return {};
  }));
  CHECK(count(db, org) == 1);
}

CCP_DB_TEST("a unit of work inside another one is refused instead of waiting for itself", &kNotes) {
  const auto org = Scope::org("org_a");
  const auto nested = [&](Tx&) -> Status {
    const auto inner = db.write(org, [](Tx& tx) { return add(tx, "org_a", "1"); });
    REQUIRE_FALSE(inner);
    CHECK(inner.error().code == Errc::internal);
    CHECK(inner.error().detail.find("must use the Tx") != std::string::npos);
    CHECK_FALSE(db.read(org, [](Tx&) -> Status { return {}; }));
    return {};
  };
  CHECK(db.write(org, nested));
  CHECK(db.read(org, nested));
  CHECK(count(db, org) == 0);
}

CCP_DB_TEST("emit and audit commit with the deed, or not at all", &kNotes) {
  const auto org = Scope::org("org_a");
  int emitted = 0;
  int after = 0;
  db.onEmit([&] { ++emitted; });
  const auto deed = [&](bool succeed) {
    return db.write(org, [&, succeed](Tx& tx) -> Status {
      tx.emit({"seat.claimed", "", "seat_1", Json::object({{"a", 1}})});
      tx.audit({"", "user:usr_1", "seat.claim", "seat_1", Json(), Json::object({{"state", "claimed"}}), "asked"});
      tx.afterCommit([&] { ++after; });
      if (!succeed) return fail(Errc::forbidden);
      return {};
    });
  };
  CHECK_FALSE(deed(false));
  CHECK(emitted == 0);
  CHECK(after == 0);
  CHECK(deed(true));
  CHECK(emitted == 1);
  CHECK(after == 1);
  db.onEmit({});
  REQUIRE(db.read(Scope::system(), [&](Tx& tx) -> Status {
    const auto events = tx.query<std::string, std::string, std::string, Timestamp>(
        "select org_id, type, data, created_at from outbox");
    REQUIRE(events.size() == 1);
    CHECK(events[0] == std::tuple{std::string("org_a"), std::string("seat.claimed"), std::string("{\"a\":1}"),
                                  env.clock.now()});
    const auto audits = tx.query<std::string, std::string, std::string, std::string, std::string>(
        "select org_id, actor, before_json, after_json, reason from audit_log");
    REQUIRE(audits.size() == 1);
    CHECK(audits[0] == std::tuple{std::string("org_a"), std::string("user:usr_1"), std::string("null"),
                                  std::string("{\"state\":\"claimed\"}"), std::string("asked")});
    return {};
  }));
}

CCP_DB_TEST("the time of a unit of work stands still", &kNotes) {
  REQUIRE(db.write(Scope::system(), [&](Tx& tx) -> Status {
    const auto first = tx.now();
    env.clock.advance(seconds(5));
    CHECK(tx.now() == first);
    return {};
  }));
}

CCP_DB_TEST("ping works, and nothing works after close", &kNotes) {
  CHECK(db.ping());
  db.close();
  const auto status = db.write(Scope::system(), [](Tx&) -> Status { return {}; });
  REQUIRE_FALSE(status);
  CHECK(status.error().code == Errc::shutting_down);
  CHECK(db.read(Scope::system(), [](Tx&) -> Status { return {}; }).error().code == Errc::shutting_down);
}

TEST_CASE("an org scope sees and writes its own rows only, whatever the SQL forgets (PostgreSQL)") {
  test::TempDb env(Dialect::postgresql, {&kNotes});
  Db& db = env.db();
  for (const char* org : {"org_a", "org_b"}) {
    REQUIRE(db.write(Scope::org(org), [&](Tx& tx) { return add(tx, org, "1"); }));
  }
  CHECK(count(db, Scope::org("org_a")) == 1);
  CHECK(count(db, Scope::org("org_c")) == 0);
  CHECK(count(db, Scope::system()) == 2);
  const auto stolen = db.write(Scope::org("org_a"), [](Tx& tx) -> Result<std::int64_t> {
    return tx.exec("update notes set body = 'stolen'");
  });
  REQUIRE(stolen);
  CHECK(*stolen == 1);
  const auto planted = db.write(Scope::org("org_a"), [](Tx& tx) { return add(tx, "org_b", "2"); });
  REQUIRE_FALSE(planted);
  CHECK(planted.error().code == Errc::internal);
  // An org id that is not what it should be stays a value.
  CHECK(count(db, Scope::org("org_a' or '1'='1")) == 0);
}

TEST_CASE("the database file is for its owner only") {
  test::TempDb env(Dialect::sqlite);
  CHECK(env.db().ping());
  const std::string path = env.url().substr(9);
  CHECK(std::filesystem::status(path).permissions() == (std::filesystem::perms::owner_read | std::filesystem::perms::owner_write));
}

TEST_CASE("a url of another kind is refused") {
  test::FakeClock clock;
  SystemRandom random;
  Metrics metrics;
  for (const char* url : {"mysql://x", "", "sqlite://relative.db"}) {
    Options options;
    options.url = url;
    const auto opened = Db::open(options, clock, random, metrics);
    REQUIRE_FALSE(opened);
    CHECK(opened.error().code == Errc::config_invalid);
  }
  Options options;
  options.url = "postgresql://nobody@127.0.0.1:1/none";
  CHECK(Db::open(options, clock, random, metrics).error().code == Errc::unavailable);
}
