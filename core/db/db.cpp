#include "core/db/db.hpp"

#include "core/db/backends.hpp"
#include "core/db/session.hpp"

namespace ccp::db {

void throwNullColumn() {
  throw SqlError(SqlError::Kind::other,
                 Error{Errc::internal, "a column is NULL (or of another type) where the caller expects a value"});
}

Result<std::unique_ptr<Db>> Db::open(const Options& options, const Clock& clock, Random& random, Metrics& metrics) {
  try {
    if (options.url.starts_with("sqlite://")) return openSqliteDb(options, clock, random, metrics);
    if (options.url.starts_with("postgresql://") || options.url.starts_with("postgres://")) {
      return openPostgresDb(options, clock, random, metrics);
    }
  } catch (const SqlError& error) {
    return fail(error.error());
  }
  return fail(Errc::config_invalid, "store.url must start with sqlite:/// or postgresql://");
}

}  // namespace ccp::db
