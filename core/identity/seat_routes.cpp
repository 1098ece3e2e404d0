#include "core/identity/seat_routes.hpp"

#include <algorithm>

#include "core/http/html.hpp"
#include "core/http/page_limit.hpp"

namespace ccp::identity {
namespace {

using http::escapeHtml;
using http::Request;
using http::Response;

struct Deps {
  Seats& seats;
  Members& members;
  Sessions& sessions;
};

constexpr int kPage = 100, kMaxPage = 500;

Json textOrNull(const std::string& text) { return text.empty() ? Json() : Json(text); }
Json timeOrNull(const std::optional<Timestamp>& at) { return at ? Json(formatRfc3339(*at)) : Json(); }

Json seatJson(const Seat& seat, bool over_limit) {
  return Json::object({{"id", seat.id},
                       {"email", textOrNull(seat.email)},
                       {"github", textOrNull(seat.github)},
                       {"user", textOrNull(seat.user)},
                       {"role", seat.role},
                       {"state", seat.state},
                       {"over_limit", over_limit},
                       {"created_at", formatRfc3339(seat.created_at)},
                       {"claimed_at", timeOrNull(seat.claimed_at)},
                       {"link_expires_at", timeOrNull(seat.claim_expires_at)}});
}

Json memberJson(const Repository::Member& member) {
  return Json::object({{"id", member.membership.user},
                       {"email", member.email},
                       {"name", member.name},
                       {"role", member.membership.role},
                       {"seat", textOrNull(member.seat)},
                       {"github", textOrNull(member.github)}});
}

Json invitedJson(const Seats::Invited& invited) {
  return Json::object({{"seat", seatJson(invited.seat, false)},
                       {"link", Json::object({{"url", invited.url}, {"expires_at", timeOrNull(invited.seat.claim_expires_at)}})},
                       {"mailed", invited.mailed}});
}

Status requireScope(const http::Principal& who) {
  if (who.hasScope("billing")) return {};
  return fail(Errc::forbidden, "The credential lacks the scope \"billing\", which managing seats and members needs.");
}

Result<Json> bodyOf(const Request& request, std::initializer_list<std::string_view> known) {
  CCP_TRY(auto body, request.json());
  if (!body.isObject()) return fail(Errc::validation_failed, "The body must be an object.");
  Error error{Errc::validation_failed, "The body has fields that this call does not know, or that are no text."};
  for (const auto& [name, value] : body.members()) {
    if (std::find(known.begin(), known.end(), name) == known.end()) error.fields.push_back({"/" + name, "unknown"});
    else if (!value.isString() && !value.isNull()) error.fields.push_back({"/" + name, "must be a text"});
  }
  if (!error.fields.empty()) return fail(std::move(error));
  return body;
}

Result<std::string> cursorOf(const Request& request) {
  const auto text = request.query.getOr("cursor");
  if (text.size() > 64) return fail(Errc::bad_cursor);
  return text;
}

// --- programs ------------------------------------------------------------------------------------

Result<Response> listSeats(const Deps& deps, const Request& request) {
  CCP_CHECK_OK(requireScope(request.principal));
  CCP_TRY(const int limit, http::pageLimit(request, kPage, kMaxPage));
  CCP_TRY(const auto cursor, cursorOf(request));
  CCP_TRY(const auto page, deps.seats.list(request.principal, cursor, limit));
  Json items = Json::array();
  for (const auto& entry : page.seats) items.push(seatJson(entry.seat, entry.over_limit));
  return Response::json(Json::object({{"seats", std::move(items)},
                                      {"summary", Json::object({{"paid", page.paid},
                                                                {"used", page.used},
                                                                {"free", std::max<std::int64_t>(0, page.paid - page.used)},
                                                                {"over", page.over},
                                                                {"viewers", page.viewers}})},
                                      {"next_cursor", textOrNull(page.next_cursor)}}))
      .noStore();
}

Result<Response> inviteSeat(const Deps& deps, const Request& request) {
  CCP_CHECK_OK(requireScope(request.principal));
  CCP_TRY(const auto body, bodyOf(request, {"email", "github", "role"}));
  CCP_TRY(const auto invited, deps.seats.invite(request.principal, {body.strOr("email"), body.strOr("github"), body.strOr("role", "member")}));
  return Response::json(invitedJson(invited), 201).noStore();
}

Result<Response> listMembers(const Deps& deps, const Request& request) {
  CCP_TRY(const int limit, http::pageLimit(request, kPage, kMaxPage));
  CCP_TRY(const auto cursor, cursorOf(request));
  CCP_TRY(const auto page, deps.members.list(request.principal, cursor, limit));
  Json items = Json::array();
  for (const auto& member : page.members) {
    auto json = memberJson(member);
    json.set("joined_at", formatRfc3339(member.joined_at));
    items.push(std::move(json));
  }
  return Response::json(Json::object({{"members", std::move(items)}, {"next_cursor", textOrNull(page.next_cursor)}})).noStore();
}

Result<Response> setRole(const Deps& deps, const Request& request) {
  CCP_CHECK_OK(requireScope(request.principal));
  CCP_TRY(const auto body, bodyOf(request, {"role"}));
  CCP_TRY(const auto member, deps.members.setRole(request.principal, request.param("id"), body.strOr("role")));
  return Response::json(Json::object({{"member", memberJson(member)}})).noStore();
}

// --- people --------------------------------------------------------------------------------------

Response page(const Deps& deps, const Request& request, std::string title, std::string body, int status = 200) {
  http::Page out;
  out.title = std::move(title);
  out.body = "<section class=\"card narrow\">" + std::move(body) + "</section>";
  out.user_email = request.principal.email;
  out.csrf_token = deps.sessions.csrf(request);
  auto response = http::renderPage(out, status);
  response.noStore();
  return response;
}

const char* roleText(std::string_view role) {
  if (role == "admin") return "an admin: you manage seats, members and billing";
  if (role == "viewer") return "a viewer: you read its dashboards";
  return "a member: you use the product with a seat of your own";
}

Response refusalPage(const Deps& deps, const Request& request, const Error& error) {
  auto out = page(deps, request, "Invitation",
                  "<h1>This invitation cannot be used</h1><p class=\"notice error\" role=\"alert\">" + escapeHtml(error.detail) +
                      "</p><p class=\"muted\">Whoever invited you makes a new link with <code>ccp seats resend</code>.</p>",
                  error.httpStatus() == 401 ? 404 : error.httpStatus());
  if (error.retry_after_s > 0) out.header("Retry-After", std::to_string(error.retry_after_s));
  return out;
}

bool correctable(const Error& error) {
  return error.code == Errc::code_invalid || error.code == Errc::rate_limited || error.code == Errc::forbidden || error.code == Errc::already_exists;
}

Response welcomePage(const Deps& deps, const Request& request, const std::string& role) {
  return page(deps, request, "Welcome",
              std::string("<h1>Welcome</h1><p>You have joined the organization.</p>") +
                  (role == "viewer" ? "<p><a class=\"button\" href=\"/dashboard\">Open the dashboards</a></p>"
                                    : "<p>Connect your terminal with <code>ccp login</code>.</p>"));
}

/// A GET claims nothing: programs that scan mail follow links.
Result<Response> showInvite(const Deps& deps, const Request& request) {
  const auto& code = request.param("code");
  const auto offer = deps.seats.offer(request.principal, code, request.remote_address);
  if (!offer) return correctable(offer.error()) ? Result<Response>(refusalPage(deps, request, offer.error())) : fail(offer.error());
  // Signing in claimed an invitation by address on the way here.
  if (offer->joined) return welcomePage(deps, request, offer->role);
  const auto handle = offer->github.empty() ? std::string()
                                            : "<p>The seat is for the GitHub account <strong>@" + escapeHtml(offer->github) +
                                                  "</strong>. Go on only if that is you.</p>";
  return page(deps, request, "Invitation",
              "<h1>Join " + escapeHtml(offer->org_name) + "?</h1><p>You become " + roleText(offer->role) + ".</p>" + handle +
                  "<p class=\"muted\">You are signed in as " + escapeHtml(request.principal.email) +
                  ".</p><form method=\"post\" action=\"/invite/" + escapeHtml(code) + "\"><input type=\"hidden\" name=\"csrf\" value=\"" +
                  escapeHtml(deps.sessions.csrf(request)) + "\"><button class=\"full\" type=\"submit\">Join</button></form>");
}

Result<Response> claim(const Deps& deps, const Request& request) {
  CCP_TRY(const auto form, request.form());
  CCP_CHECK_OK(deps.sessions.checkCsrf(request, form));
  const auto seat = deps.seats.claim(request.principal, request.param("code"), request.remote_address);
  if (!seat) return correctable(seat.error()) ? Result<Response>(refusalPage(deps, request, seat.error())) : fail(seat.error());
  // The pages show the organization that was joined.
  CCP_CHECK_OK(deps.sessions.chooseOrg(request, seat->org));
  return welcomePage(deps, request, seat->role);
}

}  // namespace

void addSeatRoutes(http::Router& router, Seats& seats, Members& members, Sessions& sessions) {
  const Deps deps{seats, members, sessions};
  const auto options = [](const char* summary, bool body = false) {
    http::RouteOptions out;
    out.auth = http::Auth::client;
    out.max_body = 4096;
    if (body) out.content_types = {"application/json"};
    out.summary = summary;
    return out;
  };
  router.get("/v1/org/seats", options("Seats of the organization, and how many are paid for"), [deps](const Request& r) { return listSeats(deps, r); });
  auto invite = options("Invite an address or a GitHub handle", true);
  invite.idempotent = true;
  router.post("/v1/org/seats", invite, [deps](const Request& r) { return inviteSeat(deps, r); });
  auto resend = options("Make another link for an invitation, and mail it");
  resend.idempotent = true;
  router.post("/v1/org/seats/{id}/resend", resend, [deps](const Request& r) -> Result<Response> {
    CCP_CHECK_OK(requireScope(r.principal));
    CCP_TRY(const auto invited, deps.seats.resend(r.principal, r.param("id")));
    return Response::json(invitedJson(invited)).noStore();
  });
  router.add("DELETE", "/v1/org/seats/{id}", options("Take a seat away"), [deps](const Request& r) -> Result<Response> {
    CCP_CHECK_OK(requireScope(r.principal));
    CCP_CHECK_OK(deps.seats.revoke(r.principal, r.param("id")));
    return Response::empty(204);
  });
  router.get("/v1/org/members", options("Members of the organization"), [deps](const Request& r) { return listMembers(deps, r); });
  router.add("PATCH", "/v1/org/members/{id}", options("Give a member another role", true), [deps](const Request& r) { return setRole(deps, r); });
  router.add("DELETE", "/v1/org/members/{id}", options("Remove a member, or leave"), [deps](const Request& r) -> Result<Response> {
    CCP_CHECK_OK(requireScope(r.principal));
    CCP_CHECK_OK(deps.members.remove(r.principal, r.param("id")));
    return Response::empty(204);
  });

  http::RouteOptions form;
  form.auth = http::Auth::session;
  form.max_body = 16 * 1024;
  form.summary = "Page: an invitation";
  router.get("/invite/{code}", form, [deps](const Request& r) { return showInvite(deps, r); });
  form.csrf = true;
  form.summary = "Claims the invited seat";
  router.post("/invite/{code}", form, [deps](const Request& r) { return claim(deps, r); });
}

}  // namespace ccp::identity
