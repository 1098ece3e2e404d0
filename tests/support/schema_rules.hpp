// The rules that every table keeps (docs/CONTRIBUTING.md, SQL): a customer's row carries org_id, keys
// and foreign keys start with it, and PostgreSQL guards it by row-level security.
#pragma once

#include <string>
#include <vector>

#include "core/db/db.hpp"

namespace ccp::test {

struct SchemaException {
  std::string table;
  std::string reason;
};

/// Tables of the product that belong to no organization, each with its reason.
std::vector<SchemaException> schemaExceptions();

/// One sentence per broken rule; empty when the schema of the migrated `db` is right.
std::vector<std::string> schemaViolations(db::Db& db, const std::vector<SchemaException>& exceptions = schemaExceptions());

}  // namespace ccp::test
