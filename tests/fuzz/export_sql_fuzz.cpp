// Records as ccp.export-sql reads them, and connection strings as it hides them. Input: a connection
// string, a line feed, then JSON.
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "ccp/error.hpp"
#include "plugins/export_sql/rows.hpp"
#include "plugins/export_sql/scrub.hpp"
#include "tests/fuzz/require.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view all = ccp::fuzz::text(data, size);
  const auto end = all.find('\n');
  const std::string_view connection = all.substr(0, end);
  const std::string_view rest = end == std::string_view::npos ? std::string_view() : all.substr(end + 1);
  if (connection.size() >= 3 && connection.find_first_not_of('*') != std::string_view::npos) {
    // A part of it may be its own replacement; whatever else there is must be gone.
    const std::string out = sql_export::scrub("x " + std::string(connection) + " y", connection);
    CCP_REQUIRE(out.find(connection) == std::string::npos || connection.find('*') != std::string_view::npos);
  }
  try {
    const ccp::json record = ccp::parseJson(rest);
    const auto fits = [](const std::string& text) { return text.size() <= 200 && text.find('\0') == std::string::npos; };
    try {
      const auto row = sql_export::eventRow(record);
      CCP_REQUIRE(fits(row.id) && fits(row.type) && fits(row.org) && fits(row.subject) && row.data.find('\0') == std::string::npos);
    } catch (const ccp::Error&) {
    }
    const auto row = sql_export::rollupRow(record);
    CCP_REQUIRE(fits(row.id) && fits(row.model) && fits(row.lane) && row.period.size() <= 8);
  } catch (const ccp::Error&) {
  }
  return 0;
}
