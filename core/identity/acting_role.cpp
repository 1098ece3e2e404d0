#include "core/identity/acting_role.hpp"

#include "core/identity/repository.hpp"

namespace ccp::identity {

Result<std::string> actingRole(db::Tx& tx, const http::Principal& who, Action action, const char* refusal) {
  const auto member = who.user.empty() || who.org.empty() ? std::nullopt : Repository(tx).membership(who.org, who.user);
  if (!member || !roleAllows(member->role, action)) return fail(Errc::forbidden, refusal);
  return member->role;
}

}  // namespace ccp::identity
