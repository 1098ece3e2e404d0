#include "core/identity/sessions.hpp"

#include "core/base/encoding.hpp"
#include "core/http/csrf.hpp"
#include "core/identity/login_repository.hpp"
#include "core/identity/repository.hpp"
#include "core/identity/rules.hpp"

namespace ccp::identity {
namespace {

// How stale `last_seen_at` may get: a write per request would buy nothing.
constexpr Duration kTouchInterval = minutes(5);

}  // namespace

std::string_view Cookies::session() const noexcept { return http::sessionCookieName(https_); }
std::string_view Cookies::browser() const noexcept { return https_ ? "__Host-ccp_browser" : "ccp_browser"; }

std::string Cookies::set(std::string_view name, const std::string& value, Duration max_age) const {
  return std::string(name) + "=" + value + "; Path=/; HttpOnly; SameSite=Lax; Max-Age=" +
         std::to_string(std::chrono::duration_cast<seconds>(max_age).count()) + (https_ ? "; Secure" : "");
}

std::string Cookies::clear(std::string_view name) const { return set(name, "", Duration(0)); }

std::string Sessions::start(db::Tx& tx, const std::string& user_id, const std::string& address, const std::string& old_cookie) {
  LoginRepository repository(tx);
  if (!old_cookie.empty()) repository.deleteSession(sha256Hex(old_cookie));
  const auto memberships = Repository(tx).membershipsOf(user_id);
  const auto org = memberships.empty() ? std::string() : memberships.front().org;
  const auto cookie = newToken(random_);
  BrowserSession session{newId("ses", clock_, random_), user_id, org, address, tx.now(), tx.now()};
  repository.insertSession(sha256Hex(cookie), session);
  tx.audit({org, "user:" + user_id, "session.start", session.id, Json(), Json::object({{"address", address}}), ""});
  return cookie;
}

Result<http::Principal> Sessions::authenticate(const http::Request& request) {
  const auto cookie = request.cookie(cookies_.session());
  if (cookie.empty()) return fail(Errc::unauthenticated, "You are not signed in.");
  const auto hash = sha256Hex(cookie);
  bool touch = false;
  // System scope: the session says which organization it is for.
  auto found = db_.read(db::Scope::system(), [&](db::Tx& tx) -> Result<http::Principal> {
    const auto session = LoginRepository(tx).session(hash);
    if (!session || !sessionAlive(session->created_at, session->last_seen_at, clock_.now())) {
      return fail(Errc::unauthenticated, "You are not signed in, or the session is over.");
    }
    Repository repository(tx);
    const auto user = repository.user(session->user);
    if (!user) return fail(Errc::unauthenticated, "The user of this session is gone.");
    http::Principal out;
    out.kind = http::PrincipalKind::session;
    out.user = user->id;
    out.email = user->email;
    out.sid = session->id;
    auto member = session->org.empty() ? std::nullopt : repository.membership(session->org, user->id);
    if (!member) {
      const auto all = repository.membershipsOf(user->id);
      if (!all.empty()) member = all.front();
    }
    if (member) {
      out.org = member->org;
      out.role = member->role;
      if (const auto seat = repository.seatOf(member->org, user->id)) out.seat = seat->id;
    }
    touch = clock_.now() - session->last_seen_at >= kTouchInterval;
    return out;
  });
  if (found && touch) {
    CCP_CHECK_OK(db_.writeReadCommitted(db::Scope::system(), [&](db::Tx& tx) -> Status {
      LoginRepository(tx).touchSession(hash);
      return {};
    }));
  }
  return found;
}

Status Sessions::end(const std::string& cookie) {
  if (cookie.empty()) return {};
  return db_.write(db::Scope::system(), [&](db::Tx& tx) -> Status {
    LoginRepository repository(tx);
    const auto session = repository.session(sha256Hex(cookie));
    if (!session) return {};
    repository.deleteSession(sha256Hex(cookie));
    tx.audit({session->org, "user:" + session->user, "session.end", session->id, Json(), Json(), ""});
    return {};
  });
}

Result<std::vector<Membership>> Sessions::organizations(const http::Request& request) {
  // System scope: the list goes across organizations.
  return db_.read(db::Scope::system(), [&](db::Tx& tx) -> Result<std::vector<Membership>> {
    return Repository(tx).membershipsOf(request.principal.user);
  });
}

Status Sessions::chooseOrg(const http::Request& request, const std::string& org_id) {
  return db_.write(db::Scope::system(), [&](db::Tx& tx) -> Status {
    if (!Repository(tx).membership(org_id, request.principal.user)) {
      return fail(Errc::not_found, "You are not a member of this organization.");
    }
    LoginRepository(tx).chooseOrg(sha256Hex(request.cookie(cookies_.session())), org_id);
    return {};
  });
}

std::string Sessions::csrf(const http::Request& request) const { return http::csrfToken(request.cookie(cookies_.session())); }

Status Sessions::checkCsrf(const http::Request& request, const http::Params& form) const {
  return http::checkCsrf(request, form, cookies_.session());
}

}  // namespace ccp::identity
