#include "rows.hpp"

#include <algorithm>

namespace sql_export {
namespace {

std::optional<double> number(const ccp::json* object, const char* key) {
  const ccp::json* value = object ? ccp::member(*object, key) : nullptr;
  if (!value || !value->is_number()) return std::nullopt;
  return value->get<double>();
}

const ccp::json& dataOf(const ccp::json& record) {
  const ccp::json* data = ccp::member(record, "data");
  if (!data || !data->is_object()) throw ccp::Error::invalidArgument("\"data\" of a record must be an object");
  return *data;
}

std::string text(const ccp::json& object, const char* key) { return columnText(ccp::str(object, key)); }

}  // namespace

std::string columnText(std::string value, std::size_t max) {
  std::replace(value.begin(), value.end(), '\0', ' ');
  if (value.size() <= max) return value;
  while (max > 0 && (static_cast<unsigned char>(value[max]) & 0xC0) == 0x80) --max;
  value.resize(max);
  return value;
}

EventRow eventRow(const ccp::json& record) {
  return {text(record, "id"),
          ccp::integer(record, "sequence"),
          text(record, "type"),
          text(record, "org"),
          columnText(ccp::strOr(record, "subject")),
          ccp::str(record, "occurred_at"),
          ccp::dumpJson(dataOf(record))};
}

RollupRow rollupRow(const ccp::json& record) {
  const ccp::json& data = dataOf(record);
  RollupRow row;
  row.id = text(data, "rollup");
  row.revision = ccp::integer(data, "revision");
  row.sequence = ccp::integer(record, "sequence");
  row.org = text(record, "org");
  row.source = text(data, "source");
  if (const auto seat = ccp::optStr(data, "seat")) row.seat = columnText(*seat);
  row.period = columnText(ccp::str(data, "period"), 8);
  row.start_at = ccp::str(data, "start_at");
  row.model = text(data, "model");
  row.lane = text(data, "lane");
  row.requests = ccp::integer(data, "requests");
  row.errors = ccp::integer(data, "errors");
  row.input_tokens = ccp::integer(data, "input_tokens");
  row.output_tokens = ccp::integer(data, "output_tokens");
  row.cache_read_tokens = ccp::integer(data, "cache_read_tokens");
  row.cache_write_tokens = ccp::integer(data, "cache_write_tokens");
  row.cost_microusd = ccp::optInt(data, "cost_microusd");
  const ccp::json* ttft = ccp::member(data, "ttft");
  row.p50_ms = number(ttft, "p50_ms");
  row.p90_ms = number(ttft, "p90_ms");
  row.p99_ms = number(ttft, "p99_ms");
  if (ttft) {
    ccp::json sketch = *ttft;
    for (const char* key : {"p50_ms", "p90_ms", "p99_ms"}) sketch.erase(key);
    row.ttft = ccp::dumpJson(sketch);
  }
  row.accepted_at = ccp::str(record, "occurred_at");
  return row;
}

}  // namespace sql_export
