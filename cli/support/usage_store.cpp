#include "cli/support/usage_store.hpp"

#include <sys/stat.h>

#include <filesystem>
#include <map>
#include <tuple>
#include <utility>

#include "cli/support/sqlite.hpp"
#include "core/base/file.hpp"

namespace ccp::cli {
namespace {

constexpr std::int64_t kHourUs = 3'600'000'000;
constexpr std::int64_t kSlotUs = 900'000'000;

// `counted` holds the responses that count: a sidechain's replay of a message that the same session
// also has in its main conversation does not, and of several replays only the largest does
// (contracts.md 9). A response without a message id never has a twin.
constexpr const char* kSchema = R"sql(
create table if not exists files(
  path text primary key, size integer not null, mtime_ns integer not null) without rowid;
create table if not exists messages(
  message_id text not null, request_id text not null, session_id text not null, model text not null,
  at_us integer not null, sidechain integer not null, error integer not null, has_speed integer not null,
  input integer not null, output integer not null, cache_read integer not null, cache_write integer not null,
  cost_microusd integer, primary key(message_id, request_id)) without rowid;
create index if not exists messages_at on messages(at_us);
create view if not exists counted as
  select * from messages m where m.sidechain = 0 or m.message_id = '' or not exists (
    select 1 from messages o where o.message_id = m.message_id and o.request_id <> m.request_id
      and o.session_id = m.session_id and (o.sidechain = 0
        or (o.input + o.output + o.cache_read + o.cache_write, -o.at_us, o.request_id)
         > (m.input + m.output + m.cache_read + m.cache_write, -m.at_us, m.request_id)));
create table if not exists blocks(
  start_us integer not null, model text not null, lane text not null, requests integer not null,
  errors integer not null, input integer not null, output integer not null, cache_read integer not null,
  cache_write integer not null, cost_microusd integer, revision integer not null,
  primary key(start_us, model, lane)) without rowid;
create table if not exists exports(
  target text not null, start_us integer not null, model text not null, lane text not null,
  revision integer not null, status text not null, code text not null, detail text not null,
  at_us integer not null, primary key(target, start_us, model, lane)) without rowid;
)sql";

constexpr int kSchemaVersion = 1;

Sums readSums(const SqliteStatement& row, int first) {
  Sums out;
  out.requests = row.integer(first);
  out.errors = row.integer(first + 1);
  out.input = row.integer(first + 2);
  out.output = row.integer(first + 3);
  out.cache_read = row.integer(first + 4);
  out.cache_write = row.integer(first + 5);
  out.cost_microusd = row.optInteger(first + 6);
  return out;
}

constexpr const char* kSumColumns =
    " count(*), sum(error), sum(input), sum(output), sum(cache_read), sum(cache_write),"
    " case when count(cost_microusd) = count(*) then sum(cost_microusd) end ";

constexpr std::int64_t floorTo(std::int64_t us, std::int64_t step) noexcept {
  const auto rest = us % step;
  return us - (rest < 0 ? rest + step : rest);
}

}  // namespace

Sums& Sums::operator+=(const Sums& other) noexcept {
  if (requests == 0) {
    cost_microusd = other.cost_microusd;
  } else if (other.requests != 0) {
    cost_microusd = cost_microusd && other.cost_microusd
                        ? std::optional(*cost_microusd + *other.cost_microusd)
                        : std::nullopt;
  }
  requests += other.requests;
  errors += other.errors;
  input += other.input;
  output += other.output;
  cache_read += other.cache_read;
  cache_write += other.cache_write;
  return *this;
}

std::string laneOf(std::string_view model) {
  // Bedrock and Vertex put a prefix before the model's own name ("us.anthropic.claude-…").
  if (model.find("claude") != std::string_view::npos) return "anthropic";
  if (model.starts_with("glm")) return "zai";
  return "other";
}

struct UsageStore::Impl {
  SqliteDb db;
  SqliteStatement upsert, note_file, hours_of_message;
  bool in_transaction = false;
  bool was_empty = false;
  ApplyResult result = {};
  std::int64_t messages_before = 0;

  Result<std::int64_t> single(const char* sql) {
    CCP_TRY(auto query, db.prepare(sql));
    CCP_TRY(const bool row, query.step());
    return row ? query.integer(0) : 0;
  }
  Status prepareImport();
  Status addRecord(const UsageRecord& record);
  Status deriveHours();
  Status writeBlock(SqliteStatement& statement, const HourBlock& block);
  Result<std::vector<HourBlock>> readBlocks(SqliteStatement& query);
};

UsageStore::UsageStore(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
UsageStore::UsageStore(UsageStore&&) noexcept = default;
UsageStore& UsageStore::operator=(UsageStore&&) noexcept = default;
UsageStore::~UsageStore() {
  if (impl_ && impl_->in_transaction) (void)impl_->db.run("rollback");
}

Result<UsageStore> UsageStore::open(const std::string& path) {
  CCP_CHECK_OK(makeDirectories(std::filesystem::path(path).parent_path().string(), 0700));
  auto impl = std::make_unique<Impl>();
  const auto open = [&]() -> Status {
    CCP_TRY(impl->db, SqliteDb::open(path));
    CCP_CHECK_OK(impl->db.run(
        "pragma journal_mode = wal; pragma synchronous = normal; pragma temp_store = memory; "
        "pragma cache_size = -65536"));
    CCP_TRY(const auto version, impl->single("pragma user_version"));
    if (version > kSchemaVersion) {
      return fail(Errc::store_error, "The local usage store was written by a newer ccp (version " +
                                         std::to_string(version) + ").");
    }
    if (version < kSchemaVersion) {
      CCP_CHECK_OK(impl->db.run("begin immediate"));
      CCP_CHECK_OK(impl->db.run(kSchema));
      CCP_CHECK_OK(impl->db.run("pragma user_version = 1; commit"));
    }
    return {};
  };
  if (auto status = open(); !status) {
    auto error = status.error();
    error.detail += " File: " + path +
                    ". Its content can be made again: move the file away and run `ccp import`.";
    return fail(std::move(error));
  }
  ::chmod(path.c_str(), 0600);
  return UsageStore(std::move(impl));
}

Result<std::unordered_map<std::string, TranscriptFile>> UsageStore::knownFiles() {
  CCP_TRY(auto query, impl_->db.prepare("select path, size, mtime_ns from files"));
  std::unordered_map<std::string, TranscriptFile> out;
  for (;;) {
    CCP_TRY(const bool row, query.step());
    if (!row) return out;
    TranscriptFile file{query.text(0), query.integer(1), query.integer(2)};
    auto path = file.path;
    out.emplace(std::move(path), std::move(file));
  }
}

Status UsageStore::Impl::prepareImport() {
  CCP_TRY(upsert, db.prepare(R"sql(
    insert into messages(message_id, request_id, session_id, model, at_us, sidechain, error, has_speed,
      input, output, cache_read, cache_write, cost_microusd) values(?,?,?,?,?,?,?,?,?,?,?,?,?)
    on conflict(message_id, request_id) do update set session_id = excluded.session_id, model = excluded.model,
      at_us = excluded.at_us, sidechain = excluded.sidechain, error = excluded.error, has_speed = excluded.has_speed,
      input = excluded.input, output = excluded.output, cache_read = excluded.cache_read,
      cache_write = excluded.cache_write, cost_microusd = excluded.cost_microusd
    where (-excluded.sidechain, excluded.input + excluded.output + excluded.cache_read + excluded.cache_write,
           excluded.has_speed, -excluded.at_us, excluded.model, excluded.input, excluded.output,
           excluded.cache_read, excluded.session_id)
        > (-sidechain, input + output + cache_read + cache_write, has_speed, -at_us, model, input, output,
           cache_read, session_id))sql"));
  CCP_TRY(
      note_file,
      db.prepare(
          "insert into files(path, size, mtime_ns) values(?,?,?) on conflict(path) do update set "
          "size = excluded.size, mtime_ns = excluded.mtime_ns"));
  CCP_TRY(hours_of_message, db.prepare("insert or ignore into touched select at_us / 3600000000 "
                                       "from messages where message_id = ?"));
  return {};
}

Status UsageStore::begin() {
  CCP_CHECK_OK(impl_->db.run("begin immediate"));
  impl_->in_transaction = true;
  impl_->result = {};
  CCP_CHECK_OK(impl_->db.run(
      "create temp table if not exists touched(hour integer primary key); delete from touched"));
  CCP_TRY(impl_->messages_before, impl_->single("select count(*) from messages"));
  impl_->was_empty = impl_->messages_before == 0;
  return impl_->prepareImport();
}

Status UsageStore::Impl::addRecord(const UsageRecord& r) {
  // A change may move a response to another hour, or let another line of the same message count or
  // not: all hours of the message are derived again. In an empty store every hour is new anyway.
  if (!was_empty) CCP_CHECK_OK(hours_of_message.bind(1, r.message_id).run());
  upsert.bind(1, r.message_id)
      .bind(2, r.request_id)
      .bind(3, r.session_id)
      .bind(4, r.model)
      .bind(5, toMicros(r.at));
  upsert.bind(6, std::int64_t{r.sidechain})
      .bind(7, std::int64_t{r.error})
      .bind(8, std::int64_t{r.has_speed});
  upsert.bind(9, r.input)
      .bind(10, r.output)
      .bind(11, r.cache_read)
      .bind(12, r.cache_write)
      .bind(13, r.cost_microusd);
  CCP_CHECK_OK(upsert.run());
  if (db.changes() == 0) return {};
  ++result.changed_messages;
  if (!was_empty) CCP_CHECK_OK(hours_of_message.bind(1, r.message_id).run());
  return {};
}

Status UsageStore::add(const FileUsage& usage) {
  for (const auto& record : usage.records) CCP_CHECK_OK(impl_->addRecord(record));
  return impl_->note_file.bind(1, usage.file.path)
      .bind(2, usage.file.size)
      .bind(3, usage.file.mtime_ns)
      .run();
}

Status UsageStore::Impl::writeBlock(SqliteStatement& statement, const HourBlock& b) {
  const auto& s = b.sums;
  statement.bind(1, toMicros(b.start))
      .bind(2, b.model)
      .bind(3, b.lane)
      .bind(4, s.requests)
      .bind(5, s.errors);
  statement.bind(6, s.input)
      .bind(7, s.output)
      .bind(8, s.cache_read)
      .bind(9, s.cache_write)
      .bind(10, s.cost_microusd);
  CCP_CHECK_OK(statement.run());
  result.changed_blocks += db.changes();
  return {};
}

Status UsageStore::Impl::deriveHours() {
  if (was_empty)
    CCP_CHECK_OK(db.run("insert or ignore into touched select at_us / 3600000000 from messages"));
  using Key = std::tuple<std::int64_t, std::string, std::string>;
  std::map<Key, Sums> hours;
  CCP_TRY(auto query,
          db.prepare(std::string("select at_us / 3600000000 as hour, model,") + kSumColumns +
                     "from touched t join counted c on c.at_us >= t.hour * 3600000000 "
                     "and c.at_us < (t.hour + 1) * 3600000000 group by 1, 2"));
  for (;;) {
    CCP_TRY(const bool row, query.step());
    if (!row) break;
    const auto model = query.text(1);
    hours[Key(query.integer(0) * kHourUs, model, laneOf(model))] += readSums(query, 2);
  }
  // A block that has no response left stays, with zeros: the server must learn of it.
  CCP_TRY(auto gone, db.prepare("select start_us, model, lane from blocks where start_us / "
                                "3600000000 in (select hour from touched)"));
  for (;;) {
    CCP_TRY(const bool row, gone.step());
    if (!row) break;
    hours.try_emplace(Key(gone.integer(0), gone.text(1), gone.text(2)));
  }
  CCP_TRY(auto write, db.prepare(R"sql(
    insert into blocks(start_us, model, lane, requests, errors, input, output, cache_read, cache_write, cost_microusd, revision)
      values(?,?,?,?,?,?,?,?,?,?,1)
    on conflict(start_us, model, lane) do update set requests = excluded.requests, errors = excluded.errors,
      input = excluded.input, output = excluded.output, cache_read = excluded.cache_read,
      cache_write = excluded.cache_write, cost_microusd = excluded.cost_microusd, revision = revision + 1
    where (requests, errors, input, output, cache_read, cache_write)
       <> (excluded.requests, excluded.errors, excluded.input, excluded.output, excluded.cache_read, excluded.cache_write)
       or cost_microusd is not excluded.cost_microusd)sql"));
  for (const auto& [key, sums] : hours) {
    CCP_CHECK_OK(writeBlock(
        write, HourBlock{fromMicros(std::get<0>(key)), std::get<1>(key), std::get<2>(key), sums}));
  }
  return {};
}

Result<ApplyResult> UsageStore::finish() {
  if (impl_->result.changed_messages > 0) CCP_CHECK_OK(impl_->deriveHours());
  CCP_TRY(const auto after, impl_->single("select count(*) from messages"));
  impl_->result.new_messages = after - impl_->messages_before;
  CCP_CHECK_OK(impl_->db.run("commit"));
  impl_->in_transaction = false;
  return impl_->result;
}

Result<StoreTotals> UsageStore::totals() {
  StoreTotals out;
  CCP_TRY(out.files, impl_->single("select count(*) from files"));
  CCP_TRY(out.messages, impl_->single("select count(*) from counted"));
  CCP_TRY(out.blocks, impl_->single("select count(*) from blocks where requests > 0"));
  return out;
}

Result<std::vector<UsageSlot>> UsageStore::slots(std::optional<Timestamp> since,
                                                 std::optional<Timestamp> until) {
  CCP_TRY(
      auto query,
      impl_->db.prepare(std::string("select at_us / 900000000, model,") + kSumColumns +
                        "from counted where at_us >= ? and at_us < ? group by 1, 2 order by 1, 2"));
  query.bind(1, since ? floorTo(toMicros(*since), 1) : INT64_MIN)
      .bind(2, until ? toMicros(*until) : INT64_MAX);
  std::vector<UsageSlot> out;
  for (;;) {
    CCP_TRY(const bool row, query.step());
    if (!row) return out;
    out.push_back({fromMicros(query.integer(0) * kSlotUs), query.text(1), readSums(query, 2)});
  }
}

Result<std::vector<HourBlock>> UsageStore::Impl::readBlocks(SqliteStatement& query) {
  std::vector<HourBlock> out;
  for (;;) {
    CCP_TRY(const bool row, query.step());
    if (!row) return out;
    out.push_back({fromMicros(query.integer(0)), query.text(1), query.text(2), readSums(query, 3),
                   query.integer(10)});
  }
}

constexpr const char* kBlockColumns =
    "b.start_us, b.model, b.lane, b.requests, b.errors, b.input, b.output, b.cache_read, "
    "b.cache_write, b.cost_microusd, b.revision";

Result<std::vector<HourBlock>> UsageStore::blocks(std::optional<Timestamp> since) {
  CCP_TRY(auto query,
          impl_->db.prepare(
              std::string("select ") + kBlockColumns +
              " from blocks b where b.start_us >= ? and b.requests > 0 order by 1, 2, 3"));
  query.bind(1, since ? toMicros(*since) : INT64_MIN);
  return impl_->readBlocks(query);
}

Result<std::vector<HourBlock>> UsageStore::pending(const std::string& target,
                                                   std::optional<Timestamp> since) {
  // A block that never had a request at this server need not be sent as a row of zeros.
  CCP_TRY(auto query, impl_->db.prepare(std::string("select ") + kBlockColumns + R"sql(
    from blocks b left join exports e on e.target = ? and e.start_us = b.start_us and e.model = b.model and e.lane = b.lane
    where b.start_us >= ? and (e.revision is null or e.revision <> b.revision) and (b.requests > 0 or e.revision is not null)
    order by 1, 2, 3)sql"));
  query.bind(1, target).bind(2, since ? toMicros(*since) : INT64_MIN);
  return impl_->readBlocks(query);
}

Status UsageStore::record(const std::string& target, const std::vector<BlockAnswer>& answers,
                          Timestamp now) {
  CCP_CHECK_OK(impl_->db.run("begin immediate"));
  impl_->in_transaction = true;
  CCP_TRY(auto write, impl_->db.prepare(R"sql(
    insert into exports(target, start_us, model, lane, revision, status, code, detail, at_us) values(?,?,?,?,?,?,?,?,?)
    on conflict(target, start_us, model, lane) do update set revision = excluded.revision, status = excluded.status,
      code = excluded.code, detail = excluded.detail, at_us = excluded.at_us)sql"));
  for (const auto& a : answers) {
    write.bind(1, target)
        .bind(2, toMicros(a.block.start))
        .bind(3, a.block.model)
        .bind(4, a.block.lane)
        .bind(5, a.block.revision);
    write.bind(6, a.status).bind(7, a.code).bind(8, a.detail).bind(9, toMicros(now));
    CCP_CHECK_OK(write.run());
  }
  CCP_CHECK_OK(impl_->db.run("commit"));
  impl_->in_transaction = false;
  return {};
}

Result<std::int64_t> UsageStore::raiseConflicts(const std::string& target) {
  CCP_TRY(auto raise, impl_->db.prepare(R"sql(
    update blocks set revision = revision + 1 where exists (select 1 from exports e where e.target = ?
      and e.start_us = blocks.start_us and e.model = blocks.model and e.lane = blocks.lane
      and e.revision = blocks.revision and e.status = 'conflict'))sql"));
  CCP_CHECK_OK(raise.bind(1, target).run());
  return impl_->db.changes();
}

Result<std::optional<Timestamp>> UsageStore::lastExport(const std::string& target) {
  CCP_TRY(auto query, impl_->db.prepare("select max(at_us) from exports where target = ?"));
  CCP_TRY(const bool row, query.bind(1, target).step());
  const auto at = row ? query.optInteger(0) : std::nullopt;
  return at ? std::optional(fromMicros(*at)) : std::nullopt;
}

}  // namespace ccp::cli
