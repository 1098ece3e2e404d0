#include "core/db/sql_split.hpp"

namespace ccp::db {
namespace {

bool isNameChar(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
}

/// Length of the dollar quote's tag that starts at `sql[at]`, "$$" or "$name$"; 0 when there is none.
std::size_t dollarTag(std::string_view sql, std::size_t at) {
  if (at > 0 && isNameChar(sql[at - 1])) return 0;
  for (std::size_t i = at + 1; i < sql.size(); ++i) {
    if (sql[i] == '$') return i - at + 1;
    if (!isNameChar(sql[i])) return 0;
  }
  return 0;
}

}  // namespace

Result<std::vector<std::string>> splitStatements(std::string_view sql) {
  std::vector<std::string> out;
  std::string current;
  const auto flush = [&] {
    const auto first = current.find_first_not_of(" \t\r\n");
    if (first != std::string::npos) {
      const auto last = current.find_last_not_of(" \t\r\n");
      out.push_back(current.substr(first, last - first + 1));
    }
    current.clear();
  };
  /// Copies up to and with `end`, looking for it from `from`.
  const auto copyThrough = [&](std::size_t at, std::size_t from, std::string_view end) -> std::size_t {
    const auto found = sql.find(end, from);
    if (found == std::string_view::npos) return std::string_view::npos;
    current += sql.substr(at, found + end.size() - at);
    return found + end.size();
  };
  std::size_t i = 0;
  while (i < sql.size()) {
    const char c = sql[i];
    if (sql.substr(i, 2) == "--") {
      const auto end = sql.find('\n', i);
      i = end == std::string_view::npos ? sql.size() : end;
    } else if (sql.substr(i, 2) == "/*") {
      const auto end = sql.find("*/", i + 2);
      if (end == std::string_view::npos) return fail(Errc::internal, "a comment in the SQL text has no end");
      current += ' ';
      i = end + 2;
    } else if (c == '\'' || c == '"') {
      // A doubled quote inside closes and opens again, which comes to the same.
      const auto next = copyThrough(i, i + 1, std::string_view(&c, 1));
      if (next == std::string_view::npos) return fail(Errc::internal, "a quoted text in the SQL text has no end");
      i = next;
    } else if (const std::size_t tag = c == '$' ? dollarTag(sql, i) : 0; tag > 0) {
      const auto next = copyThrough(i, i + tag, sql.substr(i, tag));
      if (next == std::string_view::npos) return fail(Errc::internal, "a $quoted$ text in the SQL text has no end");
      i = next;
    } else if (c == ';') {
      flush();
      ++i;
    } else {
      current += c;
      ++i;
    }
  }
  flush();
  return out;
}

}  // namespace ccp::db
