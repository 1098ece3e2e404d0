#include "core/licensing/key_plan.hpp"

#include <algorithm>

namespace ccp::licensing {

using crypto::KeyState;
using crypto::KeyUse;

Duration KeyLives::of(KeyUse use) const noexcept {
  switch (use) {
    case KeyUse::pack: return pack;
    case KeyUse::access: return access;
    case KeyUse::channel: return channel;
  }
  return pack;
}

KeyPlan planKeys(const std::vector<KeyRow>& rows, Timestamp now, const KeyLives& lives) {
  KeyPlan plan;
  for (const auto use : {KeyUse::pack, KeyUse::access, KeyUse::channel}) {
    const auto signs = [&](const KeyRow& row) {
      return row.use == crypto::toString(use) && (row.state == KeyState::active || row.state == KeyState::pending);
    };
    const KeyRow* current = nullptr;
    bool later = false;
    for (const auto& row : rows) {
      if (!signs(row)) continue;
      if (row.not_before_at > now) {
        later = true;
      } else if (!current || row.not_before_at >= current->not_before_at) {
        current = &row;
      }
    }
    if (!current) {
      plan.create_active.push_back(use);
    } else if (use != KeyUse::channel && !later && current->not_before_at + kRotateEvery <= now) {
      plan.create_pending.push_back(use);
    }
    for (const auto& row : rows) {
      if (row.use != crypto::toString(use)) continue;
      KeyRow changed = row;
      if (&row == current && row.state == KeyState::pending) {
        changed.state = KeyState::active;
      } else if (current && &row != current && signs(row) && row.not_before_at <= now) {
        changed.state = KeyState::retiring;
        changed.retire_at = now + lives.of(use);
      } else if (row.state == KeyState::retiring && row.retire_at && *row.retire_at <= now) {
        changed.state = KeyState::retired;
        changed.sealed.clear();
      } else {
        continue;
      }
      plan.changed.push_back(std::move(changed));
    }
  }
  return plan;
}

}  // namespace ccp::licensing
