#include "core/identity/sweeper.hpp"

#include "core/identity/login_repository.hpp"
#include "core/identity/repository.hpp"

namespace ccp::identity {
namespace {

// An expired refresh token is kept a while, so that its use is still recognized as one of ours.
constexpr Duration kKeepRefreshTokens = hours(24 * 7);

}  // namespace

Status sweepExpired(db::Db& db, const Clock& clock) {
  // System scope: it is the server's own housekeeping.
  return db.writeReadCommitted(db::Scope::system(), [&](db::Tx& tx) -> Status {
    LoginRepository(tx).sweep(clock.now());
    Repository(tx).deleteRefreshTokensBefore(clock.now() - kKeepRefreshTokens);
    return {};
  });
}

}  // namespace ccp::identity
