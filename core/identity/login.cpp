#include "core/identity/login.hpp"

#include <optional>

#include "core/base/encoding.hpp"
#include "core/base/log.hpp"
#include "core/identity/login_repository.hpp"
#include "core/identity/rules.hpp"

namespace ccp::identity {
namespace {

constexpr Duration kLifetime = minutes(15);
constexpr const char* kDemoEmail = "demo@localhost";
constexpr AttemptLimit kMailPerAddress{"login.mail.ip", 60, hours(1)};
constexpr AttemptLimit kMailPerEmail{"login.mail.email", 5, minutes(15)};
constexpr AttemptLimit kWrongPerAddress{"login.wrong.ip", 20, minutes(15)};

std::string newCode(Random& random) {
  std::string out;
  for (std::size_t i = 0; i < kCodeLength; ++i) out += kCodeAlphabet[random.below(static_cast<std::uint32_t>(kCodeAlphabet.size()))];
  return out;
}

// Salted with the browser's secret, which is stored nowhere: a leaked database gives no code away.
std::string codeHash(const std::string& browser, const std::string& code) {
  return sha256Hex("ccp.login-code/1\n" + browser + "\n" + code);
}

/// Of the code in "/invite/<code>": whoever signs in on the way there was invited.
std::string inviteHash(std::string_view next) {
  constexpr std::string_view kPath = "/invite/";
  return next.starts_with(kPath) && next.size() > kPath.size() ? sha256Hex(next.substr(kPath.size())) : std::string();
}

bool openInvite(db::Tx& tx, const std::string& hash) {
  if (hash.empty()) return false;
  const auto seat = Repository(tx).seatByClaim(hash);
  // An invitation by address admits that address only, and does so without a code.
  return seat && seat->state == "invited" && seat->email.empty() && seat->claim_expires_at && tx.now() < *seat->claim_expires_at;
}

tl::unexpected<Error> refused() {
  return fail(Errc::code_invalid, "The code or link is wrong, used, expired, or was asked for in another browser.");
}

net::Mail mailFor(const config::Settings& settings, const std::string& email, const std::string& link, const std::string& code,
                  const std::string& next) {
  const auto url = settings.server.public_url + "/login/link?token=" + link + (next == "/dashboard" ? "" : "&next=" + urlEncode(next));
  return {email, "Sign in to " + settings.product_name,
          "Somebody, hopefully you, asked to sign in to " + settings.product_name + " at\n" + settings.server.public_url +
              " with this address.\n\nYour code:  " + showCode(code) + "\n\nOr open this link in the browser where you asked:\n\n" + url +
              "\n\nCode and link work once, within 15 minutes, and in that browser only.\n"
              "If you did not ask, do nothing: nobody gets in without this mail.\n"};
}

}  // namespace

Result<LoginService::Secrets> LoginService::store(const std::string& email, const std::string& next, const LoginContext& context, bool& admitted) {
  if (context.browser.empty()) return fail(Errc::csrf_failed, "The browser sent no cookie; sign-in needs cookies.");
  const Secrets secrets{newToken(random_), newCode(random_)};
  // System scope: nobody is known yet.
  CCP_TRY(admitted, db_.write(db::Scope::system(), [&](db::Tx& tx) -> Result<bool> {
    Repository repository(tx);
    const bool known = repository.userByEmail(email).has_value();
    LoginRequest request;
    request.invite_hash = inviteHash(next);
    const bool invited = !repository.invitesOf(email).empty() || openInvite(tx, request.invite_hash);
    request.link_hash = sha256Hex(secrets.link);
    request.browser_hash = sha256Hex(context.browser);
    request.code_hash = codeHash(context.browser, secrets.code);
    request.email = email;
    request.created_at = tx.now();
    request.expires_at = tx.now() + kLifetime;
    // Stored for unknown addresses as well, so that the two cases do the same work.
    LoginRepository(tx).insertRequest(request);
    return admit(signupOpen(), known, invited) == Admission::admitted;
  }));
  return secrets;
}

Status LoginService::ask(const std::string& email_text, const std::string& next, const LoginContext& context) {
  CCP_TRY(const auto email, normalizeEmail(email_text));
  CCP_CHECK_OK(limiter_.take(kMailPerAddress, context.address));
  CCP_CHECK_OK(limiter_.take(kMailPerEmail, email));
  bool admitted = false;
  CCP_TRY(const auto secrets, store(email, next, context, admitted));
  if (!admitted) return {};
  if (const auto sent = mailer_.send(mailFor(settings_, email, secrets.link, secrets.code, safeNext(next))); !sent) {
    // Not told to the caller: the failure would say that the address is known.
    log::error("login.mail_failed", {{"error", sent.error().text()}});
  }
  return {};
}

Result<std::string> LoginService::askedFor(const std::string& browser) {
  if (browser.empty()) return std::string();
  return db_.read(db::Scope::system(), [&](db::Tx& tx) -> Result<std::string> {
    const auto request = LoginRepository(tx).requestOfBrowser(sha256Hex(browser));
    return request && !request->consumed && clock_.now() < request->expires_at ? request->email : std::string();
  });
}

Result<std::string> LoginService::finish(db::Tx& tx, const LoginRequest& request, const LoginContext& context) {
  if (!LoginRepository(tx).consumeRequest(request.link_hash)) return refused();
  const bool demo_user = settings_.dev() && request.email == kDemoEmail;
  CCP_TRY(const auto user, directory_.signIn(tx, request.email, signupOpen() || demo_user, openInvite(tx, request.invite_hash)));
  return sessions_.start(tx, user.id, context.address, context.old_session);
}

Result<std::string> LoginService::enterCode(const std::string& text, const LoginContext& context) {
  CCP_CHECK_OK(limiter_.check(kWrongPerAddress, context.address));
  const auto code = normalizeCode(text);
  // A wrong code is an outcome to commit (it is counted), not an error that rolls back.
  CCP_TRY(auto cookie, db_.write(db::Scope::system(), [&](db::Tx& tx) -> Result<std::optional<std::string>> {
    LoginRepository repository(tx);
    const auto request = repository.requestOfBrowser(sha256Hex(context.browser));
    if (context.browser.empty() || !request) return std::optional<std::string>();
    const LoginRequestFacts facts{request->expires_at, request->consumed, true, request->wrong_attempts};
    const bool right = !code.empty() && equalConstantTime(codeHash(context.browser, code), request->code_hash);
    if (!right) repository.countWrongCode(request->link_hash);
    if (!right || !loginAcceptable(facts, tx.now())) return std::optional<std::string>();
    CCP_TRY(auto made, finish(tx, *request, context));
    return std::optional<std::string>(std::move(made));
  }));
  if (cookie) return std::move(*cookie);
  CCP_CHECK_OK(limiter_.count(kWrongPerAddress, context.address));
  return refused();
}

Result<std::string> LoginService::followLink(const std::string& token, const LoginContext& context) {
  CCP_CHECK_OK(limiter_.check(kWrongPerAddress, context.address));
  auto cookie = db_.write(db::Scope::system(), [&](db::Tx& tx) -> Result<std::string> {
    const auto request = LoginRepository(tx).requestByLink(sha256Hex(token));
    if (!request || context.browser.empty()) return refused();
    // Wrong codes do not count against the link: it cannot be guessed.
    const LoginRequestFacts facts{request->expires_at, request->consumed,
                                  equalConstantTime(request->browser_hash, sha256Hex(context.browser)), 0};
    if (!loginAcceptable(facts, tx.now())) return refused();
    return finish(tx, *request, context);
  });
  if (!cookie && cookie.error().code == Errc::code_invalid) CCP_CHECK_OK(limiter_.count(kWrongPerAddress, context.address));
  return cookie;
}

Result<std::string> LoginService::demo(const LoginContext& context) {
  if (!settings_.dev()) return fail(Errc::dev_mode_only, "The demo user exists in dev mode only.");
  bool admitted = false;
  CCP_TRY(const auto secrets, store(kDemoEmail, "", context, admitted));
  return enterCode(secrets.code, context);
}

}  // namespace ccp::identity
