// Exports over a real database, with an exporter that a test scripts.
#pragma once

#include <atomic>
#include <functional>
#include <mutex>
#include <set>

#include "core/db/outbox.hpp"
#include "core/exports/feature.hpp"
#include "tests/support/fake_decider.hpp"
#include "tests/support/temp_db.hpp"

namespace ccp::usage {
extern const db::MigrationSet kMigrations;
}

namespace ccp::exports::test {

using ccp::test::TempDb;

class FakeLicenses final : public licensing::Licenses {
 public:
  std::optional<licensing::License> byOrg(db::Tx&, const std::string& org) override {
    licensing::License out;
    out.org = org;
    return out;
  }
  licensing::Entitlements entitlements(const licensing::License&) const override {
    licensing::Entitlements out;
    out.privacy = privacy;
    return out;
  }
  Status applyBilling(db::Tx&, const std::string&, const std::vector<licensing::SubscriptionFact>&, const std::string&) override {
    return fail(Errc::unimplemented);
  }
  Status setAdminOverride(db::Tx&, const std::string&, licensing::AdminOverride, const std::string&, const std::string&) override {
    return fail(Errc::unimplemented);
  }
  Result<int> recomputeDue(int) override { return 0; }
  std::string privacy = "minimized";
};

/// Takes everything and remembers it, unless a test says otherwise.
class FakeExporter final : public plugin::Exporter {
 public:
  explicit FakeExporter(std::string name) : name_(std::move(name)) {}
  const std::string& instance() const override { return name_; }
  /// While a worker runs.
  int opened() {
    const std::lock_guard lock(mutex);
    return opens;
  }
  Status open(const plugin::CallContext&, const std::string& stream, std::int64_t cursor) override {
    const std::lock_guard lock(mutex);
    ++opens;
    cursors.push_back(cursor);
    if (!streams.contains(stream)) return fail(Errc::unimplemented, "not this stream");
    return open_fails;
  }
  Result<plugin::ExportProgress> writeBatch(const plugin::CallContext& ctx, const std::string&, const std::vector<plugin::ExportRecord>& records) override {
    const std::lock_guard lock(mutex);
    ++batches;
    keys.push_back(ctx.idempotency_key);
    if (inside.exchange(true)) overlapped = true;
    if (slow) slow();
    auto answer = write ? write(records) : Result<plugin::ExportProgress>(plugin::ExportProgress{records.back().sequence, {}});
    if (answer) {
      for (const auto& record : records) {
        if (record.sequence <= answer->last_sequence) taken.push_back(record);
      }
    }
    inside = false;
    return answer;
  }
  Status flush(const plugin::CallContext&, const std::string&) override {
    const std::lock_guard lock(mutex);
    ++flushes;
    return flush_fails;
  }
  Status close(const plugin::CallContext&, const std::string&) override {
    const std::lock_guard lock(mutex);
    ++closes;
    return {};
  }
  std::vector<std::string> ids() {
    const std::lock_guard lock(mutex);
    std::vector<std::string> out;
    for (const auto& record : taken) out.push_back(record.id);
    return out;
  }

  std::mutex mutex;
  std::set<std::string> streams = {"events", "rollups"};
  Status open_fails, flush_fails;
  std::function<Result<plugin::ExportProgress>(const std::vector<plugin::ExportRecord>&)> write;
  std::function<void()> slow;
  std::vector<plugin::ExportRecord> taken;
  std::vector<std::int64_t> cursors;
  std::vector<std::string> keys;
  std::atomic<bool> inside{false};
  std::atomic<bool> overlapped{false};
  int opens = 0, batches = 0, flushes = 0, closes = 0;

 private:
  std::string name_;
};

class FakeExporters final : public plugin::Exporters {
 public:
  Result<std::shared_ptr<plugin::Exporter>> exporter(const std::string& instance) override {
    const std::lock_guard lock(mutex);
    for (auto& each : list) {
      if (each->instance() == instance) return std::shared_ptr<plugin::Exporter>(each);
    }
    return fail(Errc::not_found, "There is no exporter instance \"" + instance + "\".");
  }
  std::vector<std::string> exporterInstances() const override {
    const std::lock_guard lock(mutex);
    std::vector<std::string> out;
    for (const auto& each : list) out.push_back(each->instance());
    return out;
  }
  std::shared_ptr<FakeExporter> add(const std::string& name) {
    const std::lock_guard lock(mutex);
    list.push_back(std::make_shared<FakeExporter>(name));
    return list.back();
  }
  mutable std::mutex mutex;
  std::vector<std::shared_ptr<FakeExporter>> list;
};

struct World {
  explicit World(TempDb& e) : env(e) { sql = exporters.add("sql"); }

  Feature::Deps deps() { return {env.db(), env.clock, env.random, env.metrics, licenses, exporters}; }
  Sender sender(const std::string& stream = "events", const std::string& node = "nod_1", const std::string& instance = "sql") {
    return Sender({env.db(), env.clock, env.random, env.metrics, exporters}, {instance, stream}, node);
  }
  /// Registers the exporters and lets the outbox feed them.
  void subscribe() {
    const Status done = feature.subscribe(outbox);
    REQUIRE_MESSAGE(done, (done ? "" : done.error().text()));
  }
  void emit(const std::string& type, const std::string& subject, Json data = Json::object(), const std::string& org = "org_a") {
    REQUIRE(env.db().write(db::Scope::org(org), [&](db::Tx& tx) -> Status {
      tx.emit({type, org, subject, data});
      return {};
    }));
  }
  void emitMany(int n) {
    REQUIRE(env.db().write(db::Scope::org("org_a"), [&](db::Tx& tx) -> Status {
      for (int i = 0; i < n; ++i) tx.emit({"test.happened", "org_a", "s" + std::to_string(i), Json::object({{"n", i}})});
      return {};
    }));
    deliver();
  }
  void deliver() { REQUIRE(outbox.drainOnce()); }
  LaneStatus status(const std::string& stream = "events", const std::string& instance = "sql") {
    return *env.db().read(db::Scope::system(), [&](db::Tx& tx) -> Result<LaneStatus> {
      auto found = repository::status(tx, {instance, stream});
      if (!found) return fail(Errc::not_found, "no such lane");
      return *found;
    });
  }
  std::int64_t count(const std::string& sql_text) {
    return *env.db().read(db::Scope::system(), [&](db::Tx& tx) -> Result<std::int64_t> { return std::get<0>(*tx.one<std::int64_t>(sql_text)); });
  }

  TempDb& env;
  FakeLicenses licenses;
  FakeExporters exporters;
  std::shared_ptr<FakeExporter> sql;
  db::OutboxDispatcher outbox{env.db(), env.clock, env.metrics};
  Feature feature{deps()};
};

/// Steps until nothing is left to do at once.
inline void run(Sender& sender) {
  for (int i = 0; i < 100; ++i) {
    const auto more = sender.step();
    REQUIRE_MESSAGE(more, (more ? "" : more.error().text()));
    if (!*more) return;
  }
  FAIL("the sender never comes to rest");
}

}  // namespace ccp::exports::test

#define CCP_EXPORTS_TEST(name) CCP_DB_TEST(name, &ccp::usage::kMigrations, &ccp::exports::kMigrations)
