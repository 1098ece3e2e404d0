#include "core/identity/directory.hpp"

#include "core/identity/rules.hpp"

namespace ccp::identity {
namespace {

constexpr std::size_t kMaxName = 120;

Json seatJson(const Seat& seat) { return Json::object({{"email", seat.email}, {"state", seat.state}, {"user", seat.user}}); }

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
std::optional<Seat> StoredDirectory::seatOf(db::Tx& tx, const std::string& org_id, const std::string& user_id) {
  return Repository(tx).seatOf(org_id, user_id);
}
std::optional<Device> StoredDirectory::deviceBySid(db::Tx& tx, const std::string& org_id, const std::string& sid) {
  if (org_id.empty()) return std::nullopt;
  return Repository(tx).deviceBySid(org_id, sid);
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
  Seat seat{newId("seat", clock_, random_), org_id, user.id, user.email, "claimed"};
  if (!Repository(tx).insertSeat(seat, role)) return fail(Errc::conflict, "The address has a seat already.");
  tx.audit({org_id, actor, "seat.claim", seat.id, Json(), seatJson(seat), ""});
  tx.emit({"seat.claimed", org_id, seat.id, Json::object({{"user", user.id}, {"email", user.email}})});
  return seat;
}

Result<Seat> StoredDirectory::claimInvite(db::Tx& tx, const Seat& seat, const std::string& role, const User& user) {
  Repository repository(tx);
  repository.insertMember(seat.org, user.id, role);
  repository.claimSeat(seat.org, seat.id, user.id);
  Seat claimed = seat;
  claimed.state = "claimed";
  claimed.user = user.id;
  tx.audit({seat.org, "user:" + user.id, "seat.claim", seat.id, seatJson(seat), seatJson(claimed), ""});
  tx.emit({"seat.claimed", seat.org, seat.id, Json::object({{"user", user.id}, {"email", user.email}})});
  return claimed;
}

Result<User> StoredDirectory::signIn(db::Tx& tx, const std::string& email, bool signup_open) {
  Repository repository(tx);
  auto user = repository.userByEmail(email);
  const auto invites = repository.invitesOf(email);
  if (admit(signup_open, user.has_value(), !invites.empty()) == Admission::refused) {
    return fail(Errc::signup_closed, "The address has no invitation.");
  }
  if (!user) user = makeUser(tx, email);
  for (const auto& [seat, role] : invites) CCP_CHECK_OK(claimInvite(tx, seat, role, *user));
  if (signup_open && repository.membershipsOf(user->id).empty()) {
    CCP_CHECK_OK(createOrg(tx, localPart(email), email, "user:" + user->id));
  }
  repository.touchLogin(user->id);
  return *user;
}

Result<Seat> StoredDirectory::inviteSeat(db::Tx& tx, const std::string& org_id, const std::string& email, const std::string& role,
                                         const std::string& actor) {
  CCP_TRY(const auto normal, normalizeEmail(email));
  if (!isRole(role) || role == "owner") {
    return fail(Error{Errc::validation_failed, "The role must be admin, member or viewer.", {{"/role", "admin, member or viewer"}}});
  }
  Repository repository(tx);
  if (!repository.org(org_id)) return fail(Errc::not_found, "There is no such organization.");
  if (repository.seatByEmail(org_id, normal)) return fail(Errc::already_exists, "This address has a seat already.");
  if (repository.seatsInUse(org_id) >= limits_.seats(tx, org_id)) {
    return fail(Errc::plan_required, "All seats of the plan are in use.");
  }
  Seat seat{newId("seat", clock_, random_), org_id, "", normal, "invited"};
  if (!repository.insertSeat(seat, role)) return fail(Errc::already_exists, "This address has a seat already.");
  tx.audit({org_id, actor, "seat.invite", seat.id, Json(), seatJson(seat), ""});
  tx.emit({"seat.invited", org_id, seat.id, Json::object({{"email", normal}, {"role", role}})});
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
  tx.emit({"seat.revoked", org_id, seat_id, Json::object({{"email", seat->email}, {"user", seat->user}})});
  return {};
}

Result<Seat> StoredDirectory::seatForDevice(db::Tx& tx, const std::string& org_id, const std::string& user_id) {
  Repository repository(tx);
  const auto member = repository.membership(org_id, user_id);
  if (!member) return fail(Errc::not_found, "You are not a member of this organization.");
  if (!roleAllows(member->role, Action::approve_device)) return fail(Errc::forbidden, "A viewer has no seat to use a device with.");
  if (auto seat = repository.seatOf(org_id, user_id)) return *seat;
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
