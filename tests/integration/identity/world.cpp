#include "tests/integration/identity/world.hpp"

namespace ccp::test {

Result<FakeLicensing::AccessToken> FakeLicensing::issueAccessToken(db::Tx&, const Grant& grant) {
  last = grant;
  return AccessToken{"access-" + std::to_string(++issued), 900};
}

Result<identity::PackAssertion> FakeLicensing::verifyPack(db::Tx&, std::string_view pack) {
  const auto found = packs.find(std::string(pack));
  if (found == packs.end()) return fail(Errc::token_invalid, "This is no pack.");
  return found->second;
}

Status FakeMailer::send(const net::Mail& mail) {
  if (broken) return fail(Errc::unavailable, "no mail today");
  sent.push_back(mail);
  return {};
}

Json DeviceFlow::toJson(const deviceflow::PollState& s) {
  return Json::object({{"expires_at_us", s.expires_at_us}, {"interval_s", s.interval_s}, {"last_poll_us", s.last_poll_us}});
}

Result<plugin::DeviceBegin> DeviceFlow::beginDevice(const plugin::CallContext&, const std::string&, const std::string&) {
  std::string letters;
  while (letters.size() < deviceflow::kUserCodeLetters) letters = deviceflow::lettersFrom(textOf(random.bytes(64)));
  plugin::DeviceBegin out;
  out.user_code = forced_user_code.empty() ? deviceflow::displayForm(letters) : forced_user_code;
  out.device_code = hexEncode(random.bytes(32));
  out.state = toJson({toMicros(clock.now()) + 900'000'000, 5, 0});
  return out;
}

Result<plugin::DevicePoll> DeviceFlow::pollDevice(const plugin::CallContext&, const Json& state, const std::string& decision, std::int64_t now_us) {
  const auto answer = deviceflow::decidePoll({state.intOr("expires_at_us"), state.intOr("interval_s"), state.intOr("last_poll_us")}, decision, now_us);
  return plugin::DevicePoll{forced_status.empty() ? std::string(answer.status) : forced_status, answer.state.interval_s, toJson(answer.state)};
}

Result<std::shared_ptr<plugin::IdentityProvider>> DeviceFlow::ofKind(const std::string& kind) {
  if (missing || kind != "device") return fail(Errc::plugin_unavailable, "No identity plugin of this kind is configured.");
  return std::static_pointer_cast<plugin::IdentityProvider>(shared_from_this());
}

World::World(TempDb& env, db::Db& database, std::string signup, config::Mode mode, std::string url)
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

World::~World() = default;

config::Settings World::makeSettings(std::string signup, config::Mode mode, std::string url) {
  config::Settings out;
  out.mode = mode;
  out.signup = std::move(signup);
  out.server.public_url = std::move(url);
  return out;
}

std::string World::encode(const Form& form) {
  std::string out;
  for (const auto& [name, value] : form) out += (out.empty() ? "" : "&") + urlEncode(name) + "=" + urlEncode(value);
  return out;
}

http::Request World::request(const std::string& method, const std::string& target, const std::string& body) {
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

http::Response World::route(http::Request request) {
  const auto match = router.match(request.method, request.path);
  REQUIRE(match.route != nullptr);
  request.path_params = match.params;
  auto response = match.route->handler(request);
  return response ? std::move(*response) : http::Response::problem(response.error(), request.request_id);
}

http::Response World::browse(Browser& browser, const std::string& method, const std::string& target, const Form& form) {
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

std::string World::sessionCookie(const Browser& browser) const {
  const auto found = browser.cookies.find(std::string(sessions.cookies().session()));
  return found == browser.cookies.end() ? std::string() : found->second;
}

std::string World::loginCsrf(const Browser& browser) const {
  const auto found = browser.cookies.find(std::string(sessions.cookies().browser()));
  return found == browser.cookies.end() ? std::string() : http::csrfToken(found->second);
}

http::Principal World::principal(const Browser& browser) {
  auto r = request("GET", "/device");
  r.headers.add("Cookie", std::string(sessions.cookies().session()) + "=" + sessionCookie(browser));
  auto who = sessions.authenticate(r);
  REQUIRE(who);
  return *who;
}

http::Response World::askForMail(Browser& browser, const std::string& email) {
  browse(browser, "GET", "/login");
  return browse(browser, "POST", "/login", {{"csrf", loginCsrf(browser)}, {"email", email}, {"next", "/device"}});
}

std::string World::mailedCode() const {
  const auto code = mailed("Your code:  ", "ABCDEFGHIJKLMNOPQRSTUVWXYZ-");
  REQUIRE(code.size() == 9);  // ABCD-EFGH
  REQUIRE(code.find('-') == 4);
  return code;
}

std::string World::mailedToken() const {
  return mailed("token=", "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-");
}

std::string World::mailed(const std::string& label, const char* letters) const {
  REQUIRE_FALSE(mailer.sent.empty());
  const auto& text = mailer.sent.back().text;
  const auto at = text.find(label);
  REQUIRE(at != std::string::npos);
  const auto from = at + label.size();
  const auto out = text.substr(from, text.find_first_not_of(letters, from) - from);
  REQUIRE_FALSE(out.empty());
  return out;
}

http::Response World::enterCode(Browser& browser, const std::string& code) {
  return browse(browser, "POST", "/login/code", {{"csrf", loginCsrf(browser)}, {"code", code}, {"next", "/device"}});
}

http::Response World::followLink(Browser& browser, const std::string& token) {
  return browse(browser, "POST", "/login/link", {{"csrf", loginCsrf(browser)}, {"token", token}});
}

Browser World::signedIn(const std::string& email) {
  Browser browser;
  askForMail(browser, email);
  const auto done = enterCode(browser, mailedCode());
  REQUIRE(done.status == 303);
  return browser;
}

Json World::authorizeDevice(const std::string& hostname) {
  const auto response = route(request("POST", "/oauth/device_authorization", encode({{"client_id", "ccp-cli"}, {"hostname", hostname}})));
  REQUIRE(response.status == 200);
  return *parseJson(response.body);
}

std::string World::proof(const crypto::SigningKey& key, const std::string& url) {
  return crypto::makeDpopProof(key, "POST", url, newToken(random), clock.now());
}

http::Response World::tokenWith(const Form& form, const std::string& dpop) {
  auto r = request("POST", "/oauth/token", encode(form));
  if (!dpop.empty()) r.headers.add("DPoP", dpop);
  return route(r);
}

http::Response World::poll(const Json& device, const crypto::SigningKey& key) {
  return tokenWith({{"grant_type", std::string(identity::kGrantDevice)}, {"device_code", device.strOr("device_code")}, {"client_id", "ccp-cli"}}, proof(key));
}

http::Response World::refresh(const std::string& token, const crypto::SigningKey& key) {
  return tokenWith({{"grant_type", "refresh_token"}, {"refresh_token", token}, {"client_id", "ccp-cli"}}, proof(key));
}

http::Response World::decide(Browser& browser, const Json& device, const std::string& decision, Form more) {
  Form form{{"csrf", csrf(browser)}, {"user_code", device.strOr("user_code")}, {"decision", decision}, {"org", principal(browser).org}};
  form.insert(form.end(), more.begin(), more.end());
  return browse(browser, "POST", "/device", form);
}

Json World::connect(Browser& browser, const crypto::SigningKey& key, const std::string& hostname) {
  const auto device = authorizeDevice(hostname);
  REQUIRE(decide(browser, device, "approve").status == 200);
  const auto response = poll(device, key);
  CAPTURE(response.body);
  REQUIRE(response.status == 200);
  return *parseJson(response.body);
}

http::Response World::api(const http::Principal& who, const std::string& method, const std::string& target, const Json& body) {
  auto r = request(method, target, body.isNull() ? std::string() : body.dump());
  r.headers.set("Content-Type", "application/json");
  r.principal = who;
  return route(r);
}

http::Principal World::device(const Browser& browser) {
  auto out = principal(browser);
  out.kind = http::PrincipalKind::access_token;
  out.scopes = identity::splitScope(identity::kAllScopes);
  return out;
}

std::int64_t World::count(const std::string& from_where) {
  auto n = db.read(db::Scope::system(), [&](db::Tx& tx) -> Result<std::int64_t> {
    return std::get<0>(*tx.one<std::int64_t>("select cast(count(*) as bigint) from " + from_where));
  });
  REQUIRE(n);
  return *n;
}

}  // namespace ccp::test
