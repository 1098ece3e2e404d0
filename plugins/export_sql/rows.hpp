// Records as rows, pure: what of a record goes into which column. Throws ccp::Error INVALID_ARGUMENT for
// a record that is not what its stream promises.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "ccp/json.hpp"

namespace sql_export {

struct EventRow {
  std::string id;
  std::int64_t sequence = 0;
  std::string type;
  std::string org;
  std::string subject;
  std::string occurred_at;  ///< RFC 3339
  std::string data;         ///< JSON
};
EventRow eventRow(const ccp::json& record);

struct RollupRow {
  std::string id;
  std::int64_t revision = 0;
  std::int64_t sequence = 0;
  std::string org;
  std::string source;
  std::optional<std::string> seat;
  std::string period;
  std::string start_at;  ///< RFC 3339
  std::string model;
  std::string lane;
  std::int64_t requests = 0;
  std::int64_t errors = 0;
  std::int64_t input_tokens = 0;
  std::int64_t output_tokens = 0;
  std::int64_t cache_read_tokens = 0;
  std::int64_t cache_write_tokens = 0;
  std::optional<std::int64_t> cost_microusd;
  std::optional<double> p50_ms, p90_ms, p99_ms;
  std::optional<std::string> ttft;  ///< the sketch as JSON, to be merged with others
  std::string accepted_at;          ///< RFC 3339
};
RollupRow rollupRow(const ccp::json& record);

/// At most `max` bytes, cut between characters, without NUL: what every text column takes.
std::string columnText(std::string text, std::size_t max = 200);

}  // namespace sql_export
