// Group commit of what many callers write at once: each gets its own answer, after the commit.
#include "core/db/batcher.hpp"

#include <algorithm>
#include <atomic>
#include <numeric>
#include <thread>

#include "core/base/encoding.hpp"
#include "tests/support/temp_db.hpp"

using namespace ccp;
using namespace ccp::db;

namespace {

const MigrationSet kNotes{"notes", {{"001_init", "create table notes (org_id text not null, id text not null, name text not null, primary key (org_id, id));"
                                "create unique index notes_by_name on notes (org_id, name)"}}};

using Notes = Batcher<std::string, bool>;

Result<std::vector<bool>> insertAll(Tx& tx, const std::vector<const std::string*>& ids, const char* on_conflict) {
  using enum ColumnType;
  Bulk bulk{.table = "notes", .columns = {{"id", text}, {"org_id", text}, {"name", text}}, .rows = {}, .computed = {}, .on_conflict = on_conflict};
  // An item is its id; what follows a slash is its name.
  for (const auto* id : ids) bulk.rows.push_back({*id, std::string("org_a"), id->substr(id->find('/') + 1)});
  return tx.insert(bulk);
}

std::size_t count(Db& db) {
  return *db.read(Scope::system(), [](Tx& tx) -> Result<std::size_t> { return tx.query<std::string>("select id from notes").size(); });
}

/// Holds the first unit of work until `enough` says so of its size, so that a test decides what waits
/// behind it.
struct Crowd {
  std::function<bool(std::size_t first)> enough;
  std::vector<std::size_t> sizes = {};  ///< of the units of work that were begun

  Notes::Write writing(const char* on_conflict) {
    return [this, on_conflict](Tx& tx, const std::vector<const std::string*>& ids) {
      sizes.push_back(ids.size());
      while (sizes.size() == 1 && !enough(ids.size())) std::this_thread::yield();
      return insertAll(tx, ids, on_conflict);
    };
  }
};

struct Answers {
  explicit Answers(std::size_t n) : of(n) {}
  std::vector<std::optional<Result<bool>>> of;
};

Answers writeAtOnce(Notes& notes, const std::vector<std::string>& ids) {
  Answers answers(ids.size());
  std::vector<std::thread> threads;
  for (std::size_t i = 0; i < ids.size(); ++i) threads.emplace_back([&, i] { answers.of[i].emplace(notes.write(ids[i])); });
  for (auto& thread : threads) thread.join();
  return answers;
}

std::vector<std::string> names(std::size_t n) {
  std::vector<std::string> out;
  for (std::size_t i = 0; i < n; ++i) out.push_back("note" + std::to_string(i));
  return out;
}

}  // namespace

CCP_DB_TEST("what waits while a commit runs is committed together by the next one", &kNotes) {
  Crowd crowd;
  Notes notes(db, crowd.writing("(org_id, name) do nothing"), {.most = 256, .most_waiting = 100, .lanes = 1});
  crowd.enough = [&](std::size_t first) { return first + notes.waiting() == 10; };
  const auto answers = writeAtOnce(notes, names(10));
  for (const auto& answer : answers.of) {
    REQUIRE(*answer);
    CHECK(**answer);
  }
  REQUIRE(crowd.sizes.size() <= 2);
  CHECK(std::accumulate(crowd.sizes.begin(), crowd.sizes.end(), std::size_t{0}) == 10);
  CHECK(count(db) == 10);
}

CCP_DB_TEST("each caller learns whether its own item was new", &kNotes) {
  Notes notes(db, [](Tx& tx, const auto& ids) { return insertAll(tx, ids, "(org_id, name) do nothing"); });
  std::vector<std::string> twice;
  for (const char* copy : {"first/", "second/"}) {
    for (const auto& name : names(40)) twice.push_back(copy + name);
  }
  const auto answers = writeAtOnce(notes, twice);
  const auto fresh = std::count_if(answers.of.begin(), answers.of.end(), [](const auto& a) { return *a && **a; });
  CHECK(fresh == 40);
  for (std::size_t i = 0; i < 40; ++i) {
    REQUIRE(*answers.of[i]);
    REQUIRE(*answers.of[i + 40]);
    CHECK((**answers.of[i] != **answers.of[i + 40]));
  }
  CHECK(count(db) == 40);
}

CCP_DB_TEST("many callers that write again and again lead and follow in turn, and nothing is lost", &kNotes) {
  Notes notes(db, [](Tx& tx, const auto& ids) {
    CHECK(!ids.empty());
    // Long enough that callers arrive, and are woken, while it runs.
    std::this_thread::sleep_for(std::chrono::microseconds(300));
    return insertAll(tx, ids, "(org_id, name) do nothing");
  });
  constexpr int kCallers = 64, kEach = 200;
  std::atomic<int> stored{0};
  std::vector<std::thread> threads;
  for (int c = 0; c < kCallers; ++c) {
    threads.emplace_back([&, c] {
      for (int i = 0; i < kEach; ++i) {
        const auto fresh = notes.write(std::to_string(c) + "-" + std::to_string(i));
        stored += fresh && *fresh ? 1 : 0;
      }
    });
  }
  for (auto& thread : threads) thread.join();
  CHECK(stored == kCallers * kEach);
  CHECK(count(db) == kCallers * kEach);
}

CCP_DB_TEST("an item that the database refuses fails alone", &kNotes) {
  Crowd crowd;
  Notes notes(db, crowd.writing(""), {.most = 256, .most_waiting = 100, .lanes = 1});
  crowd.enough = [&](std::size_t first) { return first + notes.waiting() == 5; };
  const auto answers = writeAtOnce(notes, {"first", "second", std::string("bro\0ken", 7), "third", "fourth"});
  for (std::size_t i = 0; i < 5; ++i) CHECK(answers.of[i]->has_value() == (i != 2));
  CHECK((answers.of[2]->error().code == Errc::bad_encoding));
  CHECK(count(db) == 4);
}

CCP_DB_TEST("an item that does not fit into an index fails alone (PostgreSQL)", &kNotes) {
  if (db.dialect() == Dialect::sqlite) return;
  Crowd crowd;
  Notes notes(db, crowd.writing(""), {.most = 256, .most_waiting = 100, .lanes = 1});
  crowd.enough = [&](std::size_t first) { return first + notes.waiting() == 3; };
  SystemRandom random;
  const auto answers = writeAtOnce(notes, {"first", hexEncode(random.bytes(20'000)), "second"});
  for (std::size_t i = 0; i < 3; ++i) CHECK(answers.of[i]->has_value() == (i != 1));
  CHECK((answers.of[1]->error().code == Errc::validation_failed));
  CHECK(count(db) == 2);
}

CCP_DB_TEST("what one caller brings at once is committed together, and one that is refused fails alone", &kNotes) {
  std::vector<std::size_t> sizes;
  Notes notes(db, [&](Tx& tx, const std::vector<const std::string*>& ids) {
    sizes.push_back(ids.size());
    return insertAll(tx, ids, "(org_id, name) do nothing");
  }, {.most = 2, .most_waiting = 100, .lanes = 1});
  const std::vector<std::string> ids = {"a", "b", "again/b", "c"};
  const auto all = notes.writeAll({&ids[0], &ids[1], &ids[2], &ids[3]});
  REQUIRE(all.size() == 4);
  for (std::size_t i = 0; i < 4; ++i) CHECK(*all[i] == (i != 2));
  CHECK(sizes == std::vector<std::size_t>{4});
  const std::vector<std::string> some = {"d", std::string("bro\0ken", 7), "e"};
  const auto answers = notes.writeAll({&some[0], &some[1], &some[2]});
  for (std::size_t i = 0; i < 3; ++i) CHECK(answers[i].has_value() == (i != 1));
  CHECK((answers[1].error().code == Errc::bad_encoding));
  CHECK(notes.writeAll({}).empty());
  CHECK(count(db) == 5);
}

CCP_DB_TEST("more than may wait is refused at once and told when to come back", &kNotes) {
  Crowd crowd;
  std::atomic<std::size_t> refused{0};
  Notes notes(db, crowd.writing(""), {.most = 256, .most_waiting = 2, .lanes = 1});
  crowd.enough = [&](std::size_t first) { return first + notes.waiting() + refused == 6; };
  std::vector<std::thread> threads;
  for (const auto& name : names(6)) {
    threads.emplace_back([&, name] {
      const auto answer = notes.write(name);
      if (answer) return;
      CHECK((answer.error().code == Errc::overloaded));
      CHECK(answer.error().retry_after_s == 1);
      ++refused;
    });
  }
  for (auto& thread : threads) thread.join();
  CHECK(refused >= 2);
  CHECK(count(db) == 6 - refused);
}

CCP_DB_TEST("a closed database refuses everybody who waits", &kNotes) {
  Notes notes(db, [](Tx& tx, const auto& ids) { return insertAll(tx, ids, ""); });
  db.close();
  const auto answers = writeAtOnce(notes, names(8));
  for (const auto& answer : answers.of) CHECK_FALSE(*answer);
}
