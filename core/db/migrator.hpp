// Applies migrations inside one unit of work: all of them or none. Internal to core/db.
#pragma once

#include <string>
#include <vector>

#include "core/db/db.hpp"

namespace ccp::db {

struct AppliedMigration {
  std::string feature;
  std::string name;
  std::string sha256;
};

struct PlannedMigration {
  std::string_view feature;
  Migration migration;
  std::string sha256;
};

/// What is still to apply, in order. Refuses (`store_error`, with the next step) a database that is
/// newer than the binary, a changed text of an applied migration, and a gap. Pure.
Result<std::vector<PlannedMigration>> planMigrations(const std::vector<AppliedMigration>& applied,
                                                     const std::vector<const MigrationSet*>& sets);

/// core/db's own set comes first, whether `sets` names it or not. Several nodes may call it at
/// once: one applies, the others wait and find nothing to do.
Status applyMigrations(Tx& tx, std::vector<const MigrationSet*> sets);

}  // namespace ccp::db
