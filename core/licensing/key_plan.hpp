// What time does to signing keys, as a pure function: pending → active → retiring → retired, and when
// a new one is due.
#pragma once

#include <vector>

#include "core/licensing/key_repository.hpp"

namespace ccp::licensing {

/// A key is published this long before it signs, so that every verifier has seen it.
inline constexpr Duration kPublishAhead = hours(1);
/// Not keys of policy channels: the roots of the sets list those, and only people can sign roots.
inline constexpr Duration kRotateEvery = hours(24 * 90);

/// How long what a key has signed may still be presented.
struct KeyLives {
  Duration pack, access, channel;
  Duration of(crypto::KeyUse use) const noexcept;
};

struct KeyPlan {
  std::vector<KeyRow> changed;                ///< rows with their new state
  std::vector<crypto::KeyUse> create_active;  ///< nothing can sign for these uses now
  std::vector<crypto::KeyUse> create_pending; ///< scheduled rotation
  bool empty() const noexcept { return changed.empty() && create_active.empty() && create_pending.empty(); }
};

KeyPlan planKeys(const std::vector<KeyRow>& rows, Timestamp now, const KeyLives& lives);

}  // namespace ccp::licensing
