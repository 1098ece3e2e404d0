#include "core/identity/seats.hpp"

#include "core/base/encoding.hpp"
#include "core/base/log.hpp"
#include "core/identity/acting_role.hpp"
#include "core/identity/rules.hpp"
#include "core/identity/seat_rules.hpp"

namespace ccp::identity {
namespace {

constexpr AttemptLimit kInvitesPerOrg{"seat.invite.org", 200, hours(1)};
// Whoever writes invitations must not be able to fill somebody's mailbox, from however many organizations.
constexpr AttemptLimit kMailPerEmail{"seat.invite.email", 5, hours(1)};
constexpr AttemptLimit kWrongPerSession{"seat.wrong.session", 10, minutes(15)};
constexpr AttemptLimit kWrongPerAddress{"seat.wrong.ip", 30, minutes(15)};

tl::unexpected<Error> refused() {
  return fail(Errc::code_invalid, "The invitation is unknown, used, withdrawn, or older than 14 days. Ask for a new link.");
}

net::Mail mailFor(const config::Settings& settings, const Seat& seat, const std::string& org_name, const std::string& url) {
  return {seat.email, "Your invitation to " + settings.product_name,
          "You are invited to use " + settings.product_name + " in the organization \"" + org_name + "\" at\n" + settings.server.public_url +
              ".\n\nOpen this link and sign in with this address:\n\n" + url +
              "\n\nThe link works once, within 14 days. If you expected no invitation, do nothing.\n"};
}

Result<std::string> seatManagerRole(db::Tx& tx, const http::Principal& who) {
  return actingRole(tx, who, Action::manage_seats, "Owners and admins of the organization manage its seats and members.");
}

}  // namespace

Result<Seats::Page> Seats::list(const http::Principal& who, const std::string& cursor, int limit) {
  return db_.read(db::Scope::org(who.org), [&](db::Tx& tx) -> Result<Page> {
    CCP_CHECK_OK(seatManagerRole(tx, who));
    Repository repository(tx);
    const auto room = directory_.room(tx, who.org);
    Page out;
    out.paid = room.paid;
    out.used = room.used;
    out.over = static_cast<std::int64_t>(room.over.size());
    out.viewers = repository.viewerSeats(who.org);
    auto seats = repository.seats(who.org, cursor, limit + 1);
    if (seats.size() > static_cast<std::size_t>(limit)) {
      seats.pop_back();
      out.next_cursor = seats.back().id;
    }
    for (auto& seat : seats) {
      const bool over = room.over.count(seat.id) > 0;
      out.seats.push_back({std::move(seat), over});
    }
    return out;
  });
}

Result<Seats::Invited> Seats::linked(Seat seat, const std::string& code, const std::string& org_name) {
  Invited out{std::move(seat), settings_.server.public_url + "/invite/" + code, false};
  if (out.seat.email.empty()) return out;
  const auto sent = mailer_.send(mailFor(settings_, out.seat, org_name, out.url));
  // The invitation stands: the inviter passes the link on, or has it mailed again.
  if (!sent) log::error("seat.mail_failed", {{"org", out.seat.org}, {"seat", out.seat.id}, {"error", sent.error().text()}});
  out.mailed = sent.has_value();
  return out;
}

Result<Seats::Invited> Seats::invite(const http::Principal& who, const Wanted& wanted) {
  std::string email;
  if (!wanted.email.empty()) {
    CCP_TRY(email, normalizeEmail(wanted.email));
  }
  CCP_TRY([[maybe_unused]] const auto role, db_.read(db::Scope::org(who.org), [&](db::Tx& tx) { return seatManagerRole(tx, who); }));
  CCP_CHECK_OK(limiter_.take(kInvitesPerOrg, who.org));
  if (!email.empty()) CCP_CHECK_OK(limiter_.take(kMailPerEmail, email));
  const auto code = newToken(random_);
  std::string org_name;
  CCP_TRY(auto seat, db_.write(db::Scope::org(who.org), [&](db::Tx& tx) -> Result<Seat> {
    CCP_CHECK_OK(seatManagerRole(tx, who));
    const auto org = directory_.org(tx, who.org);
    org_name = org ? org->name : who.org;
    return directory_.inviteSeat(tx, who.org, {email, wanted.github, wanted.role, who.actor(), sha256Hex(code), tx.now() + kInvitationLife});
  }));
  return linked(std::move(seat), code, org_name);
}

Result<Seats::Invited> Seats::resend(const http::Principal& who, const std::string& seat_id) {
  const auto code = newToken(random_);
  std::string org_name;
  CCP_TRY(const auto known, db_.read(db::Scope::org(who.org), [&](db::Tx& tx) -> Result<Seat> {
    CCP_CHECK_OK(seatManagerRole(tx, who));
    const auto seat = Repository(tx).seat(who.org, seat_id);
    if (!seat || seat->state == "revoked") return fail(Errc::not_found, "There is no such seat.");
    return *seat;
  }));
  CCP_CHECK_OK(limiter_.take(kInvitesPerOrg, who.org));
  if (!known.email.empty() && known.state == "invited") CCP_CHECK_OK(limiter_.take(kMailPerEmail, known.email));
  CCP_TRY(auto seat, db_.write(db::Scope::org(who.org), [&](db::Tx& tx) -> Result<Seat> {
    CCP_CHECK_OK(seatManagerRole(tx, who));
    Repository repository(tx);
    if (!repository.renewClaim(who.org, seat_id, sha256Hex(code), tx.now() + kInvitationLife)) {
      return fail(Errc::conflict, "The seat is claimed; there is nothing to send.");
    }
    const auto org = directory_.org(tx, who.org);
    org_name = org ? org->name : who.org;
    tx.audit({who.org, who.actor(), "seat.resend", seat_id, Json(), Json(), ""});
    return *repository.seat(who.org, seat_id);
  }));
  return linked(std::move(seat), code, org_name);
}

Status Seats::revoke(const http::Principal& who, const std::string& seat_id) {
  return db_.write(db::Scope::org(who.org), [&](db::Tx& tx) -> Status {
    CCP_TRY(const auto role, seatManagerRole(tx, who));
    Repository repository(tx);
    const auto seat = repository.seat(who.org, seat_id);
    if (!seat || seat->state == "revoked") return fail(Errc::not_found, "There is no such seat.");
    const auto member = seat->user.empty() ? std::nullopt : repository.membership(who.org, seat->user);
    if (member && member->role == "owner" && role != "owner") return fail(Errc::forbidden, "Only an owner takes an owner's seat away.");
    return directory_.revokeSeat(tx, who.org, seat_id, who.actor(), "revoked by an admin");
  });
}

Result<Seat> Seats::seatOfCode(db::Tx& tx, const std::string& code, const std::string& user) {
  if (code.empty() || code.size() > 128) return refused();
  auto seat = Repository(tx).seatByClaim(sha256Hex(code));
  if (!seat || !seat->claim_expires_at) return refused();
  const bool own = seat->state == "claimed" && seat->user == user;
  if (!own && (seat->state != "invited" || tx.now() >= *seat->claim_expires_at)) return refused();
  return std::move(*seat);
}

Status Seats::wrongCode(const http::Principal& who, const std::string& address) {
  CCP_CHECK_OK(limiter_.count(kWrongPerSession, who.sid));
  return limiter_.count(kWrongPerAddress, address);
}

Result<Seats::Offer> Seats::offer(const http::Principal& who, const std::string& code, const std::string& address) {
  CCP_CHECK_OK(limiter_.check(kWrongPerSession, who.sid));
  CCP_CHECK_OK(limiter_.check(kWrongPerAddress, address));
  // System scope: the code says which organization it is for.
  auto found = db_.read(db::Scope::system(), [&](db::Tx& tx) -> Result<Offer> {
    CCP_TRY(const auto seat, seatOfCode(tx, code, who.user));
    const auto org = directory_.org(tx, seat.org);
    return Offer{org ? org->name : seat.org, seat.role, seat.github, seat.state == "claimed"};
  });
  if (!found && found.error().code == Errc::code_invalid) CCP_CHECK_OK(wrongCode(who, address));
  return found;
}

Result<Seat> Seats::claim(const http::Principal& who, const std::string& code, const std::string& address) {
  CCP_CHECK_OK(limiter_.check(kWrongPerSession, who.sid));
  CCP_CHECK_OK(limiter_.check(kWrongPerAddress, address));
  // System scope, as above. The seat's state is the lock: of two claims one finds it invited.
  auto claimed = db_.write(db::Scope::system(), [&](db::Tx& tx) -> Result<Seat> {
    CCP_TRY(const auto seat, seatOfCode(tx, code, who.user));
    if (seat.state == "claimed") return seat;
    const auto user = directory_.user(tx, who.user);
    if (!user) return fail(Errc::unauthenticated, "Sign in first.");
    return directory_.claimSeat(tx, seat, *user);
  });
  if (!claimed && claimed.error().code == Errc::code_invalid) CCP_CHECK_OK(wrongCode(who, address));
  return claimed;
}

}  // namespace ccp::identity
