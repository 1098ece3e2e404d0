#include "core/usage/repository.hpp"

#include <algorithm>

namespace ccp::usage {
namespace {

std::vector<db::Value> rowOf(const db::Tx& tx, const Source& source, const NewBlock& row) {
  const Block& block = *row.block;
  const Counters& c = block.counters;
  return {row.id, source.org, source.id, source.seat, std::string(toString(block.period)), toMicros(block.start_at), block.model,
          block.lane, c.requests, c.errors, c.input_tokens, c.output_tokens, c.cache_read_tokens, c.cache_write_tokens,
          std::int64_t{c.cost_microusd ? 1 : 0}, c.cost_microusd.value_or(0), block.ttft ? block.ttft->json().dump() : std::string(),
          block.revision, row.digest, toMicros(tx.now())};
}

/// Sums as floating point: exact up to 2^53, and no sum of ours overflows.
constexpr std::string_view kSums =
    "sum(requests * 1.0), sum(errors * 1.0), sum(input_tokens * 1.0), sum(output_tokens * 1.0), sum(cache_read_tokens * 1.0), "
    "sum(cache_write_tokens * 1.0), max(cost_known), sum(cost_microusd * 1.0) from usage_rollups "
    "where org_id = :org and start_at >= :from and start_at < :until ";

std::int64_t number(double sum) { return static_cast<std::int64_t>(std::min(sum, static_cast<double>(kMaxNumber))); }

Counters countersOf(double requests, double errors, double input, double output, double cache_read, double cache_write,
                    std::int64_t cost_known, double cost) {
  Counters out{number(requests), number(errors), number(input), number(output), number(cache_read), number(cache_write), {}};
  if (cost_known != 0) out.cost_microusd = number(cost);
  return out;
}

db::Binds windowBinds(const std::string& org, const Window& window) {
  return {{"org", org}, {"from", window.from_at}, {"until", window.until_at}};
}

}  // namespace

BlockKey keyOf(const Block& block) { return {block.start_at, block.period, block.model, block.lane}; }

namespace repository {

void lockSource(db::Tx& tx, const Source& source) {
  tx.exec(
      "insert into usage_sources (org_id, id, seat_id, created_at, synced_at) values (:org, :id, :seat, :now, :synced) "
      "on conflict (org_id, id) do update set synced_at = excluded.synced_at",
      {{"org", source.org}, {"id", source.id}, {"seat", source.seat}, {"now", tx.now()}, {"synced", tx.now()}});
}

std::map<BlockKey, StoredBlock> storedBlocks(db::Tx& tx, const Source& source, const DayRange& range) {
  std::map<BlockKey, StoredBlock> out;
  for (auto& [id, period, start, model, lane, revision, digest] :
       tx.query<std::string, std::string, Timestamp, std::string, std::string, std::int64_t, std::string>(
           "select id, period, start_at, model, lane, revision, digest from usage_rollups "
           "where org_id = :org and source_id = :source and start_at >= :from and start_at < :until",
           {{"org", source.org}, {"source", source.id}, {"from", range.from}, {"until", range.until}})) {
    out[{start, period == "day" ? Period::day : Period::hour, model, lane}] = {id, {revision, digest}};
  }
  return out;
}

void insertBlocks(db::Tx& tx, const Source& source, const std::vector<NewBlock>& blocks) {
  using enum db::ColumnType;
  db::Bulk bulk{.table = "usage_rollups",
                .columns = {{"id", text}, {"org_id", text}, {"source_id", text}, {"seat_id", text}, {"period", text},
                            {"start_at", integer}, {"model", text}, {"lane", text}, {"requests", integer}, {"errors", integer},
                            {"input_tokens", integer}, {"output_tokens", integer}, {"cache_read_tokens", integer},
                            {"cache_write_tokens", integer}, {"cost_known", integer}, {"cost_microusd", integer}, {"ttft", text},
                            {"revision", integer}, {"digest", text}, {"received_at", integer}},
                .rows = {}};
  bulk.rows.reserve(blocks.size());
  for (const auto& block : blocks) bulk.rows.push_back(rowOf(tx, source, block));
  tx.insert(bulk);
}

void replaceBlock(db::Tx& tx, const Source& source, const std::string& id, const Block& block, const std::string& digest) {
  const Counters& c = block.counters;
  tx.exec(
      "update usage_rollups set requests = :requests, errors = :errors, input_tokens = :input, output_tokens = :output, "
      "cache_read_tokens = :cache_read, cache_write_tokens = :cache_write, cost_known = :cost_known, cost_microusd = :cost, "
      "ttft = :ttft, revision = :revision, digest = :digest, received_at = :now where org_id = :org and id = :id",
      {{"requests", c.requests},
       {"errors", c.errors},
       {"input", c.input_tokens},
       {"output", c.output_tokens},
       {"cache_read", c.cache_read_tokens},
       {"cache_write", c.cache_write_tokens},
       {"cost_known", c.cost_microusd.has_value()},
       {"cost", c.cost_microusd.value_or(0)},
       {"ttft", block.ttft ? block.ttft->json().dump() : std::string()},
       {"revision", block.revision},
       {"digest", digest},
       {"now", tx.now()},
       {"org", source.org},
       {"id", id}});
}

Result<std::vector<AcceptedRollup>> receivedAt(db::Tx& tx, const Source& source, const DayRange& range, Timestamp at) {
  std::vector<AcceptedRollup> out;
  for (auto& [id, seat, period, start, model, lane, requests, errors, input, output, cache_read, cache_write, cost_known, cost, ttft, revision] :
       tx.query<std::string, std::string, std::string, Timestamp, std::string, std::string, std::int64_t, std::int64_t, std::int64_t,
                std::int64_t, std::int64_t, std::int64_t, bool, std::int64_t, std::string, std::int64_t>(
           "select id, seat_id, period, start_at, model, lane, requests, errors, input_tokens, output_tokens, cache_read_tokens, "
           "cache_write_tokens, cost_known, cost_microusd, ttft, revision from usage_rollups where org_id = :org and source_id = :source "
           "and start_at >= :from and start_at < :until and received_at = :at order by start_at, id",
           {{"org", source.org}, {"source", source.id}, {"from", range.from}, {"until", range.until}, {"at", at}})) {
    AcceptedRollup row{std::move(id), {source.org, source.id, std::move(seat)}, {}, at};
    row.block.period = period == "day" ? Period::day : Period::hour;
    row.block.start_at = start;
    row.block.model = std::move(model);
    row.block.lane = std::move(lane);
    row.block.counters = {requests, errors, input, output, cache_read, cache_write, {}};
    if (cost_known) row.block.counters.cost_microusd = cost;
    row.block.revision = revision;
    if (!ttft.empty()) {
      CCP_TRY(const auto json, parseJson(ttft));
      auto sketch = Sketch::parse(json);
      if (!sketch) return fail(Errc::data_loss, "a stored sketch does not read: " + sketch.error().detail);
      row.block.ttft = std::move(*sketch);
    }
    out.push_back(std::move(row));
  }
  return out;
}

std::vector<ModelSums> sumsByModel(db::Tx& tx, const std::string& org, const Window& window) {
  std::vector<ModelSums> out;
  for (auto& [model, lane, r, e, i, o, cr, cw, known, cost] :
       tx.query<std::string, std::string, double, double, double, double, double, double, std::int64_t, double>(
           "select model, lane, " + std::string(kSums) + "group by model, lane order by model, lane", windowBinds(org, window))) {
    out.push_back({model, lane, countersOf(r, e, i, o, cr, cw, known, cost)});
  }
  return out;
}

std::vector<BucketSums> sumsByBucket(db::Tx& tx, const std::string& org, const Window& window) {
  std::vector<BucketSums> out;
  auto binds = windowBinds(org, window);
  binds.emplace_back("origin", window.from_at);
  binds.emplace_back("bucket", std::int64_t{window.bucket.count()});
  for (auto& [bucket, model, r, e, i, o, cr, cw, known, cost] :
       tx.query<std::int64_t, std::string, double, double, double, double, double, double, std::int64_t, double>(
           "select (start_at - :origin) / :bucket, model, " + std::string(kSums) + "group by 1, 2 order by 1, 2", binds)) {
    out.push_back({window.from_at + bucket * window.bucket, model, countersOf(r, e, i, o, cr, cw, known, cost)});
  }
  return out;
}

std::vector<SeatSums> sumsBySeat(db::Tx& tx, const std::string& org, const Window& window) {
  std::vector<SeatSums> out;
  for (auto& [seat, r, e, i, o, cr, cw, known, cost] :
       tx.query<std::string, double, double, double, double, double, double, std::int64_t, double>(
           "select seat_id, " + std::string(kSums) + "group by seat_id order by seat_id", windowBinds(org, window))) {
    out.push_back({seat, countersOf(r, e, i, o, cr, cw, known, cost)});
  }
  return out;
}

std::vector<StoredSketch> sketches(db::Tx& tx, const std::string& org, const Window& window) {
  std::vector<StoredSketch> out;
  for (auto& [model, lane, json] : tx.query<std::string, std::string, std::string>(
           "select model, lane, ttft from usage_rollups where org_id = :org and start_at >= :from and start_at < :until "
           "and ttft <> ''",
           windowBinds(org, window))) {
    out.push_back({model, lane, json});
  }
  return out;
}

std::int64_t dayBlocks(db::Tx& tx, const std::string& org, const Window& window) {
  return std::get<0>(*tx.one<std::int64_t>(
      "select count(*) from usage_rollups where org_id = :org and start_at >= :from and start_at < :until and period = 'day'",
      windowBinds(org, window)));
}

std::optional<Timestamp> latestEnd(db::Tx& tx, const std::string& org) {
  const auto row = tx.one<Timestamp, std::string>(
      "select start_at, period from usage_rollups where org_id = :org order by start_at desc, period limit 1", {{"org", org}});
  if (!row) return std::nullopt;
  return std::get<0>(*row) + lengthOf(std::get<1>(*row) == "day" ? Period::day : Period::hour);
}

}  // namespace repository
}  // namespace ccp::usage
