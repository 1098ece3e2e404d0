// The keys of a server that a policy root lists for its channels. One thread.
#pragma once

#include <string>
#include <vector>

#include "cli/support/context.hpp"
#include "cli/support/failure.hpp"
#include "core/crypto/ed25519.hpp"

namespace ccp::cli {

/// From files (the JSON of GET /v1/policy/keys, or one public key), else from the server: with the operator
/// key when there is one, else as the person who is logged in.
Outcome<std::vector<crypto::PublicKey>> serverKeys(const Context& context, const std::vector<std::string>& files,
                                                   const std::string& operator_key);

}  // namespace ccp::cli
