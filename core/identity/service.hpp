// Orgs, people, seats, devices and sessions: the use cases of the identity feature.
// Threads: thread-safe.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/error.hpp"
#include "core/base/random.hpp"
#include "core/base/time.hpp"
#include "core/config/settings.hpp"
#include "core/db/db.hpp"
#include "core/http/message.hpp"
#include "core/net/mailer.hpp"
#include "core/plugin/facades/identity_provider.hpp"

namespace ccp::identity {

struct Org {
  std::string id;
  std::string name;
  Timestamp created_at;
};

struct User {
  std::string id;
  std::string email;  ///< lower case
  std::string name;
};

struct Membership {
  std::string org;
  std::string org_name;
  std::string user;
  std::string role;  ///< owner, admin, member, viewer
};

struct Seat {
  std::string id;
  std::string org;
  std::string user;         ///< empty while invited
  std::string email;        ///< empty while a handle's invitation is open
  std::string state;        ///< invited, claimed, revoked
  std::string role = {};    ///< of the member, or what claiming gives; viewer: takes no paid seat
  std::string github = {};  ///< handle in lower case; pull-request authors are found by it
  Timestamp created_at = {};
  std::optional<Timestamp> claimed_at = {};
  std::optional<Timestamp> claim_expires_at = {};  ///< of the invitation's link
};

/// Whom a seat is for: an address, a GitHub handle, or both.
struct Invitation {
  std::string email;
  std::string github;
  std::string role = "member";         ///< admin, member or viewer
  std::string actor;
  std::string claim_hash = {};         ///< of the one-time code; empty: none
  std::optional<Timestamp> claim_expires_at = {};
};

/// A device and its grant: `sid` is what tokens and packs carry and what revocation names.
struct Device {
  std::string id;
  std::string org;
  std::string seat;
  std::string user;
  std::string sid;
  std::string jkt;
  std::string hostname;
  std::string state;  ///< active, revoked
  Timestamp created_at;
  Timestamp last_seen_at;
};

/// Seats and devices that the org's license allows; licensing implements it, so that identity need
/// not know licenses. Called inside the transaction that assigns.
class SeatLimits {
 public:
  virtual ~SeatLimits() = default;
  virtual std::int64_t seats(db::Tx& tx, const std::string& org) = 0;
  virtual std::int64_t devicesPerSeat(db::Tx& tx, const std::string& org) = 0;
};

/// What an access token needs beyond identity's own knowledge; licensing implements it.
class TokenIssuer {
 public:
  virtual ~TokenIssuer() = default;
  struct Grant {
    Org org;
    User user;
    std::string role;
    Device device;
    std::string scope;
    std::string client_id;
  };
  struct AccessToken {
    std::string token;
    std::int64_t expires_in_s = 0;
  };
  virtual Result<AccessToken> issueAccessToken(db::Tx& tx, const Grant& grant) = 0;
  /// Called when a new org exists (its license row is made in the same transaction).
  virtual void orgCreated(db::Tx& tx, const std::string& org) = 0;
  /// Call it in the transaction that ends a session (log-out, device or seat revoked, refresh token
  /// reused): every node refuses access tokens of this sid within seconds, this one at once.
  virtual void sidRevoked(db::Tx& tx, const std::string& org, const std::string& sid) = 0;
};

/// What a license pack proves when it comes as an RFC 7523 assertion.
struct PackAssertion {
  std::string org, seat, sid, jkt;
};

/// Reads packs for the token endpoint; licensing implements it.
class PackAssertions {
 public:
  virtual ~PackAssertions() = default;
  /// Signature, issuer, audience, times and the license's version; `tx` in system scope, because the
  /// org stands in the pack. The DPoP proof must be by `jkt`, and the device of `sid` active: both are
  /// the caller's to check.
  virtual Result<PackAssertion> verifyPack(db::Tx& tx, std::string_view pack) = 0;
};

/// Remembers DPoP jti values durably; false = seen before. Implemented by replay_guard.hpp.
class ReplayGuard {
 public:
  virtual ~ReplayGuard() = default;
  virtual Result<bool> firstUse(const std::string& jkt, const std::string& jti, Timestamp expires_at) = 0;
};

/// What other features may ask of identity. Every call with a Tx runs inside the caller's unit of
/// work; OAuth, log-in and page flows live in their own classes of this folder.
class Directory {
 public:
  virtual ~Directory() = default;
  virtual std::optional<Org> org(db::Tx& tx, const std::string& org_id) = 0;
  virtual std::optional<User> user(db::Tx& tx, const std::string& user_id) = 0;
  virtual std::optional<User> userByEmail(db::Tx& tx, const std::string& email) = 0;
  virtual std::optional<Membership> membership(db::Tx& tx, const std::string& org_id, const std::string& user_id) = 0;
  virtual std::vector<Membership> membershipsOf(db::Tx& tx, const std::string& user_id) = 0;
  /// E-mail of the first owner: billing's contact.
  virtual std::optional<std::string> ownerEmail(db::Tx& tx, const std::string& org_id) = 0;
  /// Of every owner, who hear of failed payments.
  virtual std::vector<std::string> ownerEmails(db::Tx& tx, const std::string& org_id) = 0;
  virtual std::optional<Seat> seatOf(db::Tx& tx, const std::string& org_id, const std::string& user_id) = 0;
  virtual std::optional<Device> deviceBySid(db::Tx& tx, const std::string& org_id, const std::string& sid) = 0;
  /// Paid seats that are invited or claimed; viewers' are free.
  virtual std::int64_t seatsInUse(db::Tx& tx, const std::string& org_id) = 0;
  /// The claimed seat whose person is known at GitHub by this handle.
  virtual std::optional<Seat> seatByHandle(db::Tx& tx, const std::string& org_id, const std::string& github) = 0;
  /// `seat_over_limit` when the organization pays for fewer seats than it has assigned and this one finds no
  /// room (seat_rules.hpp, seatsOverLimit); `seat_required` for a viewer's. Ask before every token and pack.
  virtual Status seatInForce(db::Tx& tx, const std::string& org_id, const std::string& seat_id) = 0;
  /// Makes an org with its owner (user made when new), seat and license; audited, emits org.created.
  virtual Result<Org> createOrg(db::Tx& tx, const std::string& name, const std::string& owner_email, const std::string& actor) = 0;
  virtual std::vector<Org> listOrgs(db::Tx& tx, const std::string& after_id, int limit) = 0;
  /// Revokes the grant `sid` and its refresh tokens for ever: logging in again makes another device
  /// with another sid. Audited; licensing is told. `not_found` when the org has no such device;
  /// revoking twice changes nothing. An empty org_id finds the sid in any org (operators).
  virtual Result<Device> revokeDevice(db::Tx& tx, const std::string& org_id, const std::string& sid,
                                      const std::string& actor, const std::string& reason) = 0;
  /// `already_exists` when the address or handle has a seat, `plan_required` when none is free.
  virtual Result<Seat> inviteSeat(db::Tx& tx, const std::string& org_id, const Invitation& invitation) = 0;
  /// Takes a seat away, revokes its devices and ends the membership of anybody but an owner.
  virtual Status revokeSeat(db::Tx& tx, const std::string& org_id, const std::string& seat_id,
                            const std::string& actor, const std::string& reason) = 0;
};

}  // namespace ccp::identity
