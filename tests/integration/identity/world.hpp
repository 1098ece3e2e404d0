// Identity with everything around it faked but the store: licensing's ports, mail, time; the device
// flow's state machine is the real plugin's. Requests go through the router to the real handlers.
#pragma once

#include <doctest/doctest.h>

#include <map>
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
  Result<AccessToken> issueAccessToken(db::Tx&, const Grant& grant) override;
  void orgCreated(db::Tx&, const std::string& org) override { orgs.push_back(org); }
  void sidRevoked(db::Tx&, const std::string&, const std::string& sid) override { revoked.push_back(sid); }
  Result<identity::PackAssertion> verifyPack(db::Tx&, std::string_view pack) override;
};

struct FakeMailer : net::Mailer {
  std::vector<net::Mail> sent;
  bool broken = false;
  Status send(const net::Mail& mail) override;
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
  static Json toJson(const deviceflow::PollState& s);
  Result<plugin::DeviceBegin> beginDevice(const plugin::CallContext&, const std::string&, const std::string&) override;
  Result<plugin::DevicePoll> pollDevice(const plugin::CallContext&, const Json& state, const std::string& decision, std::int64_t now_us) override;
  Result<std::shared_ptr<plugin::IdentityProvider>> ofKind(const std::string& kind) override;
};

using Form = std::vector<std::pair<std::string, std::string>>;

/// A browser: its cookies and address.
struct Browser {
  std::string address = "198.51.100.7";
  std::map<std::string, std::string> cookies;
};

struct World {
  World(TempDb& env, db::Db& database, std::string signup = "open", config::Mode mode = config::Mode::dev, std::string url = "https://ccp.test");
  ~World();
  static config::Settings makeSettings(std::string signup, config::Mode mode, std::string url);

  // --- requests ------------------------------------------------------------------------------------

  static std::string encode(const Form& form);
  http::Request request(const std::string& method, const std::string& target, const std::string& body = {});
  /// Finds the route and calls its handler; an Error becomes its problem document, as the server does.
  http::Response route(http::Request request);
  /// By a browser: cookies go and come, a session is demanded where the route says so.
  http::Response browse(Browser& browser, const std::string& method, const std::string& target, const Form& form = {});
  std::string sessionCookie(const Browser& browser) const;
  std::string csrf(const Browser& browser) const { return http::csrfToken(sessionCookie(browser)); }
  std::string loginCsrf(const Browser& browser) const;
  http::Principal principal(const Browser& browser);

  // --- steps ---------------------------------------------------------------------------------------

  http::Response askForMail(Browser& browser, const std::string& email);
  std::string mailedCode() const;
  std::string mailedToken() const;
  /// What stands behind `label` in the last mail, as long as it is made of `letters`.
  std::string mailed(const std::string& label, const char* letters) const;
  http::Response enterCode(Browser& browser, const std::string& code);
  http::Response followLink(Browser& browser, const std::string& token);
  Browser signedIn(const std::string& email);

  Json authorizeDevice(const std::string& hostname = "laptop");
  std::string proof(const crypto::SigningKey& key, const std::string& url = "https://ccp.test/oauth/token");
  http::Response tokenWith(const Form& form, const std::string& dpop);
  http::Response poll(const Json& device, const crypto::SigningKey& key);
  http::Response poll(const Json& device) { return poll(device, device_key); }
  http::Response refresh(const std::string& token, const crypto::SigningKey& key);
  http::Response decide(Browser& browser, const Json& device, const std::string& decision, Form more = {});
  /// The whole flow; the token answer.
  Json connect(Browser& browser, const crypto::SigningKey& key, const std::string& hostname = "laptop");
  /// A call of the API by a person's device: the browser's person with every scope.
  http::Response api(const http::Principal& who, const std::string& method, const std::string& target, const Json& body = {});
  http::Principal device(const Browser& browser);
  static std::string errorOf(const http::Response& response) { return parseJson(response.body)->strOr("error"); }
  static std::string codeOf(const http::Response& response) { return parseJson(response.body)->strOr("code"); }
  /// Rows that match, for tables that no service counts.
  std::int64_t count(const std::string& from_where);
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
