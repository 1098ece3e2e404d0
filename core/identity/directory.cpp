#include "core/identity/directory.hpp"

#include "core/identity/rules.hpp"
#include "core/identity/seat_rules.hpp"

namespace ccp::identity {
namespace {

constexpr std::size_t kMaxName = 120;

Json seatJson(const Seat& seat) {
  Json out = Json::object({{"email", seat.email}, {"state", seat.state}, {"user", seat.user}, {"role", seat.role}});
  if (!seat.github.empty()) out.set("github", seat.github);
  return out;
}

Json seatEvent(const Seat& seat) {
  Json out = Json::object({{"user", seat.user}, {"email", seat.email}, {"role", seat.role}});
  if (!seat.github.empty()) out.set("github", seat.github);
  return out;
}

}  // namespace

std::optional<Org> StoredDirectory::org(db::Tx& tx, const std::string& org_id) { return Repository(tx).org(org_id); }
std::optional<User> StoredDirectory::user(db::Tx& tx, const std::string& user_id) { return Repository(tx).user(user_id); }
std::optional<User> StoredDirectory::userByEmail(db::Tx& tx, const std::string& email) {
  const auto normal = normalizeEmail(email);
  return normal ? Repository(tx).userByEmail(*normal) : std::nullopt;
}
std::optional<Membership> StoredDirectory::membership(db::Tx& tx, const std::string& org_id, const std::string& user_id) {
  return Repository(tx).membership(org_id, user_id);
}
std::vector<Membership> StoredDirectory::membershipsOf(db::Tx& tx, const std::string& user_id) {
  return Repository(tx).membershipsOf(user_id);
}
std::optional<std::string> StoredDirectory::ownerEmail(db::Tx& tx, const std::string& org_id) {
  return Repository(tx).ownerEmail(org_id);
}
std::vector<std::string> StoredDirectory::ownerEmails(db::Tx& tx, const std::string& org_id) {
  return Repository(tx).ownerEmails(org_id);
}
std::optional<Seat> StoredDirectory::seatOf(db::Tx& tx, const std::string& org_id, const std::string& user_id) {
  return Repository(tx).seatOf(org_id, user_id);
}
std::optional<Device> StoredDirectory::deviceBySid(db::Tx& tx, const std::string& org_id, const std::string& sid) {
  if (org_id.empty()) return std::nullopt;
  return Repository(tx).deviceBySid(org_id, sid);
}
std::optional<Seat> StoredDirectory::seatByHandle(db::Tx& tx, const std::string& org_id, const std::string& github) {
  const auto normal = normalizeHandle(github);
  auto seat = normal ? Repository(tx).seatByHandle(org_id, *normal) : std::nullopt;
  return seat && seat->state == "claimed" ? seat : std::nullopt;
}
std::int64_t StoredDirectory::seatsInUse(db::Tx& tx, const std::string& org_id) { return Repository(tx).seatsInUse(org_id); }
std::vector<Org> StoredDirectory::listOrgs(db::Tx& tx, const std::string& after_id, int limit) {
  return Repository(tx).orgs(after_id, limit);
}

User StoredDirectory::makeUser(db::Tx& tx, const std::string& email) {
  User user{newId("usr", clock_, random_), email, localPart(email)};
  Repository(tx).insertUser(user);
  return user;
}

Result<Org> StoredDirectory::createOrg(db::Tx& tx, const std::string& name, const std::string& owner_email, const std::string& actor) {
  CCP_TRY(const auto email, normalizeEmail(owner_email));
  const auto shown = displayText(name, kMaxName);
  if (shown.empty()) {
    return fail(Error{Errc::validation_failed, "An organization needs a name of 1 to 120 characters.", {{"/name", "1 to 120 characters"}}});
  }
  Repository repository(tx);
  auto owner = repository.userByEmail(email);
  if (!owner) owner = makeUser(tx, email);
  Org org{newId("org", clock_, random_), shown, tx.now()};
  repository.insertOrg(org);
  repository.insertMember(org.id, owner->id, "owner");
  tx.audit({org.id, actor, "org.create", org.id, Json(), Json::object({{"name", org.name}, {"owner", owner->id}}), ""});
  tx.emit({"org.created", org.id, org.id, Json::object({{"name", org.name}, {"owner", owner->id}})});
  issuer_.orgCreated(tx, org.id);
  // The first seat is the owner's by right: it asks no limit.
  CCP_CHECK_OK(claimNewSeat(tx, org.id, *owner, "owner", actor));
  return org;
}

Result<Seat> StoredDirectory::claimNewSeat(db::Tx& tx, const std::string& org_id, const User& user, const std::string& role,
                                           const std::string& actor) {
  Seat seat{newId("seat", clock_, random_), org_id, user.id, user.email, "claimed", role};
  if (!Repository(tx).insertSeat(seat)) return fail(Errc::conflict, "The address has a seat already.");
  tx.audit({org_id, actor, "seat.claim", seat.id, Json(), seatJson(seat), ""});
  tx.emit({"seat.claimed", org_id, seat.id, seatEvent(seat)});
  return seat;
}

Result<Seat> StoredDirectory::claimSeat(db::Tx& tx, const Seat& invited, const User& user) {
  if (!invited.email.empty() && invited.email != user.email) {
    return fail(Errc::forbidden, "This invitation is for another address. Sign in with the address that was invited.");
  }
  Repository repository(tx);
  const auto actor = "user:" + user.id;
  if (auto own = repository.seatOf(invited.org, user.id)) {
    if (invited.github.empty() || (!own->github.empty() && own->github != invited.github)) {
      return fail(Errc::already_exists, "You have a seat in this organization already.");
    }
    // The person is there already: what the invitation knows of them moves to their seat.
    CCP_CHECK_OK(revokeSeat(tx, invited.org, invited.id, actor, "claimed by a person who has a seat"));
    const Json before = seatJson(*own);
    if (!repository.setHandle(own->org, own->id, invited.github)) return fail(Errc::already_exists, "Another seat has this handle.");
    own->github = invited.github;
    tx.audit({own->org, actor, "seat.handle", own->id, before, seatJson(*own), ""});
    return *own;
  }
  if (const auto other = repository.seatByEmail(invited.org, user.email); other && other->id != invited.id) {
    return fail(Errc::already_exists, "Your address has an invitation of its own in this organization; it is claimed when you sign in.");
  }
  repository.insertMember(invited.org, user.id, invited.role);
  Seat claimed = invited;
  claimed.state = "claimed";
  claimed.user = user.id;
  claimed.email = user.email;
  // Who was a member before keeps the role of then.
  if (const auto member = repository.membership(invited.org, user.id)) claimed.role = member->role;
  repository.claimSeat(invited.org, invited.id, user, claimed.role);
  claimed.claimed_at = tx.now();
  tx.audit({invited.org, actor, "seat.claim", invited.id, seatJson(invited), seatJson(claimed), ""});
  tx.emit({"seat.claimed", invited.org, invited.id, seatEvent(claimed)});
  return claimed;
}

Result<User> StoredDirectory::signIn(db::Tx& tx, const std::string& email, bool signup_open, bool invited) {
  Repository repository(tx);
  auto user = repository.userByEmail(email);
  const auto invites = repository.invitesOf(email);
  if (admit(signup_open, user.has_value(), invited || !invites.empty()) == Admission::refused) {
    return fail(Errc::signup_closed, "The address has no invitation.");
  }
  if (!user) user = makeUser(tx, email);
  for (const auto& seat : invites) {
    // An invitation that cannot be taken keeps nobody from signing in.
    if (const auto claimed = claimSeat(tx, seat, *user); !claimed && claimed.error().code != Errc::already_exists) return fail(claimed.error());
  }
  if (signup_open && !invited && repository.membershipsOf(user->id).empty()) {
    CCP_CHECK_OK(createOrg(tx, localPart(email), email, "user:" + user->id));
  }
  repository.touchLogin(user->id);
  return *user;
}

StoredDirectory::Room StoredDirectory::room(db::Tx& tx, const std::string& org_id) {
  Repository repository(tx);
  Room out;
  out.paid = limits_.seats(tx, org_id);
  out.used = repository.seatsInUse(org_id);
  // Counting is enough almost always; who rests is worked out only when somebody has to.
  if (out.used > out.paid) out.over = seatsOverLimit(repository.standings(org_id), out.paid);
  return out;
}

Status StoredDirectory::roomForSeat(db::Tx& tx, const std::string& org_id) {
  const auto paid = limits_.seats(tx, org_id);
  if (Repository(tx).seatsInUse(org_id) < paid) return {};
  return fail(Errc::plan_required, "All seats that the organization pays for are in use (" + std::to_string(paid) +
                                       "). Buy seats with `ccp seats set`, or free one with `ccp seats revoke`.");
}

Status StoredDirectory::seatInForce(db::Tx& tx, const std::string& org_id, const std::string& seat_id) {
  const auto seat = Repository(tx).seat(org_id, seat_id);
  if (!seat || seat->state != "claimed") return fail(Errc::seat_required, "The person has no seat in the organization any more.");
  if (!takesPaidSeat(seat->role)) return fail(Errc::seat_required, "A viewer reads dashboards in the browser and has no seat to use a device with.");
  const auto now = room(tx, org_id);
  if (now.over.count(seat_id) == 0) return {};
  return fail(Errc::seat_over_limit, "The organization has assigned " + std::to_string(now.used) + " seats and pays for " + std::to_string(now.paid) +
                                         "; yours rests until there is room again.");
}

Result<Seat> StoredDirectory::inviteSeat(db::Tx& tx, const std::string& org_id, const Invitation& invitation) {
  Seat seat;
  seat.org = org_id;
  seat.state = "invited";
  seat.role = invitation.role;
  seat.claim_expires_at = invitation.claim_expires_at;
  seat.created_at = tx.now();
  if (invitation.email.empty() && invitation.github.empty()) {
    return fail(Error{Errc::validation_failed, "An invitation needs an address or a GitHub handle.", {{"/email", "or /github"}}});
  }
  if (!invitation.email.empty()) {
    CCP_TRY(seat.email, normalizeEmail(invitation.email));
  }
  if (!invitation.github.empty()) {
    CCP_TRY(seat.github, normalizeHandle(invitation.github));
  }
  if (!isRole(seat.role) || seat.role == "owner") {
    return fail(Error{Errc::validation_failed, "The role must be admin, member or viewer.", {{"/role", "admin, member or viewer"}}});
  }
  Repository repository(tx);
  if (!repository.org(org_id)) return fail(Errc::not_found, "There is no such organization.");
  const auto taken = [](const char* what) { return fail(Errc::already_exists, std::string("This ") + what + " has a seat already."); };
  if (!seat.email.empty() && repository.seatByEmail(org_id, seat.email)) return taken("address");
  if (!seat.github.empty() && repository.seatByHandle(org_id, seat.github)) return taken("handle");
  if (takesPaidSeat(seat.role)) CCP_CHECK_OK(roomForSeat(tx, org_id));
  seat.id = newId("seat", clock_, random_);
  if (!repository.insertSeat(seat, {invitation.actor, invitation.claim_hash})) return taken("address or handle");
  tx.audit({org_id, invitation.actor, "seat.invite", seat.id, Json(), seatJson(seat), ""});
  tx.emit({"seat.invited", org_id, seat.id, seatEvent(seat)});
  return seat;
}

Status StoredDirectory::revokeSeat(db::Tx& tx, const std::string& org_id, const std::string& seat_id, const std::string& actor,
                                   const std::string& reason) {
  Repository repository(tx);
  const auto seat = repository.seat(org_id, seat_id);
  if (!seat) return fail(Errc::not_found, "There is no such seat.");
  if (!repository.revokeSeat(org_id, seat_id)) return {};
  for (const auto& device : repository.activeDevicesOfSeat(org_id, seat_id)) {
    CCP_CHECK_OK(revokeDeviceRow(tx, device, actor, "seat revoked"));
  }
  if (!seat->user.empty()) {
    const auto member = repository.membership(org_id, seat->user);
    if (member && member->role != "owner") repository.deleteMember(org_id, seat->user);
  }
  Seat after = *seat;
  after.state = "revoked";
  tx.audit({org_id, actor, "seat.revoke", seat_id, seatJson(*seat), seatJson(after), reason});
  tx.emit({"seat.revoked", org_id, seat_id, seatEvent(*seat)});
  return {};
}

Status StoredDirectory::changeRole(db::Tx& tx, const Membership& member, const std::string& role, const std::string& actor) {
  if (member.role == role) return {};
  Repository repository(tx);
  const auto seat = repository.seatOf(member.org, member.user);
  if (seat && takesPaidSeat(role) && !takesPaidSeat(seat->role)) CCP_CHECK_OK(roomForSeat(tx, member.org));
  repository.setRole(member.org, member.user, role);
  if (seat) {
    repository.setSeatRole(member.org, seat->id, role);
    if (!takesPaidSeat(role)) {
      for (const auto& device : repository.activeDevicesOfSeat(member.org, seat->id)) {
        CCP_CHECK_OK(revokeDeviceRow(tx, device, actor, "became a viewer"));
      }
    }
  }
  tx.audit({member.org, actor, "member.role", member.user, Json::object({{"role", member.role}}), Json::object({{"role", role}}), ""});
  tx.emit({"member.changed", member.org, member.user, Json::object({{"user", member.user}, {"before", member.role}, {"role", role}})});
  return {};
}

Status StoredDirectory::removeMember(db::Tx& tx, const Membership& member, const std::string& actor, const std::string& reason) {
  Repository repository(tx);
  if (const auto seat = repository.seatOf(member.org, member.user)) CCP_CHECK_OK(revokeSeat(tx, member.org, seat->id, actor, reason));
  repository.deleteMember(member.org, member.user);
  tx.audit({member.org, actor, "member.remove", member.user, Json::object({{"role", member.role}}), Json(), reason});
  tx.emit({"member.removed", member.org, member.user, Json::object({{"user", member.user}, {"role", member.role}})});
  return {};
}

Result<Seat> StoredDirectory::seatForDevice(db::Tx& tx, const std::string& org_id, const std::string& user_id) {
  Repository repository(tx);
  const auto member = repository.membership(org_id, user_id);
  if (!member) return fail(Errc::not_found, "You are not a member of this organization.");
  if (!roleAllows(member->role, Action::approve_device)) return fail(Errc::forbidden, "A viewer has no seat to use a device with.");
  if (auto seat = repository.seatOf(org_id, user_id)) {
    CCP_CHECK_OK(seatInForce(tx, org_id, seat->id));
    return *seat;
  }
  if (member->role != "owner") return fail(Errc::seat_required, "You have no seat in this organization.");
  const auto user = repository.user(user_id);
  if (!user) return fail(Errc::not_found, "There is no such user.");
  if (repository.seatsInUse(org_id) >= limits_.seats(tx, org_id)) {
    return fail(Errc::seat_required, "All seats of the plan are in use.");
  }
  return claimNewSeat(tx, org_id, *user, member->role, "user:" + user_id);
}

Status StoredDirectory::roomForDevice(db::Tx& tx, const std::string& org_id, const std::string& seat_id, const std::string& jkt) {
  Repository repository(tx);
  if (repository.activeDeviceByKey(org_id, seat_id, jkt)) return {};
  const auto limit = limits_.devicesPerSeat(tx, org_id);
  if (static_cast<std::int64_t>(repository.activeDevicesOfSeat(org_id, seat_id).size()) < limit) return {};
  return fail(Errc::device_limit, "This seat is used on as many devices as its plan allows (" + std::to_string(limit) +
                                      "). Log another one out with `ccp logout --device`.");
}

Result<DeviceRow> StoredDirectory::registerDevice(db::Tx& tx, DeviceRow wanted) {
  Repository repository(tx);
  if (auto known = repository.activeDeviceByKey(wanted.org, wanted.seat, wanted.jkt)) {
    repository.renewDevice(known->org, known->id, wanted.hostname, wanted.client_id, wanted.scope);
    repository.revokeRefreshTokens(known->org, known->id);
    known->hostname = wanted.hostname;
    known->client_id = wanted.client_id;
    known->scope = wanted.scope;
    known->last_seen_at = tx.now();
    return *known;
  }
  CCP_CHECK_OK(roomForDevice(tx, wanted.org, wanted.seat, wanted.jkt));
  wanted.id = newId("dev", clock_, random_);
  wanted.sid = newId("ses", clock_, random_);
  wanted.state = "active";
  wanted.created_at = tx.now();
  wanted.last_seen_at = tx.now();
  repository.insertDevice(wanted);
  tx.audit({wanted.org, "user:" + wanted.user, "device.register", wanted.id, Json(),
            Json::object({{"hostname", wanted.hostname}, {"seat", wanted.seat}, {"sid", wanted.sid}, {"jkt", wanted.jkt}}), ""});
  return wanted;
}

Status StoredDirectory::revokeDeviceRow(db::Tx& tx, const DeviceRow& device, const std::string& actor, const std::string& reason) {
  if (!Repository(tx).revokeDevice(device.org, device.id)) return {};
  issuer_.sidRevoked(tx, device.org, device.sid);
  tx.audit({device.org, actor, "device.revoke", device.id, Json::object({{"state", "active"}, {"sid", device.sid}}),
            Json::object({{"state", "revoked"}, {"sid", device.sid}}), reason});
  return {};
}

Result<Device> StoredDirectory::revokeDevice(db::Tx& tx, const std::string& org_id, const std::string& sid, const std::string& actor,
                                             const std::string& reason) {
  const auto device = Repository(tx).deviceBySid(org_id, sid);
  if (!device) return fail(Errc::not_found, "There is no such device.");
  CCP_CHECK_OK(revokeDeviceRow(tx, *device, actor, reason));
  Device out = *device;
  out.state = "revoked";
  return out;
}

}  // namespace ccp::identity
