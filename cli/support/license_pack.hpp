// The license pack on this machine: fetched from the server, verified against the pinned root key,
// read offline.
#pragma once

#include "cli/support/context.hpp"
#include "cli/support/profile.hpp"
#include "cli/support/server.hpp"
#include "core/crypto/keyring.hpp"
#include "core/crypto/pack_verifier.hpp"

namespace ccp::cli {

/// Reads and verifies the stored pack without the network. `not_logged_in` (no pack),
/// `pack_invalid`, …
Result<crypto::VerifiedPack> storedPack(const Context& context);

/// The stored key ring, verified against the pinned root keys, whatever its age. `pack_invalid`
/// (none), …
Result<crypto::KeyRing> storedKeyRing(const Context& context);

/// Asks for a new pack, verifies it and stores it; an answer that does not verify changes nothing.
Result<crypto::VerifiedPack> fetchPack(const Context& context, Server& server, bool first);

/// fetchPack when the stored pack is at its half-life or the plan changed; quiet about failures:
/// the pack that is there stays good.
void renewPackIfDue(const Context& context, Server& server, const std::string& plan_now);

}  // namespace ccp::cli
