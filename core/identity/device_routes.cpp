#include "core/identity/device_routes.hpp"

#include "core/base/encoding.hpp"
#include "core/http/html.hpp"
#include "core/identity/rules.hpp"

namespace ccp::identity {
namespace {

using http::escapeHtml;
using http::Request;
using http::Response;

struct Deps {
  DeviceGrants& grants;
  Devices& devices;
  Sessions& sessions;
};

Response page(const Deps& deps, const Request& request, std::string title, std::string body, int status = 200) {
  http::Page out;
  out.title = std::move(title);
  out.body = std::move(body);
  out.user_email = request.principal.email;
  out.csrf_token = deps.sessions.csrf(request);
  return http::renderPage(out, status);
}

std::string hidden(std::string_view name, std::string_view value) {
  return "<input type=\"hidden\" name=\"" + std::string(name) + "\" value=\"" + escapeHtml(value) + "\">";
}

std::string csrfField(const Deps& deps, const Request& request) { return hidden("csrf", deps.sessions.csrf(request)); }

const char* scopeText(std::string_view scope) {
  if (scope == "license") return "see and renew your license";
  if (scope == "usage") return "send usage totals";
  if (scope == "billing") return "start a checkout, if your role allows it";
  if (scope == "dash") return "read the dashboards";
  return "use CCP";
}

std::string minutesUntil(Timestamp end, Timestamp now) {
  const auto left = std::max<std::int64_t>(1, (toUnixSeconds(end) - toUnixSeconds(now) + 59) / 60);
  return std::to_string(left) + (left == 1 ? " minute" : " minutes");
}

std::string notice(std::string_view text) {
  return text.empty() ? "" : "<p class=\"notice error\" role=\"alert\">" + escapeHtml(text) + "</p>";
}

/// The devices of this person in the chosen organization, each with a button that logs it out.
Result<std::string> deviceList(const Deps& deps, const Request& request) {
  if (request.principal.org.empty()) return std::string();
  CCP_TRY(const auto devices, deps.devices.list(request.principal, false));
  if (devices.empty()) return std::string();
  std::string rows;
  for (const auto& [device, email] : devices) {
    rows += "<tr><td>" + escapeHtml(device.hostname.empty() ? "unnamed" : device.hostname) + "</td><td>" +
            escapeHtml(formatRfc3339(std::chrono::floor<seconds>(device.last_seen_at))) + "</td><td><form method=\"post\" action=\"/device/revoke\">" +
            csrfField(deps, request) + hidden("device", device.id) +
            "<button class=\"quiet\" type=\"submit\">Log out</button></form></td></tr>";
  }
  return "<section class=\"card\"><h2>Your devices</h2><div class=\"scroll\" tabindex=\"0\" role=\"region\" aria-label=\"Your devices\"><table><thead><tr><th scope=\"col\">Host</th><th "
         "scope=\"col\">Last seen</th><th scope=\"col\"><span class=\"muted\">Action</span></th></tr></thead><tbody>" +
         rows + "</tbody></table></div></section>";
}

/// Which organization the pages show, for people in several.
Result<std::string> orgSwitch(const Deps& deps, const Request& request) {
  CCP_TRY(const auto orgs, deps.sessions.organizations(request));
  if (orgs.size() < 2) return std::string();
  std::string options;
  for (const auto& org : orgs) {
    options += "<option value=\"" + escapeHtml(org.org) + "\"" + (org.org == request.principal.org ? " selected" : "") + ">" +
               escapeHtml(org.org_name) + "</option>";
  }
  return "<section class=\"card\"><h2>Organization</h2><form method=\"post\" action=\"/account/org\">" + csrfField(deps, request) +
         hidden("next", "/device") + "<label for=\"org\">Show</label><select id=\"org\" name=\"org\">" + options +
         "</select><button class=\"secondary\" type=\"submit\">Change</button></form></section>";
}

Result<Response> entryPage(const Deps& deps, const Request& request, const std::string& error, int status, int retry_after_s = 0) {
  CCP_TRY(const auto list, deviceList(deps, request));
  CCP_TRY(const auto orgs, orgSwitch(deps, request));
  Response out = page(deps, request, "Connect a device",
                      "<section class=\"card narrow\"><h1>Connect a device</h1><p>Enter the code that your terminal shows.</p>" + notice(error) +
                          "<form method=\"get\" action=\"/device\"><label for=\"user_code\">Code</label><input class=\"code\" "
                          "id=\"user_code\" name=\"user_code\" type=\"text\" autocapitalize=\"characters\" autocomplete=\"off\" "
                          "spellcheck=\"false\" placeholder=\"XXXX-XXXX\" required autofocus maxlength=\"12\"><button class=\"full\" "
                          "type=\"submit\">Continue</button></form></section>" +
                          list + orgs,
                      status);
  if (retry_after_s > 0) out.header("Retry-After", std::to_string(retry_after_s));
  return out;
}

std::string orgChoice(const std::vector<Membership>& orgs, const std::string& chosen) {
  if (orgs.size() == 1) {
    return hidden("org", orgs.front().org);
  }
  std::string out = "<fieldset><legend>Organization</legend>";
  for (const auto& org : orgs) {
    const bool checked = org.org == chosen;
    out += "<label class=\"choice\"><input type=\"radio\" name=\"org\" required value=\"" + escapeHtml(org.org) + "\"" +
           (checked ? " checked" : "") + "><span>" + escapeHtml(org.org_name) + " <span class=\"muted\">(" + escapeHtml(org.role) +
           ")</span></span></label>";
  }
  return out + "</fieldset>";
}

std::string replaceChoice(const std::vector<DeviceRow>& devices) {
  std::string out = "<fieldset><legend>Log out another device</legend>";
  for (const auto& device : devices) {
    out += "<label class=\"choice\"><input type=\"radio\" name=\"replace\" required value=\"" + escapeHtml(device.id) + "\"><span>" +
           escapeHtml(device.hostname.empty() ? "unnamed" : device.hostname) + " <span class=\"muted\">(last seen " +
           escapeHtml(formatRfc3339(std::chrono::floor<seconds>(device.last_seen_at))) + ")</span></span></label>";
  }
  return out + "</fieldset>";
}

Response approvePage(const Deps& deps, const Request& request, const DeviceGrants::Pending& pending, const std::string& org,
                     const std::string& extra, const std::string& error, int status) {
  std::string scopes;
  for (const auto& scope : pending.scopes) scopes += "<li>" + escapeHtml(scopeText(scope)) + "</li>";
  std::string body = "<section class=\"card narrow\"><h1>Connect this device?</h1>" + notice(error) +
                     "<p class=\"center\"><span class=\"user-code\">" + escapeHtml(pending.user_code) +
                     "</span></p><p><strong>Confirm that your terminal shows exactly this code.</strong> If somebody sent you the code or "
                     "a link, deny: they would act in your name.</p><dl class=\"facts\"><dt>Program</dt><dd>" +
                     escapeHtml(pending.client_name) + "</dd><dt>Host</dt><dd>" +
                     (pending.hostname.empty() ? "not told" : escapeHtml(pending.hostname)) + "</dd><dt>Address</dt><dd>" +
                     escapeHtml(pending.address) + "</dd>";
  if (pending.orgs.size() == 1) body += "<dt>Organization</dt><dd>" + escapeHtml(pending.orgs.front().org_name) + "</dd>";
  body += "<dt>Valid for</dt><dd>" + minutesUntil(pending.expires_at, deps.grants.now()) + "</dd></dl><h2>It may</h2><ul>" + scopes + "</ul>";
  if (pending.orgs.empty()) {
    body += "<p class=\"notice warn\">You are in no organization in which you may connect a device. Ask an admin for a seat.</p>";
  }
  body += "<form method=\"post\" action=\"/device\">" + csrfField(deps, request) + hidden("user_code", pending.user_code);
  if (!pending.orgs.empty()) {
    body += orgChoice(pending.orgs, org) + extra +
            "<button class=\"full\" type=\"submit\" name=\"decision\" value=\"approve\">The codes match: approve</button>";
  }
  body += "</form><form method=\"post\" action=\"/device\">" + csrfField(deps, request) + hidden("user_code", pending.user_code) +
          "<p></p><button class=\"danger full\" type=\"submit\" name=\"decision\" value=\"deny\">Deny</button></form></section>";
  return page(deps, request, "Connect this device?", std::move(body), status);
}

Result<Response> show(const Deps& deps, const Request& request) {
  const auto code = request.query.getOr("user_code");
  if (code.empty()) return entryPage(deps, request, "", 200);
  const auto pending = deps.grants.find(request.principal, code, request.remote_address);
  if (pending) return approvePage(deps, request, *pending, request.principal.org, "", "", 200);
  const auto& error = pending.error();
  if (error.code != Errc::code_invalid && error.code != Errc::rate_limited) return fail(error);
  return entryPage(deps, request, error.detail, error.httpStatus(), error.retry_after_s);
}

Response donePage(const Deps& deps, const Request& request, bool approved) {
  return page(deps, request, approved ? "Device connected" : "Request denied",
              approved ? "<section class=\"card narrow center\"><p><span class=\"badge good\">Connected</span></p><h1>Your device is connected</h1>"
                         "<p>You can close this page and go back to your terminal.</p><p class=\"muted small\">Not you? <a "
                         "href=\"/device\">Log the device out.</a></p></section>"
                       : "<section class=\"card narrow center\"><p><span class=\"badge bad\">Denied</span></p><h1>Nothing was connected</h1>"
                         "<p>The program that asked has been told no.</p></section>");
}

Result<Response> decide(const Deps& deps, const Request& request) {
  CCP_TRY(const auto form, request.form());
  CCP_CHECK_OK(deps.sessions.checkCsrf(request, form));
  const auto word = form.getOr("decision");
  if (word != "approve" && word != "deny") return fail(Errc::bad_request, "decision must be approve or deny.");
  const DeviceGrants::Decision decision{form.getOr("user_code"), word == "approve", form.getOr("org"), form.getOr("replace")};
  const auto decided = deps.grants.decide(request.principal, decision, request.remote_address);
  if (decided) return donePage(deps, request, decision.approve);
  const auto& error = decided.error();
  if (error.code == Errc::code_invalid || error.code == Errc::rate_limited) {
    return entryPage(deps, request, error.detail, error.httpStatus(), error.retry_after_s);
  }
  if (error.code != Errc::device_limit && error.code != Errc::seat_required && error.code != Errc::seat_over_limit && error.code != Errc::forbidden) return fail(error);
  CCP_TRY(const auto pending, deps.grants.find(request.principal, decision.user_code, request.remote_address));
  std::string extra;
  if (error.code == Errc::device_limit) {
    CCP_TRY(const auto devices, deps.grants.devicesOf(request.principal, decision.org));
    extra = replaceChoice(devices);
  }
  return approvePage(deps, request, pending, decision.org, extra, error.detail, error.httpStatus());
}

Result<Response> revokeOnPage(const Deps& deps, const Request& request) {
  CCP_TRY(const auto form, request.form());
  CCP_CHECK_OK(deps.sessions.checkCsrf(request, form));
  CCP_CHECK_OK(deps.devices.revoke(request.principal, form.getOr("device")));
  return Response::redirect("/device");
}

Result<Response> list(const Deps& deps, const Request& request) {
  CCP_TRY(const auto devices, deps.devices.list(request.principal, request.query.getOr("all") == "1"));
  Json items = Json::array();
  for (const auto& [device, email] : devices) {
    items.push(Json::object({{"id", device.id},
                             {"hostname", device.hostname},
                             {"user", Json::object({{"id", device.user}, {"email", email}})},
                             {"seat", device.seat},
                             {"state", device.state},
                             {"current", !request.principal.sid.empty() && device.sid == request.principal.sid},
                             {"created_at", formatRfc3339(device.created_at)},
                             {"last_seen_at", formatRfc3339(device.last_seen_at)}}));
  }
  return Response::json(Json::object({{"devices", std::move(items)}}));
}

}  // namespace

void addDeviceRoutes(http::Router& router, DeviceGrants& grants, Devices& devices, Sessions& sessions) {
  const Deps deps{grants, devices, sessions};
  const auto options = [](http::Auth auth, const char* summary) {
    http::RouteOptions out;
    out.auth = auth;
    out.max_body = 16 * 1024;
    out.csrf = false;
    out.summary = summary;
    return out;
  };
  auto form = options(http::Auth::session, "Approves or denies a device");
  form.csrf = true;
  router.get("/device", options(http::Auth::session, "Page: connect a device"), [deps](const Request& r) { return show(deps, r); });
  router.post("/device", form, [deps](const Request& r) { return decide(deps, r); });
  form.summary = "Logs a device out, from the page";
  router.post("/device/revoke", form, [deps](const Request& r) { return revokeOnPage(deps, r); });
  router.get("/v1/devices", options(http::Auth::client, "Devices of the person; with all=1 those of the organization"),
             [deps](const Request& r) { return list(deps, r); });
  router.add("DELETE", "/v1/devices/{id}", options(http::Auth::client, "Logs a device out"), [deps](const Request& r) -> Result<Response> {
    CCP_CHECK_OK(deps.devices.revoke(r.principal, r.param("id")));
    return Response::empty(204);
  });
}

}  // namespace ccp::identity
