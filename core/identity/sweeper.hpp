// Deletes what nobody can use any more: expired codes, grants, sessions, proofs, counters, tokens.
#pragma once

#include "core/base/error.hpp"
#include "core/base/time.hpp"
#include "core/db/db.hpp"

namespace ccp::identity {

/// One pass; cheap, for a worker that calls it every few minutes. Any thread.
Status sweepExpired(db::Db& db, const Clock& clock);

}  // namespace ccp::identity
