// The pack that CCP ships: an answer at every point, in force until the operator publishes a pack of that
// point. Built in: no signature, the program vouches for it.
#pragma once

#include "policy/distribution/verified_set.hpp"

namespace ccp::policy {

/// The set "operator", version 0, origin builtin, with the one pack "default".
const VerifiedSet& shippedSet();

}  // namespace ccp::policy
