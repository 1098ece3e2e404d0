// The role of whoever asks, as it is now.
#pragma once

#include <string>

#include "core/db/db.hpp"
#include "core/http/principal.hpp"
#include "core/identity/rules.hpp"

namespace ccp::identity {

/// The role that a person has in the organization of their credential: the token's is up to 15 minutes
/// old. `forbidden`, with `refusal` as the detail, for programs and for roles that do not allow `action`.
Result<std::string> actingRole(db::Tx& tx, const http::Principal& who, Action action, const char* refusal);

}  // namespace ccp::identity
