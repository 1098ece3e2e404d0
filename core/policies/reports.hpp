// What clients say of the policies that they enforce: kept for people, the newest thousand of an organization.
// Threads: thread-safe.
#pragma once

#include "core/base/metrics.hpp"
#include "core/db/db.hpp"
#include "core/http/principal.hpp"
#include "core/policies/repository.hpp"

namespace ccp::policies {

class Reports {
 public:
  Reports(db::Db& db, Metrics& metrics) : db_(db), metrics_(metrics) {}

  /// `validation_failed` names the field. Returns what the client should know: {"live_version", "differs"},
  /// where "differs" says that it holds another document of that version than was published.
  Result<Json> take(const http::Principal& who, const Json& body);
  Result<std::vector<ReportRow>> newest(const std::string& org, int limit);

 private:
  db::Db& db_;
  Metrics& metrics_;
};

}  // namespace ccp::policies
