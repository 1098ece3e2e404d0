// Durable acknowledgements a second: 64 callers, each writes a row of about 200 bytes and waits for
// its commit. `durable_writes URL WAY`: each line on stdin is a number of seconds, each answer a line
// of JSON, so that bench.mjs can interleave the ways:
//   single   every write commits alone (SQLite: groups of one; PostgreSQL: eight connections)
//   grouped  SQLite: units of work that wait are committed together
//   batched  what waits is one statement in one commit (db::Batcher)
#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <iostream>
#include <string>
#include <thread>
#include <vector>

#include "core/db/batcher.hpp"

using namespace ccp;
using Steady = std::chrono::steady_clock;

namespace {

constexpr int kCallers = 64;
const db::MigrationSet kRows{
    "bench", {{"001_init", "create table bench_rows (org_id text not null, id text not null, a text not null, b text not null, primary key (org_id, id))"}}};

struct Row {
  std::string id;
};

db::Bulk bulkOf(const std::vector<const Row*>& rows) {
  using enum db::ColumnType;
  db::Bulk bulk{.table = "bench_rows", .columns = {{"id", text}, {"org_id", text}, {"a", text}, {"b", text}}, .rows = {}};
  for (const auto* row : rows)
    bulk.rows.push_back({row->id, std::string("org_a"), std::string(80, 'x'), std::string(80, 'y')});
  return bulk;
}

Result<std::vector<bool>> insertAll(db::Tx& tx, const std::vector<const Row*>& rows) { return tx.insert(bulkOf(rows)); }

}  // namespace

int main(int argc, char** argv) {
  if (argc != 3) {
    std::fprintf(stderr, "usage: durable_writes URL single|grouped|batched\n");
    return 2;
  }
  const std::string way = argv[2];
  db::Options options;
  options.url = argv[1];
  options.writers = 8;
  if (way == "single") options.group_max = 1;
  SystemClock clock;
  SystemRandom random;
  Metrics metrics;
  auto opened = db::Db::open(options, clock, random, metrics);
  if (!opened) {
    std::fprintf(stderr, "%s\n", opened.error().text().c_str());
    return 1;
  }
  db::Db& store = **opened;
  if (const auto migrated = store.migrate({&db::kMigrations, &kRows}); !migrated) {
    std::fprintf(stderr, "%s\n", migrated.error().text().c_str());
    return 1;
  }
  db::Batcher<Row, bool> batcher(store, insertAll);
  const auto write = [&](const Row& row) -> Status {
    if (way == "batched") {
      CCP_TRY([[maybe_unused]] const bool fresh, batcher.write(row));
      return {};
    }
    return store.writeReadCommitted(db::Scope::system(), [&](db::Tx& tx) -> Status {
      tx.insert(bulkOf({&row}));
      return {};
    });
  };
  for (double seconds = 0; std::cin >> seconds;) {
    std::atomic<bool> over{false}, failed{false};
    std::vector<std::vector<double>> latencies(kCallers);
    std::vector<std::thread> callers;
    const auto begin = Steady::now();
    for (int c = 0; c < kCallers; ++c) {
      callers.emplace_back([&, c] {
        while (!over) {
          const auto sent = Steady::now();
          if (!write({newId("row", clock, random)})) failed = true;
          latencies[static_cast<std::size_t>(c)].push_back(std::chrono::duration<double, std::milli>(Steady::now() - sent).count());
        }
      });
    }
    std::this_thread::sleep_for(std::chrono::duration<double>(seconds));
    over = true;
    for (auto& caller : callers) caller.join();
    const double took = std::chrono::duration<double>(Steady::now() - begin).count();
    if (failed) {
      std::fprintf(stderr, "a write failed\n");
      return 1;
    }
    std::vector<double> all;
    for (const auto& of : latencies) all.insert(all.end(), of.begin(), of.end());
    std::sort(all.begin(), all.end());
    std::printf("{\"perSecond\":%.0f,\"p99\":%.2f}\n", static_cast<double>(all.size()) / took, all[all.size() * 99 / 100]);
    std::fflush(stdout);
  }
  return 0;
}
