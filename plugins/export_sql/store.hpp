// One connection's work: makes the tables, writes one batch in one transaction. Throws ccp::Error. After
// an error the connection is not used again. Threads: one at a time.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "ccp/json.hpp"
#include "connect.hpp"

namespace sql_export {

class Store {
 public:
  /// Connects and brings the tables to kSchemaVersion; a database that is newer is refused.
  Store(const Target& target, const std::string& prefix, std::string instance, const std::string& now);
  ~Store();

  /// Writes the records of "events" or "rollups" and the sequence of the last one. Records that are there
  /// already change nothing, except that a newer revision replaces a rollup.
  /// `cancelled` is asked between records; true rolls back and throws CANCELLED.
  void write(const std::string& stream, const ccp::json& records, std::int64_t last_sequence, const std::string& now,
             const std::function<bool()>& cancelled);

 private:
  void migrate(const std::string& now);
  void ensureStream(const std::string& stream, const std::string& now);
  void writeEvents(const ccp::json& records, const std::function<bool()>& cancelled);
  void writeRollups(const ccp::json& records, const std::function<bool()>& cancelled);
  bool has(const std::string& sql, std::string id);

  const Target target_;
  const Dialect dialect_;
  const std::string prefix_;
  const std::string instance_;
  const Statements sql_;
  std::unique_ptr<Poco::Data::Session> session_;
};

}  // namespace sql_export
