#include "core/identity/members.hpp"

#include "core/identity/rules.hpp"

namespace ccp::identity {

Result<Members::Page> Members::list(const http::Principal& who, const std::string& cursor, int limit) {
  return db_.read(db::Scope::org(who.org), [&](db::Tx& tx) -> Result<Page> {
    const auto self = who.user.empty() ? std::nullopt : directory_.membership(tx, who.org, who.user);
    if (!self || self->role == "viewer") return fail(Errc::forbidden, "Members of the organization see who else is in it; viewers do not.");
    Page out;
    out.members = Repository(tx).members(who.org, cursor, limit + 1);
    if (out.members.size() > static_cast<std::size_t>(limit)) {
      out.members.pop_back();
      out.next_cursor = out.members.back().membership.user;
    }
    return out;
  });
}

Result<Members::Case> Members::open(db::Tx& tx, const http::Principal& who, const std::string& user_id) {
  const auto actor = who.user.empty() ? std::nullopt : directory_.membership(tx, who.org, who.user);
  if (!actor) return fail(Errc::forbidden, "Members of the organization manage it; an API key does not.");
  const auto member = directory_.membership(tx, who.org, user_id);
  if (!member) return fail(Errc::not_found, "There is no such member.");
  return Case{actor->role, *member, {member->role, user_id == who.user, Repository(tx).owners(who.org)}};
}

Result<Repository::Member> Members::setRole(const http::Principal& who, const std::string& user_id, const std::string& role) {
  return db_.write(db::Scope::org(who.org), [&](db::Tx& tx) -> Result<Repository::Member> {
    CCP_TRY(const auto it, open(tx, who, user_id));
    CCP_CHECK_OK(judgeRoleChange(it.actor_role, it.facts, role));
    CCP_CHECK_OK(directory_.changeRole(tx, it.member, role, who.actor()));
    const auto user = directory_.user(tx, user_id);
    const auto seat = directory_.seatOf(tx, who.org, user_id);
    Repository::Member out;
    out.membership = it.member;
    out.membership.role = role;
    if (user) out.email = user->email, out.name = user->name;
    if (seat) out.seat = seat->id, out.github = seat->github;
    return out;
  });
}

Status Members::remove(const http::Principal& who, const std::string& user_id) {
  return db_.write(db::Scope::org(who.org), [&](db::Tx& tx) -> Status {
    CCP_TRY(const auto it, open(tx, who, user_id));
    CCP_CHECK_OK(judgeRemoval(it.actor_role, it.facts));
    return directory_.removeMember(tx, it.member, who.actor(), it.facts.self ? "left" : "removed by an admin");
  });
}

}  // namespace ccp::identity
