// The decisions about seats and members as pure functions of values: what a GitHub handle is, who keeps a
// seat when an organization pays for fewer, who may give which role. No I/O here.
#pragma once

#include <cstdint>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/error.hpp"
#include "core/base/time.hpp"

namespace ccp::identity {

/// In lower case without a leading '@'; `validation_failed` unless it is what GitHub gives out: 1 to 39 of
/// a-z, 0-9 and single hyphens inside, for managed users followed by '_' and a short code.
Result<std::string> normalizeHandle(std::string_view text);

/// Viewers read dashboards; their seat is free and gives no pack.
bool takesPaidSeat(std::string_view role) noexcept;

/// A paid seat that is not revoked.
struct SeatStanding {
  std::string id;
  bool owner = false;
  std::optional<Timestamp> claimed_at;  ///< nothing while invited
  Timestamp created_at;
};
/// Seats that find no room among `paid` ones: owners come first, then those who claimed longest ago, then
/// invitations by age. They are not revoked: they rest until there is room again.
std::set<std::string> seatsOverLimit(std::vector<SeatStanding> seats, std::int64_t paid);

struct MemberFacts {
  std::string role;
  bool self = false;         ///< who asks, asks about oneself
  std::int64_t owners = 0;   ///< of the organization
};
/// May `actor_role` give the member another role? `forbidden`, `last_owner`, `validation_failed` for a word
/// that is no role. Owners are made and unmade by owners only, and one always remains.
Status judgeRoleChange(std::string_view actor_role, const MemberFacts& member, std::string_view role);
/// May `actor_role` end the membership, or the seat, of the member? People may go by themselves.
Status judgeRemoval(std::string_view actor_role, const MemberFacts& member);

}  // namespace ccp::identity
