#include "core/admin/repository.hpp"

namespace ccp::admin {

std::vector<AuditRow> auditPage(db::Tx& tx, const std::string& org, const std::string& before_id, int limit) {
  // Ids are ULIDs: their order is the order of time. "~" stands after every id.
  const auto rows = tx.query<std::string, std::string, Timestamp, std::string, std::string, std::string, std::string, std::string, std::string>(
      "select org_id, id, at, actor, action, subject, before_json, after_json, reason from audit_log "
      "where org_id = :org and id < :before_id order by id desc limit :n",
      {{"org", org}, {"before_id", before_id.empty() ? std::string("~") : before_id}, {"n", limit}});
  std::vector<AuditRow> out;
  for (const auto& [row_org, id, at, actor, action, subject, before, after, reason] : rows) {
    out.push_back({row_org, id, actor, action, subject, reason, at, parseJson(before).value_or(Json()), parseJson(after).value_or(Json())});
  }
  return out;
}

}  // namespace ccp::admin
