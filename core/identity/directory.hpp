// Directory over the store, and what happens to orgs, seats and devices: one place for the rules of
// assigning, each change audited and told. Threads: thread-safe; a Tx belongs to its caller.
#pragma once

#include <set>
#include <string>

#include "core/base/random.hpp"
#include "core/base/time.hpp"
#include "core/identity/repository.hpp"
#include "core/identity/service.hpp"

namespace ccp::identity {

class StoredDirectory final : public Directory {
 public:
  /// `limits` and `issuer` are licensing's; both may be used only inside calls.
  StoredDirectory(const Clock& clock, Random& random, SeatLimits& limits, TokenIssuer& issuer)
      : clock_(clock), random_(random), limits_(limits), issuer_(issuer) {}

  std::optional<Org> org(db::Tx& tx, const std::string& org_id) override;
  std::optional<User> user(db::Tx& tx, const std::string& user_id) override;
  std::optional<User> userByEmail(db::Tx& tx, const std::string& email) override;
  std::optional<Membership> membership(db::Tx& tx, const std::string& org_id, const std::string& user_id) override;
  std::vector<Membership> membershipsOf(db::Tx& tx, const std::string& user_id) override;
  std::optional<std::string> ownerEmail(db::Tx& tx, const std::string& org_id) override;
  std::vector<std::string> ownerEmails(db::Tx& tx, const std::string& org_id) override;
  std::optional<Seat> seatOf(db::Tx& tx, const std::string& org_id, const std::string& user_id) override;
  std::optional<Device> deviceBySid(db::Tx& tx, const std::string& org_id, const std::string& sid) override;
  std::int64_t seatsInUse(db::Tx& tx, const std::string& org_id) override;
  std::optional<Seat> seatByHandle(db::Tx& tx, const std::string& org_id, const std::string& github) override;
  Status seatInForce(db::Tx& tx, const std::string& org_id, const std::string& seat_id) override;
  Result<Org> createOrg(db::Tx& tx, const std::string& name, const std::string& owner_email, const std::string& actor) override;
  std::vector<Org> listOrgs(db::Tx& tx, const std::string& after_id, int limit) override;
  Result<Device> revokeDevice(db::Tx& tx, const std::string& org_id, const std::string& sid, const std::string& actor,
                              const std::string& reason) override;
  Result<Seat> inviteSeat(db::Tx& tx, const std::string& org_id, const Invitation& invitation) override;
  Status revokeSeat(db::Tx& tx, const std::string& org_id, const std::string& seat_id, const std::string& actor,
                    const std::string& reason) override;

  // For the flows of this folder.

  /// The user of a proven address; made when new, all invitations of the address claimed, a personal
  /// organization made when there is no membership and sign-up is open. `signup_closed` when not admitted;
  /// `invited`: the browser came with the code of an open invitation, whose claim follows.
  Result<User> signIn(db::Tx& tx, const std::string& email, bool signup_open, bool invited = false);
  /// The person takes the invited seat: membership, seat and its end as an invitation. A person who has a
  /// seat there already gives it the handle instead, and the invitation ends. `forbidden` for an invitation
  /// of another address, `already_exists` when their seat has another handle.
  Result<Seat> claimSeat(db::Tx& tx, const Seat& invited, const User& user);
  /// Seats that the organization has, and those of them that find no room. The seats are all paid ones.
  struct Room {
    std::int64_t paid = 0, used = 0;
    std::set<std::string> over;  ///< seat ids
  };
  Room room(db::Tx& tx, const std::string& org_id);
  /// `plan_required` when no paid seat is free.
  Status roomForSeat(db::Tx& tx, const std::string& org_id);
  /// Gives a member another role; a viewer's devices are logged out. `plan_required` when a viewer becomes
  /// more and no seat is free. Judged before (judgeRoleChange).
  Status changeRole(db::Tx& tx, const Membership& member, const std::string& role, const std::string& actor);
  /// Ends a membership with its seat. Judged before (judgeRemoval).
  Status removeMember(db::Tx& tx, const Membership& member, const std::string& actor, const std::string& reason);
  /// The claimed seat of a member who may use a device; owners get one when there is none.
  /// `seat_required`, `forbidden` (role), `not_found` (no member).
  Result<Seat> seatForDevice(db::Tx& tx, const std::string& org_id, const std::string& user_id);
  /// `device_limit` unless the key is on the seat already or the seat has room for one more.
  Status roomForDevice(db::Tx& tx, const std::string& org_id, const std::string& seat_id, const std::string& jkt);
  /// The device of this key on the seat, made or renewed with everything that older tokens gave
  /// withdrawn. `device_limit` when the seat has no room.
  Result<DeviceRow> registerDevice(db::Tx& tx, DeviceRow wanted);
  Status revokeDeviceRow(db::Tx& tx, const DeviceRow& device, const std::string& actor, const std::string& reason);

 private:
  User makeUser(db::Tx& tx, const std::string& email);
  Result<Seat> claimNewSeat(db::Tx& tx, const std::string& org_id, const User& user, const std::string& role, const std::string& actor);

  const Clock& clock_;
  Random& random_;
  SeatLimits& limits_;
  TokenIssuer& issuer_;
};

}  // namespace ccp::identity
