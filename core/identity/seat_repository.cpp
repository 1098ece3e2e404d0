// SQL of seats and of the members that hold them (class Repository).
#include "core/identity/repository.hpp"

namespace ccp::identity {
namespace {

using Text = std::string;
using MaybeText = std::optional<std::string>;
using MaybeTime = std::optional<Timestamp>;
using SeatRow = std::tuple<Text, Text, MaybeText, Text, Text, Text, Text, Timestamp, MaybeTime, MaybeTime>;

std::vector<Seat> selectSeats(db::Tx& tx, const char* where, const db::Binds& binds) {
  std::vector<Seat> out;
  for (auto& [id, org, user, email, state, role, github, created, claimed, expires] :
       tx.query<Text, Text, MaybeText, Text, Text, Text, Text, Timestamp, MaybeTime, MaybeTime>(
           std::string("select id, org_id, user_id, email, state, role, github, created_at, claimed_at, claim_expires_at from seats ") + where,
           binds)) {
    out.push_back({id, org, user.value_or(""), email, state, role, github, created, claimed, expires});
  }
  return out;
}

std::optional<Seat> selectSeat(db::Tx& tx, const char* where, const db::Binds& binds) {
  auto found = selectSeats(tx, where, binds);
  if (found.empty()) return std::nullopt;
  return std::move(found.front());
}

std::int64_t count(db::Tx& tx, const char* what, const std::string& org) {
  auto row = tx.one<std::int64_t>(std::string("select cast(count(*) as bigint) from ") + what, {{"org", org}});
  return row ? std::get<0>(*row) : 0;
}

}  // namespace

// --- seats ---------------------------------------------------------------------------------------

std::optional<Seat> Repository::seat(const std::string& org, const std::string& id) {
  return selectSeat(tx_, "where org_id = :org and id = :id", {{"org", org}, {"id", id}});
}

std::optional<Seat> Repository::seatOf(const std::string& org, const std::string& user) {
  return selectSeat(tx_, "where org_id = :org and user_id = :user and state = 'claimed' order by id limit 1", {{"org", org}, {"user", user}});
}

std::optional<Seat> Repository::seatByEmail(const std::string& org, const std::string& email) {
  return selectSeat(tx_, "where org_id = :org and email = :email and state <> 'revoked'", {{"org", org}, {"email", email}});
}

std::optional<Seat> Repository::seatByHandle(const std::string& org, const std::string& github) {
  return selectSeat(tx_, "where org_id = :org and github = :github and state <> 'revoked'", {{"org", org}, {"github", github}});
}

std::optional<Seat> Repository::seatByClaim(const std::string& claim_hash) {
  return selectSeat(tx_, "where claim_hash = :hash and state <> 'revoked'", {{"hash", claim_hash}});
}

std::vector<Seat> Repository::invitesOf(const std::string& email) {
  return selectSeats(tx_, "where email = :email and state = 'invited' order by id", {{"email", email}});
}

std::vector<Seat> Repository::seats(const std::string& org, const std::string& after_id, int limit) {
  return selectSeats(tx_, "where org_id = :org and id > :after and state <> 'revoked' order by id limit :n",
                     {{"org", org}, {"after", after_id}, {"n", limit}});
}

std::vector<SeatStanding> Repository::standings(const std::string& org) {
  std::vector<SeatStanding> out;
  for (auto& [id, role, claimed, created] : tx_.query<Text, Text, MaybeTime, Timestamp>(
           "select id, role, claimed_at, created_at from seats where org_id = :org and state in ('invited', 'claimed') and role <> 'viewer'",
           {{"org", org}})) {
    out.push_back({id, role == "owner", claimed, created});
  }
  return out;
}

std::int64_t Repository::seatsInUse(const std::string& org) {
  return count(tx_, "seats where org_id = :org and state in ('invited', 'claimed') and role <> 'viewer'", org);
}

std::int64_t Repository::viewerSeats(const std::string& org) {
  return count(tx_, "seats where org_id = :org and state in ('invited', 'claimed') and role = 'viewer'", org);
}

bool Repository::insertSeat(const Seat& seat, const NewInvitation& invitation) {
  return tx_.exec(
             "insert into seats (org_id, id, email, user_id, role, state, github, invited_by, claim_hash, claim_expires_at, created_at, claimed_at) "
             "values (:org, :id, :email, :user, :role, :state, :github, :by, :hash, :expires, :now, :claimed) on conflict do nothing",
             {{"org", seat.org},
              {"id", seat.id},
              {"email", seat.email},
              {"user", seat.user.empty() ? MaybeText() : MaybeText(seat.user)},
              {"role", seat.role},
              {"state", seat.state},
              {"github", seat.github},
              {"by", invitation.actor},
              {"hash", invitation.claim_hash.empty() ? MaybeText() : MaybeText(invitation.claim_hash)},
              {"expires", seat.claim_expires_at},
              {"now", tx_.now()},
              {"claimed", seat.state == "claimed" ? MaybeTime(tx_.now()) : MaybeTime()}}) == 1;
}

void Repository::claimSeat(const std::string& org, const std::string& seat, const User& user, const std::string& role) {
  tx_.exec(
      "update seats set state = 'claimed', user_id = :user, email = :email, role = :role, claimed_at = :now "
      "where org_id = :org and id = :id and state = 'invited'",
      {{"user", user.id}, {"email", user.email}, {"role", role}, {"now", tx_.now()}, {"org", org}, {"id", seat}});
}

bool Repository::renewClaim(const std::string& org, const std::string& seat, const std::string& claim_hash, Timestamp expires_at) {
  return tx_.exec("update seats set claim_hash = :hash, claim_expires_at = :expires where org_id = :org and id = :id and state = 'invited'",
                  {{"hash", claim_hash}, {"expires", expires_at}, {"org", org}, {"id", seat}}) == 1;
}

bool Repository::setHandle(const std::string& org, const std::string& seat, const std::string& github) {
  if (const auto other = seatByHandle(org, github); other && other->id != seat) return false;
  tx_.exec("update seats set github = :github where org_id = :org and id = :id", {{"github", github}, {"org", org}, {"id", seat}});
  return true;
}

void Repository::setSeatRole(const std::string& org, const std::string& seat, const std::string& role) {
  tx_.exec("update seats set role = :role where org_id = :org and id = :id", {{"role", role}, {"org", org}, {"id", seat}});
}

bool Repository::revokeSeat(const std::string& org, const std::string& seat) {
  return tx_.exec(
             "update seats set state = 'revoked', revoked_at = :now, claim_hash = null, claim_expires_at = null "
             "where org_id = :org and id = :id and state <> 'revoked'",
             {{"now", tx_.now()}, {"org", org}, {"id", seat}}) == 1;
}

// --- members -------------------------------------------------------------------------------------

void Repository::setRole(const std::string& org, const std::string& user, const std::string& role) {
  tx_.exec("update members set role = :role where org_id = :org and id = :user", {{"role", role}, {"org", org}, {"user", user}});
}

std::int64_t Repository::owners(const std::string& org) { return count(tx_, "members where org_id = :org and role = 'owner'", org); }

std::vector<Repository::Member> Repository::members(const std::string& org, const std::string& after_id, int limit) {
  std::vector<Member> out;
  for (auto& [user, org_name, role, email, name, joined, seat, github] :
       tx_.query<Text, Text, Text, Text, Text, Timestamp, MaybeText, MaybeText>(
           "select m.id, o.name, m.role, u.email, u.name, m.created_at, s.id, s.github from members m join orgs o on o.id = m.org_id "
           "join users u on u.id = m.id left join seats s on s.org_id = m.org_id and s.user_id = m.id and s.state = 'claimed' "
           "where m.org_id = :org and m.id > :after order by m.id limit :n",
           {{"org", org}, {"after", after_id}, {"n", limit}})) {
    out.push_back({{org, org_name, user, role}, email, name, joined, seat.value_or(""), github.value_or("")});
  }
  return out;
}

}  // namespace ccp::identity
