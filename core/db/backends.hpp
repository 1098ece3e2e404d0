// The two implementations of Db. Internal to core/db; both may throw SqlError while opening.
#pragma once

#include "core/db/db.hpp"

namespace ccp::db {

/// One writer thread with group commit, a pool of read-only connections (sqlite_db.cpp).
Result<std::unique_ptr<Db>> openSqliteDb(const Options& options, const Clock& clock, Random& random, Metrics& metrics);
/// Pools of connections, one transaction per unit of work (postgres_db.cpp).
Result<std::unique_ptr<Db>> openPostgresDb(const Options& options, const Clock& clock, Random& random,
                                           Metrics& metrics);

}  // namespace ccp::db
