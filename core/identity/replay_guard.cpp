#include "core/identity/replay_guard.hpp"

#include "core/base/encoding.hpp"
#include "core/identity/login_repository.hpp"

namespace ccp::identity {

Result<bool> StoredReplayGuard::firstUse(const std::string& jkt, const std::string& jti, Timestamp expires_at) {
  const auto hash = sha256Hex(jkt + "\n" + jti);
  // System scope: the proof is checked before anybody knows an organization.
  return db_.writeReadCommitted(db::Scope::system(), [&](db::Tx& tx) -> Result<bool> {
    return LoginRepository(tx).rememberProof(hash, expires_at);
  });
}

}  // namespace ccp::identity
