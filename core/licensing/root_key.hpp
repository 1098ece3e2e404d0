// The root key: what clients pin. It signs nothing but the key ring; its private part lies sealed in
// <state>/root.key, and the database remembers its public part.
#pragma once

#include <string>

#include "core/crypto/ed25519.hpp"
#include "core/crypto/seal.hpp"

namespace ccp::licensing {

/// Reads <state>/root.key; `create` makes it when it is not there. `secret_missing` otherwise,
/// `data_loss` when the master key does not open it.
Result<crypto::SigningKey> loadRootKey(const std::string& state_dir, const crypto::MasterKey& master, Random& random, bool create);

}  // namespace ccp::licensing
