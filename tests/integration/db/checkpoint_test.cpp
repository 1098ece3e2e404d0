// SQLite's log is moved into the database file beside the commits: in a quiet moment, within a
// bound, and with nobody waiting for it.
#include <sys/stat.h>

#include <atomic>
#include <chrono>
#include <future>
#include <memory>
#include <thread>
#include <vector>

#include "tests/support/lossy_vfs.hpp"
#include "tests/support/soon.hpp"
#include "tests/support/temp_db.hpp"

using namespace ccp;
using namespace ccp::db;
using ccp::test::soon;

namespace {

constexpr std::int64_t kMiB = 1 << 20;

const MigrationSet kMarks{
    "marks",
    {{"001_init",
      "create table marks (org_id text not null, id text not null, body text not null, "
      "primary key (org_id, id))"}}};

struct Store {
  explicit Store(const std::string& vfs = {})
      : env(Dialect::sqlite, {&kMarks}, [&](Options& o) { o.sqlite_vfs = vfs; }) {}

  Status write(const std::string& id, std::int64_t bytes) {
    return env.db().write(Scope::org("org_a"), [&](Tx& tx) -> Status {
      tx.exec("insert into marks (org_id, id, body) values ('org_a', :id, :body)",
              {{"id", id}, {"body", std::string(static_cast<std::size_t>(bytes), 'x')}});
      return {};
    });
  }
  std::int64_t fileSize() const {
    struct stat found {};
    const std::string path = env.url().substr(std::string("sqlite://").size());
    return ::stat(path.c_str(), &found) == 0 ? found.st_size : 0;
  }
  /// Of a MiB each, 256 pages.
  void writeMany(int count, const std::string& name) {
    for (int i = 0; i < count; ++i) REQUIRE(write(name + "-" + std::to_string(i), kMiB));
  }
  double checkpoints() { return env.metrics.counter("ccp_db_checkpoints_total", "").value(); }
  double logPages() { return env.metrics.gauge("ccp_db_log_pages", "").value(); }

  test::TempDb env;
};

}  // namespace

TEST_CASE("in a quiet moment the log is moved into the file, and begins anew") {
  Store store;
  // A moment may be quiet because the machine is slow: what is written after it waits for the next
  // one.
  bool anew = false;
  for (int round = 0; round < 5 && !anew; ++round) {
    const auto before = store.checkpoints();
    store.writeMany(20, "round-" + std::to_string(round));
    REQUIRE(soon([&] { return store.checkpoints() > before; }));
    REQUIRE(store.write("small-" + std::to_string(round), 1));
    anew = store.logPages() < 100;
  }
  CHECK(anew);
  CHECK(store.fileSize() > 15 * kMiB);
}

TEST_CASE("a log begins anew again and again, however long the load lasts") {
  Store store;
  constexpr int kThreads = 4, kEach = 75;
  std::atomic<int> refused{0}, began_anew{0};
  std::atomic<double> held{0};
  std::vector<std::thread> threads;
  for (int t = 0; t < kThreads; ++t) {
    threads.emplace_back([&, t] {
      for (int i = 0; i < kEach; ++i) {
        refused += store.write(std::to_string(t) + "-" + std::to_string(i), kMiB) ? 0 : 1;
        const double now = store.logPages();
        if (now < held.exchange(now) / 2) ++began_anew;
      }
    });
  }
  for (auto& thread : threads) thread.join();
  CHECK(refused == 0);
  CHECK(began_anew >= 2);  // 300 MiB are 76,800 pages
  const auto counted = store.env.db().read(Scope::org("org_a"), [](Tx& tx) -> Result<std::int64_t> {
    CHECK(std::get<0>(*tx.one<std::string>("pragma integrity_check")) == "ok");
    return std::get<0>(*tx.one<std::int64_t>("select count(*) from marks"));
  });
  CHECK(*counted == kThreads * kEach);
}

TEST_CASE("a reader keeps its snapshot, and the log that it needs") {
  Store store;
  REQUIRE(store.write("first", 1));
  const auto seen = store.env.db().read(Scope::org("org_a"), [&](Tx& tx) -> Result<std::int64_t> {
    const auto count = [&] {
      return std::get<0>(*tx.one<std::int64_t>("select count(*) from marks"));
    };
    CHECK(count() == 1);
    std::thread([&] { store.writeMany(80, "meanwhile"); }).join();
    CHECK(store.logPages() > 16'000);
    CHECK(store.fileSize() < 15 * kMiB);
    return count();
  });
  CHECK(*seen == 1);
  // The reader is gone: a step more, and all of it is moved.
  store.writeMany(20, "after");
  CHECK(soon([&] { return store.fileSize() > 80 * kMiB; }));
}

TEST_CASE("nobody waits while the log is moved") {
  test::LossyVfs disk("ccp-slow-database");
  Store store("ccp-slow-database");
  std::future<void> written;
  std::future<bool> more;
  // Whatever fails here, nobody is left waiting for it.
  const std::unique_ptr<test::LossyVfs, void (*)(test::LossyVfs*)> goes_on(
      &disk, [](test::LossyVfs* stalled) { stalled->stallDatabase(false); });
  disk.stallDatabase(true);
  written = std::async(std::launch::async, [&] { store.writeMany(20, "before"); });
  REQUIRE(soon([&] { return disk.stalled() > 0; }));
  REQUIRE(written.wait_for(std::chrono::seconds(20)) == std::future_status::ready);
  written.get();
  more = std::async(std::launch::async, [&] { return store.write("meanwhile", 1).has_value(); });
  const bool acknowledged = more.wait_for(std::chrono::seconds(20)) == std::future_status::ready;
  CHECK(disk.stalled() == 1);
  disk.stallDatabase(false);
  CHECK(acknowledged);
  CHECK(more.get());
  CHECK(soon([&] { return store.fileSize() > 15 * kMiB; }));
}
