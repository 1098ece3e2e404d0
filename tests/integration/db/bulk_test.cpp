// Many rows by one statement: what goes in comes out, on both databases, and duplicates are told.
#include "tests/support/temp_db.hpp"

using namespace ccp;
using namespace ccp::db;

namespace {

const MigrationSet kThings{"things",
                           {{"001_init",
                             "create table things (org_id text not null, id text not null, name text, n bigint, x double precision,"
                             " place bigint, primary key (org_id, id));"
                             "create unique index things_by_name on things (org_id, name)"}}};

Bulk things(std::vector<std::vector<Value>> rows, std::string on_conflict = {}) {
  using enum ColumnType;
  return {.table = "things",
          .columns = {{"id", text}, {"org_id", text}, {"name", text}, {"n", integer}, {"x", real}},
          .rows = std::move(rows),
          .computed = {},
          .on_conflict = std::move(on_conflict)};
}

std::vector<Value> row(const std::string& id, Value name, Value n = std::int64_t{0}, Value x = 0.0) {
  return {id, std::string("org_a"), std::move(name), std::move(n), std::move(x)};
}

Result<std::vector<bool>> store(Db& db, const Bulk& bulk) {
  return db.write(Scope::org("org_a"), [&](Tx& tx) -> Result<std::vector<bool>> { return tx.insert(bulk); });
}

std::size_t count(Db& db) {
  return *db.read(Scope::org("org_a"), [](Tx& tx) -> Result<std::size_t> { return tx.query<std::string>("select id from things").size(); });
}

}  // namespace

CCP_DB_TEST("every value comes back as it was given", &kThings) {
  const std::vector<std::string> names{"plain",     "",         "with \"quotes\"", "back\\slash\\", "{braces, and commas}", "NULL", "null",
                                       "new\nline", " spaces ", "'apostrophe'",    "ünïcode 🎟",    ":colon :name",         "\\\""};
  std::vector<std::vector<Value>> rows;
  for (std::size_t i = 0; i < names.size(); ++i)
    rows.push_back(row("id" + std::to_string(i), names[i], std::int64_t{-9007199254740993} + static_cast<std::int64_t>(i), 0.1 * static_cast<double>(i)));
  rows.push_back(row("nothing", nullptr, nullptr, nullptr));
  const auto stored = store(db, things(rows));
  REQUIRE(stored);
  CHECK(*stored == std::vector<bool>(rows.size(), true));
  const auto read = db.read(Scope::org("org_a"), [](Tx& tx) -> Result<std::vector<std::vector<Value>>> {
    std::vector<std::vector<Value>> out;
    for (auto& [id, name, n, x] : tx.query<std::string, std::optional<std::string>, std::optional<std::int64_t>, std::optional<double>>(
             "select id, name, n, x from things")) {
      out.push_back({id, std::string("org_a"), name ? Value(*name) : Value(nullptr), n ? Value(*n) : Value(nullptr), x ? Value(*x) : Value(nullptr)});
    }
    return out;
  });
  REQUIRE(read);
  REQUIRE(read->size() == rows.size());
  for (const auto& expected : rows) CHECK(std::find(read->begin(), read->end(), expected) != read->end());
}

CCP_DB_TEST("a duplicate is told, whether it stood there or came along", &kThings) {
  REQUIRE(store(db, things({row("one", std::string("a"))})));
  const auto stored = store(db, things({row("two", std::string("a")), row("three", std::string("b")), row("four", std::string("b"))},
                                       "(org_id, name) do nothing"));
  REQUIRE(stored);
  CHECK(*stored == std::vector<bool>{false, true, false});
  CHECK(count(db) == 2);
}

CCP_DB_TEST("without a rule for duplicates one of them fails the unit of work, which leaves nothing", &kThings) {
  const auto stored = store(db, things({row("one", std::string("a")), row("two", std::string("a"))}));
  REQUIRE_FALSE(stored);
  CHECK((stored.error().code == Errc::conflict));
  CHECK(count(db) == 0);
}

CCP_DB_TEST("text that a database would cut or refuse is refused by name", &kThings) {
  for (const std::string& bad : {std::string("a\0b", 3), std::string("\xff\xfe")}) {
    const auto stored = store(db, things({row("one", std::string("fine")), row("two", bad)}));
    REQUIRE_FALSE(stored);
    CHECK((stored.error().code == Errc::bad_encoding));
    CHECK(stored.error().detail.find("'name'") != std::string::npos);
  }
  CHECK(count(db) == 0);
}

CCP_DB_TEST("an expression is evaluated for each row, in order", &kThings) {
  Bulk bulk = things({row("one", std::string("a")), row("two", std::string("b")), row("three", std::string("c"))});
  bulk.computed = {{"place", db.dialect() == Dialect::sqlite ? "(select count(*) from things)" : "nextval('outbox_position')"}};
  REQUIRE(store(db, bulk));
  const auto ids = db.read(Scope::org("org_a"), [](Tx& tx) -> Result<std::string> {
    std::string out;
    for (const auto& [id] : tx.query<std::string>("select id from things order by place")) out += id + " ";
    return out;
  });
  CHECK(*ids == "one two three ");
}

CCP_DB_TEST("nothing to insert is no statement", &kThings) {
  const auto stored = store(db, things({}));
  REQUIRE(stored);
  CHECK(stored->empty());
}
