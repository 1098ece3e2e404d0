#include "store.hpp"

#include <Poco/Data/RecordSet.h>
#include <Poco/Data/Statement.h>
#include <Poco/Exception.h>
#include <Poco/Nullable.h>

#include <mutex>
#include <optional>

#include "rows.hpp"

namespace sql_export {
namespace {

using namespace Poco::Data::Keywords;
using Poco::Data::Session;
using Poco::Data::Statement;

/// Rolls back unless it was committed. SQLite's plain BEGIN would read first and then be refused, without
/// any waiting, when another stream writes: the lock is taken at the beginning.
class Transaction {
 public:
  Transaction(Session& session, Dialect dialect) : session_(session), immediate_(dialect == Dialect::sqlite) {
    if (immediate_) session_ << "begin immediate", now;
    else session_.begin();
  }
  ~Transaction() {
    if (done_) return;
    try {
      if (immediate_) session_ << "rollback", now;
      else session_.rollback();
    } catch (const Poco::Exception&) {  // the connection is gone, and so is what it had begun
    }
  }
  Transaction(const Transaction&) = delete;
  Transaction& operator=(const Transaction&) = delete;
  void commit() {
    if (immediate_) session_ << "commit", now;
    else session_.commit();
    done_ = true;
  }

 private:
  Session& session_;
  const bool immediate_;
  bool done_ = false;
};

void stopIf(const std::function<bool()>& cancelled) {
  if (cancelled && cancelled()) throw ccp::Error(CCP_RC_CANCELLED, "the batch was cancelled and rolled back");
}

template <class T, class From>
void assign(Poco::Nullable<T>& to, const std::optional<From>& from) {
  if (from) to = static_cast<T>(*from);
  else to.clear();
}

/// The parameters of a rollup in the order of kRollupColumns. A statement binds them by reference.
struct RollupBinds {
  std::string id, org, source, period, start_at, model, lane, accepted_at;
  Poco::Int64 revision = 0, sequence = 0, requests = 0, errors = 0, input = 0, output = 0, cache_read = 0, cache_write = 0;
  Poco::Nullable<Poco::Int64> cost;
  Poco::Nullable<double> p50, p90, p99;
  Poco::Nullable<std::string> seat, ttft;

  void take(const RollupRow& row, Dialect dialect) {
    id = row.id;
    revision = row.revision;
    sequence = row.sequence;
    org = row.org;
    source = row.source;
    assign(seat, row.seat);
    period = row.period;
    start_at = timeText(dialect, row.start_at);
    model = row.model;
    lane = row.lane;
    requests = row.requests;
    errors = row.errors;
    input = row.input_tokens;
    output = row.output_tokens;
    cache_read = row.cache_read_tokens;
    cache_write = row.cache_write_tokens;
    assign(cost, row.cost_microusd);
    assign(p50, row.p50_ms);
    assign(p90, row.p90_ms);
    assign(p99, row.p99_ms);
    assign(ttft, row.ttft);
    accepted_at = timeText(dialect, row.accepted_at);
  }
  /// All columns but the id.
  void bindRest(Statement& s) {
    s, use(revision), use(sequence), use(org), use(source), use(seat), use(period), use(start_at), use(model), use(lane), use(requests), use(errors),
        use(input), use(output), use(cache_read), use(cache_write), use(cost), use(p50), use(p90), use(p99), use(ttft), use(accepted_at);
  }
};

/// Streams of one process begin at the same moment: they must not make the same tables at once.
std::mutex& migrationMutex() {
  static std::mutex mutex;
  return mutex;
}

}  // namespace

Store::Store(const Target& target, const std::string& prefix, std::string instance, const std::string& now_text)
    : target_(target), dialect_(dialectOf(target.connector)), prefix_(prefix), instance_(std::move(instance)), sql_(statementsOf(dialect_, prefix)),
      session_(connect(target)) {
  try {
    migrate(now_text);
  } catch (...) {
    rethrow(target_, "preparing its tables");
  }
}

Store::~Store() {
  try {
    session_.reset();
  } catch (const Poco::Exception&) {  // a connection that is broken cannot be closed in good order
  }
}

void Store::migrate(const std::string& now_text) {
  const std::lock_guard lock(migrationMutex());
  Transaction transaction(*session_, dialect_);
  if (dialect_ == Dialect::postgresql) {
    // Nodes that start together: `if not exists` does not keep two sessions from making one table.
    Poco::Int64 ignored = 0;
    *session_ << "select count(*) from (select pg_advisory_xact_lock(6373101, 1)) locked", into(ignored), now;
  }
  for (const auto& table : tablesOf(dialect_, prefix_, 1)) {
    if (dialect_ != Dialect::generic) {
      *session_ << table.create, now;
      continue;
    }
    try {
      *session_ << table.probe, now;
    } catch (const Poco::Exception&) {
      session_->rollback();
      session_->begin();
      *session_ << table.create, now;
      session_->commit();
      session_->begin();
    }
  }
  Poco::Nullable<Poco::Int64> version;
  *session_ << sql_.version, into(version), now;
  if (version.isNull()) {
    Poco::Int64 first = kSchemaVersion;
    std::string at = timeText(dialect_, now_text);
    *session_ << sql_.add_version, use(first), use(at), now;
  } else if (version.value() > kSchemaVersion) {
    throw ccp::Error(CCP_RC_CONFLICT, "The tables " + prefix_ + "* are of version " + std::to_string(version.value()) + ", this plugin knows " +
                                          std::to_string(kSchemaVersion) + ". Install the newer plugin, or choose another table_prefix");
  }
  transaction.commit();
}

bool Store::has(const std::string& sql, std::string id) {
  Poco::Int64 n = 0;
  *session_ << sql, use(id), into(n), now;
  return n > 0;
}

void Store::ensureStream(const std::string& stream, const std::string& now_text) {
  std::string instance = instance_, name = stream, at = timeText(dialect_, now_text);
  Poco::Int64 sequence = -1;
  *session_ << sql_.find_stream, use(instance), use(name), into(sequence), now;
  if (sequence >= 0) return;
  sequence = 0;
  *session_ << sql_.insert_stream, use(instance), use(name), use(sequence), use(at), now;
}

void Store::write(const std::string& stream, const ccp::json& records, std::int64_t last_sequence, const std::string& now_text,
                  const std::function<bool()>& cancelled) {
  try {
    Transaction transaction(*session_, dialect_);
    ensureStream(stream, now_text);
    if (stream == "rollups") writeRollups(records, cancelled);
    else writeEvents(records, cancelled);
    std::string instance = instance_, name = stream, at = timeText(dialect_, now_text);
    Poco::Int64 last = last_sequence;
    *session_ << sql_.update_stream, use(last), use(at), use(instance), use(name), now;
    transaction.commit();
  } catch (...) {
    rethrow(target_, "writing a batch");
  }
}

void Store::writeEvents(const ccp::json& records, const std::function<bool()>& cancelled) {
  EventRow row;
  Poco::Int64 sequence = 0;
  Statement insert(*session_);
  insert << sql_.insert_event, use(row.id), use(sequence), use(row.type), use(row.org), use(row.subject), use(row.occurred_at), use(row.data);
  for (const auto& record : records) {
    stopIf(cancelled);
    row = eventRow(record);
    row.occurred_at = timeText(dialect_, row.occurred_at);
    sequence = row.sequence;
    if (dialect_ == Dialect::generic && has(sql_.has_event, row.id)) continue;
    insert.execute();
  }
}

void Store::writeRollups(const ccp::json& records, const std::function<bool()>& cancelled) {
  RollupBinds binds;
  Statement insert(*session_);
  insert << sql_.insert_rollup, use(binds.id);
  binds.bindRest(insert);
  Statement update(*session_);
  update << sql_.update_rollup;
  binds.bindRest(update);
  update, use(binds.id), use(binds.revision);
  for (const auto& record : records) {
    stopIf(cancelled);
    binds.take(rollupRow(record), dialect_);
    if (dialect_ == Dialect::generic && has(sql_.has_rollup, binds.id)) update.execute();
    else insert.execute();
  }
}

}  // namespace sql_export
