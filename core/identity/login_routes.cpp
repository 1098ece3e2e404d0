#include "core/identity/login_routes.hpp"

#include "core/base/encoding.hpp"
#include "core/http/csrf.hpp"
#include "core/http/html.hpp"
#include "core/identity/rules.hpp"

namespace ccp::identity {
namespace {

using http::escapeHtml;
using http::Request;
using http::Response;

struct Deps {
  const config::Settings& settings;
  Random& random;
  LoginService& login;
  Sessions& sessions;
  const Cookies& cookies() const { return sessions.cookies(); }
};

constexpr Duration kBrowserCookie = hours(1);

std::string hidden(std::string_view name, std::string_view value) {
  return "<input type=\"hidden\" name=\"" + std::string(name) + "\" value=\"" + escapeHtml(value) + "\">";
}

std::string notice(std::string_view text) {
  return text.empty() ? "" : "<p class=\"notice error\" role=\"alert\">" + escapeHtml(text) + "</p>";
}

Response page(std::string title, std::string body, int status = 200) {
  http::Page out;
  out.title = std::move(title);
  out.body = "<section class=\"card narrow\">" + std::move(body) + "</section>";
  return http::renderPage(out, status);
}

LoginContext contextOf(const Deps& deps, const Request& request) {
  return {request.cookie(deps.cookies().browser()), request.remote_address, request.cookie(deps.cookies().session())};
}

/// The form of a POST by a browser that is about to sign in; the token belongs to the pre-session.
Result<http::Params> formOf(const Deps& deps, const Request& request) {
  CCP_TRY(auto form, request.form());
  CCP_CHECK_OK(http::checkCsrf(request, form, deps.cookies().browser()));
  return form;
}

Response signedIn(const Deps& deps, const std::string& cookie, const std::string& next) {
  Response out = Response::redirect(safeNext(next));
  out.headers.add("Set-Cookie", deps.cookies().set(deps.cookies().session(), cookie, kSessionMax));
  out.headers.add("Set-Cookie", deps.cookies().clear(deps.cookies().browser()));
  out.noStore();
  return out;
}

Response loginPage(const Deps& deps, const Request& request, const std::string& next, const std::string& email, const std::string& error,
                   int status) {
  auto browser = request.cookie(deps.cookies().browser());
  const bool fresh = browser.empty();
  if (fresh) browser = newToken(deps.random);
  const auto fields = hidden("csrf", http::csrfToken(browser)) + hidden("next", next);
  std::string body = "<h1>Sign in to " + escapeHtml(deps.settings.product_name) +
                     "</h1><p class=\"muted\">We mail you a link and a code. There is no password.</p>" + notice(error) +
                     "<form method=\"post\" action=\"/login\">" + fields +
                     "<label for=\"email\">E-mail address</label><input id=\"email\" name=\"email\" type=\"email\" "
                     "autocomplete=\"email\" inputmode=\"email\" required autofocus maxlength=\"254\" value=\"" +
                     escapeHtml(email) + "\"><button class=\"full\" type=\"submit\">Send the mail</button></form>";
  if (deps.settings.dev()) {
    body += "<hr><p class=\"muted small\">Development mode: mail is printed to the server’s log, and there is a demo user.</p>"
            "<form method=\"post\" action=\"/login/demo\">" +
            fields + "<button class=\"secondary full\" type=\"submit\">Continue as demo@localhost</button></form>";
  }
  Response out = page("Sign in", std::move(body), status);
  if (fresh) out.headers.add("Set-Cookie", deps.cookies().set(deps.cookies().browser(), browser, kBrowserCookie));
  return out;
}

Response codePage(const Deps& deps, const Request& request, const std::string& email, const std::string& next, const std::string& error,
                  int status) {
  const auto whom = email.empty() ? std::string("your address") : "<strong>" + escapeHtml(email) + "</strong>";
  return page("Enter your code",
              "<h1>Check your mail</h1><p>If " + whom +
                  " may sign in here, a mail with a link and a code is on its way. It works once, within 15 minutes, in this browser.</p>" +
                  notice(error) + "<form method=\"post\" action=\"/login/code\">" +
                  hidden("csrf", http::csrfToken(request.cookie(deps.cookies().browser()))) + hidden("next", next) +
                  "<label for=\"code\">Code from the mail</label><input class=\"code\" id=\"code\" name=\"code\" type=\"text\" "
                  "autocomplete=\"one-time-code\" autocapitalize=\"characters\" spellcheck=\"false\" placeholder=\"XXXX-XXXX\" "
                  "required autofocus maxlength=\"12\"><button class=\"full\" type=\"submit\">Sign in</button></form>"
                  "<hr><p class=\"small muted\"><a href=\"/login?next=" +
                  urlEncode(next) + "\">Use another address or send a new mail</a></p>",
              status);
}

/// Errors that belong on the page of the form: the person can correct them there.
bool correctable(const Error& error) {
  return error.code == Errc::code_invalid || error.code == Errc::validation_failed || error.code == Errc::rate_limited ||
         error.code == Errc::signup_closed;
}

Response withRetry(Response response, const Error& error) {
  if (error.retry_after_s > 0) response.header("Retry-After", std::to_string(error.retry_after_s));
  return response;
}

Result<Response> showLogin(const Deps& deps, const Request& request) {
  const auto next = safeNext(request.query.getOr("next"));
  if (deps.sessions.authenticate(request)) return Response::redirect(next);
  return loginPage(deps, request, next, "", "", 200);
}

Result<Response> askForMail(const Deps& deps, const Request& request) {
  CCP_TRY(const auto form, formOf(deps, request));
  const auto next = safeNext(form.getOr("next"));
  const auto asked = deps.login.ask(form.getOr("email"), next, contextOf(deps, request));
  if (asked) return Response::redirect("/login/code?next=" + urlEncode(next));
  if (!correctable(asked.error())) return fail(asked.error());
  return withRetry(loginPage(deps, request, next, form.getOr("email"), asked.error().detail, asked.error().httpStatus()), asked.error());
}

Result<Response> showCode(const Deps& deps, const Request& request) {
  CCP_TRY(const auto email, deps.login.askedFor(request.cookie(deps.cookies().browser())));
  return codePage(deps, request, email, safeNext(request.query.getOr("next")), "", 200);
}

Result<Response> enterCode(const Deps& deps, const Request& request) {
  CCP_TRY(const auto form, formOf(deps, request));
  const auto cookie = deps.login.enterCode(form.getOr("code"), contextOf(deps, request));
  if (cookie) return signedIn(deps, *cookie, form.getOr("next"));
  if (!correctable(cookie.error())) return fail(cookie.error());
  CCP_TRY(const auto email, deps.login.askedFor(request.cookie(deps.cookies().browser())));
  return withRetry(codePage(deps, request, email, safeNext(form.getOr("next")), cookie.error().detail, cookie.error().httpStatus()),
                   cookie.error());
}

/// A GET never signs in: programs that scan mail follow links.
Result<Response> showLink(const Deps& deps, const Request& request) {
  const auto browser = request.cookie(deps.cookies().browser());
  if (browser.empty()) {
    return page("Open the link where you asked",
                "<h1>Another browser?</h1><p>This link works in the browser in which you asked for it. Open it there, or type the code of "
                "the mail there.</p><p><a class=\"button secondary\" href=\"/login\">Sign in here instead</a></p>");
  }
  return page("Sign in", "<h1>Sign in</h1><p>One click, and you are in. The link works once.</p><form method=\"post\" action=\"/login/link\">" +
                             hidden("csrf", http::csrfToken(browser)) + hidden("token", request.query.getOr("token")) +
                             hidden("next", safeNext(request.query.getOr("next"))) +
                             "<button class=\"full\" type=\"submit\">Sign in</button></form>");
}

Result<Response> followLink(const Deps& deps, const Request& request) {
  CCP_TRY(const auto form, formOf(deps, request));
  const auto next = safeNext(form.getOr("next"));
  const auto cookie = deps.login.followLink(form.getOr("token"), contextOf(deps, request));
  if (cookie) return signedIn(deps, *cookie, next);
  if (!correctable(cookie.error())) return fail(cookie.error());
  return withRetry(loginPage(deps, request, next, "", cookie.error().detail, cookie.error().httpStatus()), cookie.error());
}

Result<Response> demo(const Deps& deps, const Request& request) {
  CCP_TRY(const auto form, formOf(deps, request));
  CCP_TRY(const auto cookie, deps.login.demo(contextOf(deps, request)));
  return signedIn(deps, cookie, form.getOr("next"));
}

Result<Response> logout(const Deps& deps, const Request& request) {
  CCP_TRY(const auto form, request.form());
  CCP_CHECK_OK(deps.sessions.checkCsrf(request, form));
  CCP_CHECK_OK(deps.sessions.end(request.cookie(deps.cookies().session())));
  Response out = Response::redirect("/login");
  out.headers.add("Set-Cookie", deps.cookies().clear(deps.cookies().session()));
  out.noStore();
  return out;
}

Result<Response> chooseOrg(const Deps& deps, const Request& request) {
  CCP_TRY(const auto form, request.form());
  CCP_CHECK_OK(deps.sessions.checkCsrf(request, form));
  CCP_CHECK_OK(deps.sessions.chooseOrg(request, form.getOr("org")));
  return Response::redirect(safeNext(form.getOr("next")));
}

}  // namespace

void addLoginRoutes(http::Router& router, const config::Settings& settings, Random& random, LoginService& login, Sessions& sessions) {
  const Deps deps{settings, random, login, sessions};
  const auto options = [](const char* summary, http::Auth auth = http::Auth::none) {
    http::RouteOptions out;
    out.auth = auth;
    out.max_body = 16 * 1024;
    out.csrf = auth == http::Auth::session;
    out.summary = summary;
    return out;
  };
  router.get("/login", options("Page: sign in by e-mail"), [deps](const Request& r) { return showLogin(deps, r); });
  router.post("/login", options("Sends the sign-in mail"), [deps](const Request& r) { return askForMail(deps, r); });
  router.get("/login/code", options("Page: enter the code"), [deps](const Request& r) { return showCode(deps, r); });
  router.post("/login/code", options("Signs in by code"), [deps](const Request& r) { return enterCode(deps, r); });
  router.get("/login/link", options("Page: confirm the mailed link"), [deps](const Request& r) { return showLink(deps, r); });
  router.post("/login/link", options("Signs in by link"), [deps](const Request& r) { return followLink(deps, r); });
  if (settings.dev()) {
    router.post("/login/demo", options("Dev mode: signs in as demo@localhost"), [deps](const Request& r) { return demo(deps, r); });
  }
  router.post("/logout", options("Signs out", http::Auth::session), [deps](const Request& r) { return logout(deps, r); });
  router.post("/account/org", options("Chooses the organization of the session", http::Auth::session),
              [deps](const Request& r) { return chooseOrg(deps, r); });
}

}  // namespace ccp::identity
