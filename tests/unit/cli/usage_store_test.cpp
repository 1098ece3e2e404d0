// The local store: what counts, how hours become blocks with revisions, what each server
// acknowledged.
#include "cli/support/usage_store.hpp"

#include <doctest/doctest.h>
#include <sys/stat.h>

#include "tests/unit/cli/support.hpp"

namespace ccp::cli {
namespace {

using test::TempDir;

Timestamp at(const char* text) {
  return parseRfc3339(text).value();
}

UsageRecord record(const char* message, const char* request, const char* time, std::int64_t output,
                   const char* model = "claude-opus-4-6") {
  UsageRecord out;
  out.message_id = message;
  out.request_id = request;
  out.session_id = "s1";
  out.model = model;
  out.at = at(time);
  out.output = output;
  return out;
}

ApplyResult import(UsageStore& store, std::vector<UsageRecord> records) {
  REQUIRE(store.begin().has_value());
  REQUIRE(store.add({{"/a.jsonl", 1, 1}, {}, std::move(records)}).has_value());
  const auto result = store.finish();
  REQUIRE(result.has_value());
  return *result;
}

UsageStore fresh(const TempDir& dir) {
  auto store = UsageStore::open(dir / "data/usage.db");
  REQUIRE(store.has_value());
  return std::move(*store);
}

std::int64_t outputOf(UsageStore& store) {
  std::int64_t out = 0;
  const auto slots = store.slots({}, {}).value();
  for (const auto& slot : slots) out += slot.sums.output;
  return out;
}

}  // namespace

TEST_CASE("hours are cut in UTC, per model and lane") {
  const TempDir dir;
  auto store = fresh(dir);
  import(store, {record("a", "r", "2026-02-10T10:59:59.999Z", 1),
                 record("b", "r", "2026-02-10T11:00:00.000Z", 2),
                 record("c", "r", "2026-02-11T00:30:00+01:00", 4),
                 record("d", "r", "2026-02-10T11:30:00Z", 8, "glm-4.6")});
  const auto blocks = store.blocks().value();
  REQUIRE(blocks.size() == 4);
  CHECK(formatRfc3339(blocks[0].start) == "2026-02-10T10:00:00Z");
  CHECK(blocks[0].sums.output == 1);
  CHECK(blocks[0].lane == "anthropic");
  CHECK(formatRfc3339(blocks[1].start) == "2026-02-10T11:00:00Z");
  CHECK(blocks[2].model == "glm-4.6");
  CHECK(blocks[2].lane == "zai");
  CHECK(formatRfc3339(blocks[3].start) == "2026-02-10T23:00:00Z");
  CHECK(store.blocks(at("2026-02-10T12:00:00Z")).value().size() == 1);
}

TEST_CASE("the larger of two lines counts, in whatever order files come") {
  for (const bool small_first : {true, false}) {
    CAPTURE(small_first);
    const TempDir dir;
    auto store = fresh(dir);
    import(store, {record("a", "r", "2026-02-10T10:00:00Z", small_first ? 1 : 9)});
    import(store, {record("a", "r", "2026-02-10T10:00:00Z", small_first ? 9 : 1)});
    CHECK(outputOf(store) == 9);
    CHECK(store.totals().value().messages == 1);
  }
}

TEST_CASE(
    "a sidechain's replay gives way to the main conversation's message, also when that comes "
    "later") {
  const TempDir dir;
  auto store = fresh(dir);
  auto replay = record("a", "r2", "2026-02-10T09:00:00Z", 100);
  replay.sidechain = true;
  import(store, {replay});
  CHECK(outputOf(store) == 100);
  CHECK(store.blocks().value().front().revision == 1);
  import(store, {record("a", "r1", "2026-02-10T10:00:00Z", 10)});
  CHECK(outputOf(store) == 10);
  // The hour of the replay is empty now: a server that has it must learn of it.
  const auto pending = store.pending("server", {}).value();
  REQUIRE(pending.size() == 1);
  CHECK(pending[0].sums.output == 10);
}

TEST_CASE(
    "of several replays the largest counts, per session; other sessions are other conversations") {
  const TempDir dir;
  auto store = fresh(dir);
  auto one = record("a", "r1", "2026-02-10T09:00:00Z", 100),
       two = record("a", "r2", "2026-02-10T09:00:00Z", 30),
       elsewhere = record("a", "r3", "2026-02-10T09:00:00Z", 7);
  one.sidechain = two.sidechain = elsewhere.sidechain = true;
  elsewhere.session_id = "s2";
  import(store, {one, two, elsewhere});
  CHECK(outputOf(store) == 107);
}

TEST_CASE("an unchanged import changes nothing; changed content raises the revision") {
  const TempDir dir;
  auto store = fresh(dir);
  const std::vector<UsageRecord> first{record("a", "r", "2026-02-10T10:00:00Z", 1),
                                       record("b", "r", "2026-02-10T12:00:00Z", 1)};
  CHECK(import(store, first).changed_blocks == 2);
  const auto again = import(store, first);
  CHECK(again.changed_blocks == 0);
  CHECK(again.new_messages == 0);
  CHECK(import(store, {record("c", "r", "2026-02-10T10:30:00Z", 5)}).changed_blocks == 1);
  const auto blocks = store.blocks().value();
  CHECK(blocks[0].revision == 2);
  CHECK(blocks[0].sums.requests == 2);
  CHECK(blocks[0].sums.output == 6);
  CHECK(blocks[1].revision == 1);
}

TEST_CASE("what a server acknowledged is not pending for it, but for every other") {
  const TempDir dir;
  auto store = fresh(dir);
  import(store, {record("a", "r", "2026-02-10T10:00:00Z", 1),
                 record("b", "r", "2026-02-10T12:00:00Z", 1)});
  auto pending = store.pending("one", {}).value();
  REQUIRE(pending.size() == 2);
  REQUIRE(store.record("one", {{pending[0], "accepted", "", ""}}, at("2026-02-11T00:00:00Z"))
              .has_value());
  CHECK(store.pending("one", {}).value().size() == 1);
  CHECK(store.pending("two", {}).value().size() == 2);
  CHECK(formatRfc3339(**store.lastExport("one")) == "2026-02-11T00:00:00Z");
  CHECK_FALSE(store.lastExport("two").value().has_value());
  // New content of an acknowledged hour is pending again, with its next revision.
  import(store, {record("c", "r", "2026-02-10T10:30:00Z", 5)});
  pending = store.pending("one", {}).value();
  REQUIRE(pending.size() == 2);
  CHECK(pending[0].revision == 2);
}

TEST_CASE("an hour that lost its last response is sent as zeros to whoever has it") {
  const TempDir dir;
  auto store = fresh(dir);
  auto replay = record("a", "r2", "2026-02-10T09:00:00Z", 100);
  replay.sidechain = true;
  import(store, {replay});
  REQUIRE(store
              .record("one", {{store.pending("one", {}).value().front(), "accepted", "", ""}},
                      at("2026-02-11T00:00:00Z"))
              .has_value());
  import(store, {record("a", "r1", "2026-02-10T10:00:00Z", 10)});
  const auto pending = store.pending("one", {}).value();
  REQUIRE(pending.size() == 2);
  CHECK(pending[0].revision == 2);
  CHECK(pending[0].sums == Sums{});
  CHECK(store.pending("two", {}).value().size() == 1);
}

TEST_CASE("conflicts are sent again only when somebody asks, with a higher revision") {
  const TempDir dir;
  auto store = fresh(dir);
  import(store, {record("a", "r", "2026-02-10T10:00:00Z", 1)});
  REQUIRE(store
              .record("one",
                      {{store.pending("one", {}).value().front(), "conflict", "revision_conflict",
                        "other numbers"}},
                      at("2026-02-11T00:00:00Z"))
              .has_value());
  CHECK(store.pending("one", {}).value().empty());
  CHECK(store.raiseConflicts("one").value() == 1);
  REQUIRE(store.pending("one", {}).value().size() == 1);
  CHECK(store.pending("one", {}).value().front().revision == 2);
  CHECK(store.raiseConflicts("one").value() == 0);
}

TEST_CASE("a cost is known only when every response states one") {
  const TempDir dir;
  auto store = fresh(dir);
  auto priced = record("a", "r", "2026-02-10T10:00:00Z", 1);
  priced.cost_microusd = 1500;
  import(store, {priced});
  CHECK(store.blocks().value().front().sums.cost_microusd == 1500);
  import(store, {record("b", "r", "2026-02-10T10:00:00Z", 1)});
  CHECK_FALSE(store.blocks().value().front().sums.cost_microusd.has_value());
  Sums sum;
  sum += {1, 0, 0, 0, 0, 0, 10};
  sum += {1, 0, 0, 0, 0, 0, 5};
  CHECK(sum.cost_microusd == 15);
  sum += {1, 0, 0, 0, 0, 0, std::nullopt};
  CHECK_FALSE(sum.cost_microusd.has_value());
}

TEST_CASE("an import that did not finish leaves nothing") {
  const TempDir dir;
  {
    auto store = fresh(dir);
    REQUIRE(store.begin().has_value());
    REQUIRE(store.add({{"/a.jsonl", 1, 1}, {}, {record("a", "r", "2026-02-10T10:00:00Z", 1)}})
                .has_value());
  }
  auto store = fresh(dir);
  CHECK(store.totals().value().messages == 0);
  CHECK(store.knownFiles().value().empty());
}

TEST_CASE("the store is private, and a damaged one says what to do") {
  const TempDir dir;
  fresh(dir);
  struct stat info {};
  REQUIRE(::stat((dir / "data/usage.db").c_str(), &info) == 0);
  CHECK((info.st_mode & 0777) == 0600);
  REQUIRE(::stat((dir / "data").c_str(), &info) == 0);
  CHECK((info.st_mode & 0777) == 0700);
  const auto broken = UsageStore::open(dir.write("broken.db", std::string(8192, 'x')));
  REQUIRE_FALSE(broken.has_value());
  CHECK(broken.error().code == Errc::data_loss);
  CHECK(broken.error().detail.find("ccp import") != std::string::npos);
}

}  // namespace ccp::cli
