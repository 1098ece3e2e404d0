// Identity with everything around it faked but the store: licensing's ports, mail, time; the device
// flow's state machine is the real plugin's. Requests go through the router to the real handlers.
#pragma once

#include <doctest/doctest.h>

#include <map>
#include <regex>
#include <set>

#include "core/crypto/dpop.hpp"
#include "core/http/csrf.hpp"
#include "core/identity/api_key_routes.hpp"
#include "core/identity/api_keys.hpp"
#include "core/identity/device_routes.hpp"
#include "core/identity/login_routes.hpp"
#include "core/identity/oauth_routes.hpp"
#include "core/identity/replay_guard.hpp"
#include "core/identity/seat_routes.hpp"
#include "core/identity/sweeper.hpp"
#include "plugins/auth_deviceflow/rules.hpp"
#include "tests/support/temp_db.hpp"

namespace ccp::identity {
extern const db::MigrationSet kMigrations;
}

namespace ccp::test {

using identity::StoredDirectory;

struct FakeLicensing : identity::SeatLimits, identity::TokenIssuer, identity::PackAssertions {
  std::int64_t seat_limit = 1, device_limit = 3;
  int issued = 0;
  Grant last;
  std::vector<std::string> orgs, revoked;
  std::map<std::string, identity::PackAssertion> packs;

  std::int64_t seats(db::Tx&, const std::string&) override { return seat_limit; }
  std::int64_t devicesPerSeat(db::Tx&, const std::string&) override { return device_limit; }
  Result<AccessToken> issueAccessToken(db::Tx&, const Grant& grant) override {
    last = grant;
    return AccessToken{"access-" + std::to_string(++issued), 900};
  }
  void orgCreated(db::Tx&, const std::string& org) override { orgs.push_back(org); }
  void sidRevoked(db::Tx&, const std::string&, const std::string& sid) override { revoked.push_back(sid); }
  Result<identity::PackAssertion> verifyPack(db::Tx&, std::string_view pack) override {
    const auto found = packs.find(std::string(pack));
    if (found == packs.end()) return fail(Errc::token_invalid, "This is no pack.");
    return found->second;
  }
};

struct FakeMailer : net::Mailer {
  std::vector<net::Mail> sent;
  bool broken = false;
  Status send(const net::Mail& mail) override {
    if (broken) return fail(Errc::unavailable, "no mail today");
    sent.push_back(mail);
    return {};
  }
};

/// The rules of plugins/auth_deviceflow behind the facade, without loading a library.
struct DeviceFlow : plugin::IdentityProvider, plugin::IdentityProviders, std::enable_shared_from_this<DeviceFlow> {
  DeviceFlow(const Clock& c, Random& r) : clock(c), random(r) {}
  const Clock& clock;
  Random& random;
  std::string name = "device";
  std::string forced_user_code, forced_status;
  bool missing = false;

  const std::string& instance() const override { return name; }
  Result<Json> describe(const plugin::CallContext&) override { return Json::object({{"kind", "device"}}); }
  static Json toJson(const deviceflow::PollState& s) {
    return Json::object({{"expires_at_us", s.expires_at_us}, {"interval_s", s.interval_s}, {"last_poll_us", s.last_poll_us}});
  }
  Result<plugin::DeviceBegin> beginDevice(const plugin::CallContext&, const std::string&, const std::string&) override {
    std::string letters;
    while (letters.size() < deviceflow::kUserCodeLetters) letters = deviceflow::lettersFrom(textOf(random.bytes(64)));
    plugin::DeviceBegin out;
    out.user_code = forced_user_code.empty() ? deviceflow::displayForm(letters) : forced_user_code;
    out.device_code = hexEncode(random.bytes(32));
    out.state = toJson({toMicros(clock.now()) + 900'000'000, 5, 0});
    return out;
  }
  Result<plugin::DevicePoll> pollDevice(const plugin::CallContext&, const Json& state, const std::string& decision, std::int64_t now_us) override {
    const auto answer = deviceflow::decidePoll({state.intOr("expires_at_us"), state.intOr("interval_s"), state.intOr("last_poll_us")}, decision, now_us);
    return plugin::DevicePoll{forced_status.empty() ? std::string(answer.status) : forced_status, answer.state.interval_s, toJson(answer.state)};
  }
  Result<std::shared_ptr<plugin::IdentityProvider>> ofKind(const std::string& kind) override {
    if (missing || kind != "device") return fail(Errc::plugin_unavailable, "No identity plugin of this kind is configured.");
    return std::static_pointer_cast<plugin::IdentityProvider>(shared_from_this());
  }
};

using Form = std::vector<std::pair<std::string, std::string>>;

/// A browser: its cookies and address.
struct Browser {
  std::string address = "198.51.100.7";
  std::map<std::string, std::string> cookies;
};

struct World {
  World(TempDb& env, db::Db& database, std::string signup = "open", config::Mode mode = config::Mode::dev, std::string url = "https://ccp.test")
      : clock(env.clock), random(env.random), db(database), settings(makeSettings(std::move(signup), mode, std::move(url))),
        flow(std::make_shared<DeviceFlow>(clock, random)), directory(clock, random, licensing, licensing), replays(db),
        sessions(db, clock, random, settings), keys(db, clock, random), login(db, clock, random, settings, directory, sessions, mailer),
        grants(db, clock, directory, *flow), devices(db, directory),
        tokens(db, clock, random, settings, directory, grants, licensing, licensing, replays), seats(db, clock, random, settings, directory, mailer), members(db, directory), device_key(crypto::SigningKey::generate(random)) {
    identity::addOAuthRoutes(router, settings, grants, tokens);
    identity::addLoginRoutes(router, settings, random, login, sessions);
    identity::addDeviceRoutes(router, grants, devices, sessions);
    identity::addSeatRoutes(router, seats, members, sessions);
    identity::addApiKeyRoutes(router, keys);
  }
  static config::Settings makeSettings(std::string signup, config::Mode mode, std::string url) {
    config::Settings out;
    out.mode = mode;
    out.signup = std::move(signup);
    out.server.public_url = std::move(url);
    return out;
  }

  // --- requests ------------------------------------------------------------------------------------

  static std::string encode(const Form& form) {
    std::string out;
    for (const auto& [name, value] : form) out += (out.empty() ? "" : "&") + urlEncode(name) + "=" + urlEncode(value);
    return out;
  }
  http::Request request(const std::string& method, const std::string& target, const std::string& body = {}) {
    http::Request out;
    out.method = method;
    out.target = target;
    const auto q = target.find('?');
    out.path = target.substr(0, q);
    if (q != std::string::npos) out.query = *http::parseForm(target.substr(q + 1));
    out.body = body;
    if (!body.empty() || method == "POST") out.headers.add("Content-Type", "application/x-www-form-urlencoded");
    out.remote_address = "203.0.113.9";
    out.request_id = "req_test";
    return out;
  }
  /// Finds the route and calls its handler; an Error becomes its problem document, as the server does.
  http::Response route(http::Request request) {
    const auto match = router.match(request.method, request.path);
    REQUIRE(match.route != nullptr);
    request.path_params = match.params;
    auto response = match.route->handler(request);
    return response ? std::move(*response) : http::Response::problem(response.error(), request.request_id);
  }
  /// By a browser: cookies go and come, a session is demanded where the route says so.
  http::Response browse(Browser& browser, const std::string& method, const std::string& target, const Form& form = {}) {
    auto r = request(method, target, encode(form));
    r.remote_address = browser.address;
    std::string cookie;
    for (const auto& [name, value] : browser.cookies) cookie += (cookie.empty() ? "" : "; ") + name + "=" + value;
    if (!cookie.empty()) r.headers.add("Cookie", cookie);
    const auto match = router.match(r.method, r.path);
    REQUIRE(match.route != nullptr);
    if (match.route->options.auth == http::Auth::session) {
      auto who = sessions.authenticate(r);
      if (!who) return http::Response::problem(who.error(), r.request_id);
      r.principal = *who;
    }
    auto response = route(r);
    for (const auto& set : response.headers.all("Set-Cookie")) {
      const auto eq = set.find('=');
      const auto value = set.substr(eq + 1, set.find(';') - eq - 1);
      if (value.empty()) browser.cookies.erase(set.substr(0, eq));
      else browser.cookies[set.substr(0, eq)] = value;
    }
    return response;
  }
  std::string sessionCookie(const Browser& browser) const {
    const auto found = browser.cookies.find(std::string(sessions.cookies().session()));
    return found == browser.cookies.end() ? std::string() : found->second;
  }
  std::string csrf(const Browser& browser) const { return http::csrfToken(sessionCookie(browser)); }
  std::string loginCsrf(const Browser& browser) const {
    const auto found = browser.cookies.find(std::string(sessions.cookies().browser()));
    return found == browser.cookies.end() ? std::string() : http::csrfToken(found->second);
  }
  http::Principal principal(const Browser& browser) {
    auto r = request("GET", "/device");
    r.headers.add("Cookie", std::string(sessions.cookies().session()) + "=" + sessionCookie(browser));
    auto who = sessions.authenticate(r);
    REQUIRE(who);
    return *who;
  }

  // --- steps ---------------------------------------------------------------------------------------

  http::Response askForMail(Browser& browser, const std::string& email) {
    browse(browser, "GET", "/login");
    return browse(browser, "POST", "/login", {{"csrf", loginCsrf(browser)}, {"email", email}, {"next", "/device"}});
  }
  std::string mailedCode() const {
    std::smatch match;
    REQUIRE_FALSE(mailer.sent.empty());
    REQUIRE(std::regex_search(mailer.sent.back().text, match, std::regex("Your code:  ([A-Z]{4}-[A-Z]{4})")));
    return match[1];
  }
  std::string mailedToken() const {
    std::smatch match;
    REQUIRE_FALSE(mailer.sent.empty());
    REQUIRE(std::regex_search(mailer.sent.back().text, match, std::regex("token=([A-Za-z0-9_-]+)")));
    return match[1];
  }
  http::Response enterCode(Browser& browser, const std::string& code) {
    return browse(browser, "POST", "/login/code", {{"csrf", loginCsrf(browser)}, {"code", code}, {"next", "/device"}});
  }
  http::Response followLink(Browser& browser, const std::string& token) {
    return browse(browser, "POST", "/login/link", {{"csrf", loginCsrf(browser)}, {"token", token}});
  }
  Browser signedIn(const std::string& email) {
    Browser browser;
    askForMail(browser, email);
    const auto done = enterCode(browser, mailedCode());
    REQUIRE(done.status == 303);
    return browser;
  }

  Json authorizeDevice(const std::string& hostname = "laptop") {
    const auto response = route(request("POST", "/oauth/device_authorization", encode({{"client_id", "ccp-cli"}, {"hostname", hostname}})));
    REQUIRE(response.status == 200);
    return *parseJson(response.body);
  }
  std::string proof(const crypto::SigningKey& key, const std::string& url = "https://ccp.test/oauth/token") {
    return crypto::makeDpopProof(key, "POST", url, newToken(random), clock.now());
  }
  http::Response tokenWith(const Form& form, const std::string& dpop) {
    auto r = request("POST", "/oauth/token", encode(form));
    if (!dpop.empty()) r.headers.add("DPoP", dpop);
    return route(r);
  }
  http::Response poll(const Json& device, const crypto::SigningKey& key) {
    return tokenWith({{"grant_type", std::string(identity::kGrantDevice)}, {"device_code", device.strOr("device_code")}, {"client_id", "ccp-cli"}}, proof(key));
  }
  http::Response poll(const Json& device) { return poll(device, device_key); }
  http::Response refresh(const std::string& token, const crypto::SigningKey& key) {
    return tokenWith({{"grant_type", "refresh_token"}, {"refresh_token", token}, {"client_id", "ccp-cli"}}, proof(key));
  }
  http::Response decide(Browser& browser, const Json& device, const std::string& decision, Form more = {}) {
    Form form{{"csrf", csrf(browser)}, {"user_code", device.strOr("user_code")}, {"decision", decision}, {"org", principal(browser).org}};
    form.insert(form.end(), more.begin(), more.end());
    return browse(browser, "POST", "/device", form);
  }
  /// The whole flow; the token answer.
  Json connect(Browser& browser, const crypto::SigningKey& key, const std::string& hostname = "laptop") {
    const auto device = authorizeDevice(hostname);
    REQUIRE(decide(browser, device, "approve").status == 200);
    const auto response = poll(device, key);
    CAPTURE(response.body);
    REQUIRE(response.status == 200);
    return *parseJson(response.body);
  }
  /// A call of the API by a person's device: the browser's person with every scope.
  http::Response api(const http::Principal& who, const std::string& method, const std::string& target, const Json& body = {}) {
    auto r = request(method, target, body.isNull() ? std::string() : body.dump());
    r.headers.set("Content-Type", "application/json");
    r.principal = who;
    return route(r);
  }
  http::Principal device(const Browser& browser) {
    auto out = principal(browser);
    out.kind = http::PrincipalKind::access_token;
    out.scopes = identity::splitScope(identity::kAllScopes);
    return out;
  }
  static std::string errorOf(const http::Response& response) { return parseJson(response.body)->strOr("error"); }
  static std::string codeOf(const http::Response& response) { return parseJson(response.body)->strOr("code"); }
  /// Rows that match, for tables that no service counts.
  std::int64_t count(const std::string& from_where) {
    auto n = db.read(db::Scope::system(), [&](db::Tx& tx) -> Result<std::int64_t> {
      return std::get<0>(*tx.one<std::int64_t>("select cast(count(*) as bigint) from " + from_where));
    });
    REQUIRE(n);
    return *n;
  }
  template <class F>
  auto inSystem(F&& fn) {
    return db.write(db::Scope::system(), std::forward<F>(fn));
  }

  FakeClock& clock;
  Random& random;
  db::Db& db;
  config::Settings settings;
  FakeLicensing licensing;
  FakeMailer mailer;
  std::shared_ptr<DeviceFlow> flow;
  StoredDirectory directory;
  identity::StoredReplayGuard replays;
  identity::Sessions sessions;
  identity::ApiKeys keys;
  identity::LoginService login;
  identity::DeviceGrants grants;
  identity::Devices devices;
  identity::TokenService tokens;
  identity::Seats seats;
  identity::Members members;
  http::Router router;
  crypto::SigningKey device_key;
};

}  // namespace ccp::test
