// Reads the audit log for operators.
#pragma once

#include <string>
#include <vector>

#include "core/db/db.hpp"

namespace ccp::admin {

struct AuditRow {
  std::string org, id, actor, action, subject, reason;
  Timestamp at;
  Json before, after;
};

/// Newest first; `before_id` is the id of the last row of the page before, empty for the first page.
/// `org` empty: deeds of the server itself.
std::vector<AuditRow> auditPage(db::Tx& tx, const std::string& org, const std::string& before_id, int limit);

}  // namespace ccp::admin
