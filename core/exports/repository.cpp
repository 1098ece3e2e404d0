#include "core/exports/repository.hpp"

#include <algorithm>
#include <bit>
#include <map>

namespace ccp::exports {
namespace {

constexpr std::array<const char*, 11> kColumns = {"org_id",  "id",          "instance", "stream",   "record_id", "type",
                                                  "subject", "occurred_at", "data",     "sequence", "queued_at"};

/// One statement for `rows` rows, a power of two up to 32, so that few texts are kept prepared. On
/// PostgreSQL several nodes queue: positions come from the sequence that orders the outbox as well. On
/// SQLite the one writer counts.
std::string insertText(std::size_t rows, db::Dialect dialect) {
  std::string text = "insert into export_queue (";
  for (const char* column : kColumns) text += std::string(column) + ", ";
  text += "position) values ";
  for (std::size_t r = 0; r < rows; ++r) {
    const std::string suffix = "_" + std::to_string(r);
    text += r > 0 ? ", (" : "(";
    for (const char* column : kColumns) text += std::string(":") + column + suffix + ", ";
    text += (dialect == db::Dialect::postgresql ? "nextval('outbox_position')" : ":position" + suffix) + ")";
  }
  return text + " on conflict (org_id, id) do nothing";
}

db::Binds laneBinds(const Lane& lane) { return {{"instance", lane.instance}, {"stream", lane.stream}}; }

db::Binds with(db::Binds binds, std::initializer_list<db::Bind> more) {
  binds.insert(binds.end(), more);
  return binds;
}

constexpr std::string_view kStatus =
    "select s.instance, s.stream, s.state, s.last_sequence, s.last_acknowledged_at, s.sent, s.attempts, s.next_attempt_at, "
    "s.last_error, s.last_error_at, s.seen_at from export_streams s ";

std::vector<LaneStatus> statuses(db::Tx& tx, const std::string& where, const db::Binds& binds) {
  std::vector<LaneStatus> out;
  for (auto& [instance, stream, state, last, acknowledged_at, sent, attempts, next_at, error, error_at, seen_at] :
       tx.query<std::string, std::string, std::string, std::int64_t, std::optional<Timestamp>, std::int64_t, std::int64_t, Timestamp,
                std::string, std::optional<Timestamp>, Timestamp>(std::string(kStatus) + where + "order by s.instance, s.stream", binds)) {
    LaneStatus row;
    row.lane = {std::move(instance), std::move(stream)};
    row.state = streamStateFrom(state);
    row.last_sequence = last;
    row.last_acknowledged_at = acknowledged_at;
    row.sent = sent;
    row.attempts = attempts;
    row.next_attempt_at = next_at;
    row.last_error = std::move(error);
    row.last_error_at = error_at;
    row.seen_at = seen_at;
    out.push_back(std::move(row));
  }
  return out;
}

}  // namespace

namespace repository {

void registerLanes(db::Tx& tx, const std::vector<Lane>& lanes) {
  for (const auto& lane : lanes) {
    tx.exec(
        "insert into export_streams (instance, stream, state, next_sequence, last_sequence, sent, attempts, next_attempt_at, last_error, "
        "lease_node, lease_ends_at, created_at, seen_at) values (:instance, :stream, 'active', 1, 0, 0, 0, 0, '', '', 0, :created, :seen) "
        "on conflict (instance, stream) do update set seen_at = excluded.seen_at",
        with(laneBinds(lane), {{"created", tx.now()}, {"seen", tx.now()}}));
  }
}

std::vector<std::string> takers(db::Tx& tx, std::string_view stream, Timestamp seen_since) {
  std::vector<std::string> out;
  for (auto& [instance] : tx.query<std::string>(
           "select instance from export_streams where stream = :stream and state <> 'declined' and seen_at >= :since order by instance",
           {{"stream", stream}, {"since", seen_since}})) {
    out.push_back(std::move(instance));
  }
  return out;
}

std::int64_t append(db::Tx& tx, const Lane& lane, const std::vector<NewRecord>& records) {
  std::int64_t position = 0;
  if (tx.dialect() == db::Dialect::sqlite) {
    position = std::get<0>(*tx.one<std::int64_t>("select coalesce(max(position), 0) from export_queue"));
  }
  std::int64_t added = 0;
  std::size_t next = 0;
  while (next < records.size()) {
    const std::size_t rows = std::min<std::size_t>(32, std::bit_floor(records.size() - next));
    db::Binds binds;
    for (std::size_t r = 0; r < rows; ++r) {
      const NewRecord& record = records[next + r];
      const std::string suffix = "_" + std::to_string(r);
      binds.emplace_back("org_id" + suffix, record.org);
      binds.emplace_back("id" + suffix, record.id + "@" + lane.instance + "/" + lane.stream);
      binds.emplace_back("instance" + suffix, lane.instance);
      binds.emplace_back("stream" + suffix, lane.stream);
      binds.emplace_back("record_id" + suffix, record.id);
      binds.emplace_back("type" + suffix, record.type);
      binds.emplace_back("subject" + suffix, record.subject);
      binds.emplace_back("occurred_at" + suffix, record.occurred_at);
      binds.emplace_back("data" + suffix, record.data);
      binds.emplace_back("sequence" + suffix, 0);
      binds.emplace_back("queued_at" + suffix, tx.now());
      if (tx.dialect() == db::Dialect::sqlite) binds.emplace_back("position" + suffix, ++position);
    }
    added += tx.exec(insertText(rows, tx.dialect()), binds);
    next += rows;
  }
  return added;
}

std::optional<LaneView> view(db::Tx& tx, const Lane& lane) {
  const auto row = tx.one<std::string, Timestamp, std::int64_t>(
      "select state, next_attempt_at, last_sequence from export_streams where instance = :instance and stream = :stream", laneBinds(lane));
  if (!row) return std::nullopt;
  LaneView out{streamStateFrom(std::get<0>(*row)), std::get<1>(*row), std::get<2>(*row), false};
  out.queued = tx.one<std::int64_t>("select 1 from export_queue where instance = :instance and stream = :stream limit 1", laneBinds(lane)).has_value();
  return out;
}

std::optional<Batch> take(db::Tx& tx, const Lane& lane, const std::string& node, Timestamp lease_end) {
  // The lease's row stays locked until the unit of work ends: two nodes never give sequences at once.
  const auto leased = tx.exec(
      "update export_streams set lease_node = :node, lease_ends_at = :end where instance = :instance and stream = :stream "
      "and state = 'active' and next_attempt_at <= :due and (lease_ends_at <= :now or lease_node = :self)",
      with(laneBinds(lane), {{"node", node}, {"end", lease_end}, {"due", tx.now()}, {"now", tx.now()}, {"self", node}}));
  if (leased == 0) return std::nullopt;
  const auto [next, cursor, attempts] = *tx.one<std::int64_t, std::int64_t, std::int64_t>(
      "select next_sequence, last_sequence, attempts from export_streams where instance = :instance and stream = :stream", laneBinds(lane));

  const auto limit = static_cast<std::int64_t>(kMaxRecords);
  const auto pending = std::get<0>(*tx.one<std::int64_t>(
      "select count(*) from export_queue where instance = :instance and stream = :stream and sequence > 0", laneBinds(lane)));
  if (pending < limit) {
    const auto given = tx.exec(
        "update export_queue set sequence = taken.n from (select org_id as o, id as i, cast(:base as bigint) + row_number() over (order by position) as n "
        "from export_queue where instance = :instance and stream = :stream and sequence = 0 order by position limit :k) taken "
        "where export_queue.org_id = taken.o and export_queue.id = taken.i",
        with(laneBinds(lane), {{"base", next - 1}, {"k", limit - pending}}));
    if (given > 0) {
      tx.exec("update export_streams set next_sequence = :next where instance = :instance and stream = :stream",
              with(laneBinds(lane), {{"next", next + given}}));
    }
  }

  Batch out{cursor, attempts, {}, false};
  std::vector<std::size_t> bytes;
  for (auto& [sequence, id, type, occurred_at, org, subject, data] :
       tx.query<std::int64_t, std::string, std::string, Timestamp, std::string, std::string, std::string>(
           "select sequence, record_id, type, occurred_at, org_id, subject, data from export_queue where instance = :instance "
           "and stream = :stream and sequence > 0 order by sequence limit :k",
           with(laneBinds(lane), {{"k", limit}}))) {
    bytes.push_back(data.size() + id.size() + type.size() + subject.size() + 128);
    out.rows.push_back({{sequence, std::move(id), std::move(type), occurred_at, std::move(org), std::move(subject), {}}, std::move(data)});
  }
  if (out.rows.empty()) {
    release(tx, lane, node);
    return std::nullopt;
  }
  const std::size_t size = batchSize(bytes);
  out.more = size < out.rows.size() || size == kMaxRecords;
  out.rows.resize(size);
  return out;
}

void acknowledge(db::Tx& tx, const Lane& lane, std::int64_t first, std::int64_t last) {
  const auto gone = tx.exec(
      "delete from export_queue where instance = :instance and stream = :stream and sequence >= :first and sequence <= :last",
      with(laneBinds(lane), {{"first", first}, {"last", last}}));
  tx.exec(
      "update export_streams set last_sequence = case when last_sequence < :last then :last2 else last_sequence end, "
      "last_acknowledged_at = :now, sent = sent + :n, attempts = 0, next_attempt_at = 0, last_error = '' "
      "where instance = :instance and stream = :stream",
      with(laneBinds(lane), {{"last", last}, {"last2", last}, {"now", tx.now()}, {"n", gone}}));
}

void release(db::Tx& tx, const Lane& lane, const std::string& node) {
  tx.exec("update export_streams set lease_node = '', lease_ends_at = 0 where instance = :instance and stream = :stream and lease_node = :node",
          with(laneBinds(lane), {{"node", node}}));
}

void releaseAll(db::Tx& tx) { tx.exec("update export_streams set lease_node = '', lease_ends_at = 0"); }

void postpone(db::Tx& tx, const Lane& lane, const std::string& node, std::int64_t attempts, Timestamp next_attempt_at, const std::string& error) {
  tx.exec(
      "update export_streams set attempts = :attempts, next_attempt_at = :next, last_error = :error, last_error_at = :now "
      "where instance = :instance and stream = :stream",
      with(laneBinds(lane), {{"attempts", attempts}, {"next", next_attempt_at}, {"error", error}, {"now", tx.now()}}));
  release(tx, lane, node);
}

bool setState(db::Tx& tx, const Lane& lane, StreamState state, const std::string& error) {
  const auto changed = tx.exec(
      "update export_streams set state = :state, last_error = :error, last_error_at = case when :error2 = '' then last_error_at else :now end "
      "where instance = :instance and stream = :stream and state <> :same",
      with(laneBinds(lane), {{"state", toString(state)}, {"error", error}, {"error2", error}, {"now", tx.now()}, {"same", toString(state)}}));
  return changed == 1;
}

void makeDue(db::Tx& tx, const Lane& lane) {
  tx.exec("update export_streams set attempts = 0, next_attempt_at = 0 where instance = :instance and stream = :stream", laneBinds(lane));
}

std::vector<LaneStatus> list(db::Tx& tx) {
  std::map<Lane, std::pair<std::int64_t, Timestamp>> queues;
  for (auto& [instance, stream, n, oldest] : tx.query<std::string, std::string, std::int64_t, Timestamp>(
           "select instance, stream, cast(count(*) as bigint), cast(min(queued_at) as bigint) from export_queue group by instance, stream")) {
    queues[{std::move(instance), std::move(stream)}] = {n, oldest};
  }
  auto out = statuses(tx, "", {});
  for (auto& row : out) {
    const auto found = queues.find(row.lane);
    if (found == queues.end()) continue;
    row.queued = found->second.first;
    row.oldest_at = found->second.second;
  }
  return out;
}

std::optional<LaneStatus> status(db::Tx& tx, const Lane& lane) {
  auto found = statuses(tx, "where s.instance = :instance and s.stream = :stream ", laneBinds(lane));
  if (found.empty()) return std::nullopt;
  const auto [n, oldest] = *tx.one<std::int64_t, std::optional<Timestamp>>(
      "select cast(count(*) as bigint), cast(min(queued_at) as bigint) from export_queue where instance = :instance and stream = :stream",
      laneBinds(lane));
  found.front().queued = n;
  found.front().oldest_at = oldest;
  return found.front();
}

std::int64_t discard(db::Tx& tx, const Lane& lane) {
  return tx.exec("delete from export_queue where instance = :instance and stream = :stream", laneBinds(lane));
}

void forget(db::Tx& tx, const Lane& lane) {
  tx.exec("delete from export_streams where instance = :instance and stream = :stream", laneBinds(lane));
}

}  // namespace repository
}  // namespace ccp::exports
