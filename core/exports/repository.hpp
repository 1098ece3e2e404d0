// The SQL of the exports feature: the streams and their queue. Every function runs inside the caller's
// unit of work, in system scope: an exporter serves every organization. Stateless; any thread.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "core/db/db.hpp"
#include "core/exports/records.hpp"
#include "core/exports/rules.hpp"
#include "core/plugin/facades/exporter.hpp"

namespace ccp::exports {

/// One exporter instance and one of its streams.
struct Lane {
  std::string instance;
  std::string stream;
  auto operator<=>(const Lane&) const = default;
};

/// A lane as operators see it.
struct LaneStatus {
  Lane lane;
  StreamState state = StreamState::active;
  std::int64_t queued = 0;
  std::optional<Timestamp> oldest_at;  ///< when the oldest queued record was queued
  std::int64_t last_sequence = 0;
  std::optional<Timestamp> last_acknowledged_at;
  std::int64_t sent = 0;
  std::int64_t attempts = 0;
  Timestamp next_attempt_at;
  std::string last_error;
  std::optional<Timestamp> last_error_at;
  Timestamp seen_at;
};

/// What a worker looks at before it does anything.
struct LaneView {
  StreamState state = StreamState::active;
  Timestamp next_attempt_at;
  std::int64_t last_sequence = 0;
  bool queued = false;
};

/// A batch under this node's lease, in order of sequence; the data is not parsed yet.
struct Batch {
  std::int64_t cursor = 0;    ///< last acknowledged sequence
  std::int64_t attempts = 0;  ///< failures so far
  struct Row {
    plugin::ExportRecord record;  ///< without data
    std::string data;
  };
  std::vector<Row> rows;
  bool more = false;  ///< rows are left for another batch
};

namespace repository {

/// Makes what is missing and notes that a node has the instances configured.
void registerLanes(db::Tx& tx, const std::vector<Lane>& lanes);
/// Exporters that take the stream and that some node had configured at or after `seen_since`.
std::vector<std::string> takers(db::Tx& tx, std::string_view stream, Timestamp seen_since);
/// Queues records for one lane; those that are queued already stay as they are. Returns how many are new.
std::int64_t append(db::Tx& tx, const Lane& lane, const std::vector<NewRecord>& records);

std::optional<LaneView> view(db::Tx& tx, const Lane& lane);
/// Takes the lease and the oldest records. Nothing when the lane is not active, not due, leased by
/// another node, or empty.
std::optional<Batch> take(db::Tx& tx, const Lane& lane, const std::string& node, Timestamp lease_end);
/// Deletes the rows of a batch up to `last`, from its `first` on, and notes the progress.
void acknowledge(db::Tx& tx, const Lane& lane, std::int64_t first, std::int64_t last);
/// Ends the lease if it still is this node's.
void release(db::Tx& tx, const Lane& lane, const std::string& node);
void releaseAll(db::Tx& tx);
/// Notes a failure and when to try again; ends the lease.
void postpone(db::Tx& tx, const Lane& lane, const std::string& node, std::int64_t attempts, Timestamp next_attempt_at,
              const std::string& error);
/// False when the lane was in that state already, or is not there.
bool setState(db::Tx& tx, const Lane& lane, StreamState state, const std::string& error);
/// Due at once, with no failures behind it.
void makeDue(db::Tx& tx, const Lane& lane);

std::vector<LaneStatus> list(db::Tx& tx);
std::optional<LaneStatus> status(db::Tx& tx, const Lane& lane);
std::int64_t discard(db::Tx& tx, const Lane& lane);
void forget(db::Tx& tx, const Lane& lane);

}  // namespace repository
}  // namespace ccp::exports
