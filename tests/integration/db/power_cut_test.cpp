// What a power cut takes: nothing that was acknowledged. A VFS that drops unsynced writes shows it,
// and shows with synchronous=NORMAL that it would notice.
#include <sqlite3.h>

#include <atomic>
#include <mutex>
#include <set>
#include <thread>

#include "tests/support/lossy_vfs.hpp"
#include "tests/support/temp_db.hpp"

using namespace ccp;
using namespace ccp::db;

namespace {

const MigrationSet kMarks{"marks",
                          {{"001_init",
                            "create table marks (org_id text not null, id text not null, body text not null, "
                            "primary key (org_id, id))"}}};

class RawConnection {
 public:
  RawConnection(const std::string& path, const char* vfs) {
    REQUIRE(sqlite3_open_v2(path.c_str(), &handle_, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE, vfs) == SQLITE_OK);
  }
  ~RawConnection() { sqlite3_close(handle_); }
  int run(const std::string& sql) { return sqlite3_exec(handle_, sql.c_str(), nullptr, nullptr, nullptr); }
  std::string value(const std::string& sql) {
    std::string out;
    const auto row = [](void* into, int, char** values, char**) {
      *static_cast<std::string*>(into) = values[0] != nullptr ? values[0] : "";
      return 0;
    };
    sqlite3_exec(handle_, sql.c_str(), row, &out, nullptr);
    return out;
  }

 private:
  sqlite3* handle_ = nullptr;
};

}  // namespace

TEST_CASE("a power cut takes nothing that was acknowledged (SQLite, synchronous=FULL)") {
  test::LossyVfs disk("ccp-lossy-full");
  test::TempDb env(Dialect::sqlite, {&kMarks}, [](Options& o) { o.sqlite_vfs = "ccp-lossy-full"; });
  for (int round = 0; round < 3; ++round) {
    CAPTURE(round);
    std::mutex mutex;
    std::set<std::string> acknowledged;
    std::atomic<bool> stop{false};
    std::vector<std::thread> threads;
    for (int t = 0; t < 8; ++t) {
      threads.emplace_back([&, t] {
        for (int i = 0; !stop; ++i) {
          const std::string id = std::to_string(round) + "-" + std::to_string(t) + "-" + std::to_string(i);
          const auto status = env.db().write(Scope::org("org_a"), [&](Tx& tx) -> Status {
            tx.exec("insert into marks (org_id, id, body) values ('org_a', :id, :body)",
                    {{"id", id}, {"body", std::string(round == 0 ? 300 : 40'000, 'x')}});
            return {};
          });
          if (!status) break;
          std::lock_guard lock(mutex);
          acknowledged.insert(id);
        }
      });
    }
    const auto count = [&] {
      std::lock_guard lock(mutex);
      return acknowledged.size();
    };
    // The first time in the log only, then when some of it was moved into the file.
    const auto moved = [&] { return env.metrics.counter("ccp_db_checkpoints_total", "").value(); };
    while (count() < 400 || moved() < round) std::this_thread::yield();
    disk.cutPower();
    stop = true;
    for (auto& thread : threads) thread.join();
    env.close();
    (void)disk.loseUnsynced();
    env.reopen();
    const auto kept = env.db().read(Scope::org("org_a"), [&](Tx& tx) -> Result<std::set<std::string>> {
      std::set<std::string> ids;
      for (auto& [id] : tx.query<std::string>("select id from marks")) ids.insert(id);
      CHECK(std::get<0>(*tx.one<std::string>("pragma integrity_check")) == "ok");
      return ids;
    });
    REQUIRE(kept);
    std::size_t missing = 0;
    for (const auto& id : acknowledged) missing += kept->contains(id) ? 0 : 1;
    CHECK(missing == 0);
    CHECK(acknowledged.size() >= 400);
  }
  CHECK(disk.syncs() > 0);
}

TEST_CASE("the same disk loses commits with synchronous=NORMAL, so the test above can fail") {
  for (const bool full : {false, true}) {
    CAPTURE(full);
    test::TempDir dir;
    const std::string name = full ? "ccp-lossy-raw-full" : "ccp-lossy-raw-normal";
    test::LossyVfs disk(name);
    const std::string path = dir.path() + "/raw.db";
    {
      RawConnection connection(path, name.c_str());
      connection.run("pragma journal_mode = wal");
      connection.run(full ? "pragma synchronous = full" : "pragma synchronous = normal");
      REQUIRE(connection.run("create table marks (id integer)") == SQLITE_OK);
      REQUIRE(connection.run("pragma wal_checkpoint(truncate)") == SQLITE_OK);
      for (int i = 0; i < 50; ++i) REQUIRE(connection.run("insert into marks values (" + std::to_string(i) + ")") == SQLITE_OK);
      disk.cutPower();
    }
    const int lost = disk.loseUnsynced();
    RawConnection after(path, nullptr);
    CHECK(after.value("pragma integrity_check") == "ok");
    if (full) {
      CHECK(after.value("select count(*) from marks") == "50");
    } else {
      CHECK(lost > 0);
      CHECK(std::stoi(after.value("select count(*) from marks")) < 50);
    }
  }
}
