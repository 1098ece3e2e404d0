// SQL of orgs, people, seats, devices, refresh tokens and API keys. One object per unit of work.
// Threads: as its Tx.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "core/db/db.hpp"
#include "core/identity/seat_rules.hpp"
#include "core/identity/service.hpp"

namespace ccp::identity {

struct RefreshToken {
  std::string org;
  std::string id;
  std::string device;
  std::string state;  ///< active, rotated, revoked
  Timestamp expires_at;
  std::optional<Timestamp> rotated_at;
};

struct ApiKey {
  std::string org;
  std::string id;
  std::string name;
  std::string hint;
  std::string scopes;
  std::string created_by;
  Timestamp created_at;
  std::optional<Timestamp> last_used_at;
  std::optional<Timestamp> revoked_at;
};

/// A device with what only tokens need.
struct DeviceRow : Device {
  std::string client_id;
  std::string scope;
};

class Repository {
 public:
  explicit Repository(db::Tx& tx) : tx_(tx) {}

  std::optional<Org> org(const std::string& id);
  std::vector<Org> orgs(const std::string& after_id, int limit);
  void insertOrg(const Org& org);

  std::optional<User> user(const std::string& id);
  std::optional<User> userByEmail(const std::string& email);
  void insertUser(const User& user);
  void touchLogin(const std::string& user_id);

  std::optional<Membership> membership(const std::string& org, const std::string& user);
  std::vector<Membership> membershipsOf(const std::string& user);
  std::optional<std::string> ownerEmail(const std::string& org);
  std::vector<std::string> ownerEmails(const std::string& org);
  /// False when the user is a member already.
  bool insertMember(const std::string& org, const std::string& user, const std::string& role);
  void deleteMember(const std::string& org, const std::string& user);
  void setRole(const std::string& org, const std::string& user, const std::string& role);
  std::int64_t owners(const std::string& org);
  struct Member {
    Membership membership;
    std::string email, name;
    Timestamp joined_at;
    std::string seat, github;  ///< empty: none
  };
  /// In order of user ids, after `after_id`.
  std::vector<Member> members(const std::string& org, const std::string& after_id, int limit);

  std::optional<Seat> seat(const std::string& org, const std::string& id);
  /// The seat that is not revoked.
  std::optional<Seat> seatOf(const std::string& org, const std::string& user);
  std::optional<Seat> seatByEmail(const std::string& org, const std::string& email);
  std::optional<Seat> seatByHandle(const std::string& org, const std::string& github);
  /// The seat of a one-time code, in any organization: invited, or claimed with it (the code works once, but
  /// a page that is loaded again must know its own).
  std::optional<Seat> seatByClaim(const std::string& claim_hash);
  std::vector<Seat> invitesOf(const std::string& email);
  /// Not revoked ones, in order of ids, after `after_id`.
  std::vector<Seat> seats(const std::string& org, const std::string& after_id, int limit);
  std::vector<SeatStanding> standings(const std::string& org);  ///< paid ones that are not revoked
  std::int64_t seatsInUse(const std::string& org);
  std::int64_t viewerSeats(const std::string& org);
  struct NewInvitation {
    std::string actor, claim_hash;  ///< both may be empty
  };
  /// False when the address or handle has a seat already.
  bool insertSeat(const Seat& seat, const NewInvitation& invitation = {});
  /// With the claimer's address and role.
  void claimSeat(const std::string& org, const std::string& seat, const User& user, const std::string& role);
  /// Another code for an invitation; false when it is none any more.
  bool renewClaim(const std::string& org, const std::string& seat, const std::string& claim_hash, Timestamp expires_at);
  /// False when another seat of the organization has the handle.
  bool setHandle(const std::string& org, const std::string& seat, const std::string& github);
  void setSeatRole(const std::string& org, const std::string& seat, const std::string& role);
  bool revokeSeat(const std::string& org, const std::string& seat);

  std::optional<DeviceRow> device(const std::string& org, const std::string& id);
  /// An empty org finds it in any.
  std::optional<DeviceRow> deviceBySid(const std::string& org, const std::string& sid);
  std::optional<DeviceRow> activeDeviceByKey(const std::string& org, const std::string& seat, const std::string& jkt);
  /// Active ones; of one user unless `user` is empty.
  std::vector<DeviceRow> activeDevices(const std::string& org, const std::string& user);
  std::vector<DeviceRow> activeDevicesOfSeat(const std::string& org, const std::string& seat);
  void insertDevice(const DeviceRow& device);
  void renewDevice(const std::string& org, const std::string& id, const std::string& hostname, const std::string& client_id,
                   const std::string& scope);
  void touchDevice(const std::string& org, const std::string& id);
  /// With its refresh tokens; false when it was revoked before.
  bool revokeDevice(const std::string& org, const std::string& id);

  std::optional<RefreshToken> refreshToken(const std::string& hash);
  void insertRefreshToken(const RefreshToken& token, const std::string& hash);
  /// False when it is no longer active: somebody else was faster.
  bool rotateRefreshToken(const std::string& org, const std::string& id);
  void revokeRefreshTokens(const std::string& org, const std::string& device);

  void insertApiKey(const ApiKey& key, const std::string& hash);
  std::optional<ApiKey> apiKeyByHash(const std::string& hash);
  /// In force, and revoked after `since`; those in force first.
  std::vector<ApiKey> apiKeys(const std::string& org, Timestamp since, int limit);
  std::int64_t apiKeysInForce(const std::string& org);
  bool revokeApiKey(const std::string& org, const std::string& id);
  void touchApiKey(const std::string& org, const std::string& id);

  void deleteRefreshTokensBefore(Timestamp expiry);

 private:
  db::Tx& tx_;
};

}  // namespace ccp::identity
