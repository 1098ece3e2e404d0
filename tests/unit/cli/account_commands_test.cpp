// ccp login, status, doctor: the device flow and offline verification against a vendor made of real
// keys.
#include <doctest/doctest.h>
#include <sys/stat.h>

#include "cli/support/wait.hpp"
#include "core/crypto/dpop.hpp"
#include "core/crypto/keyring.hpp"
#include "tests/unit/cli/support.hpp"

namespace ccp::cli {
namespace {

using namespace test;

constexpr const char* kUrl = "http://127.0.0.1:1";

/// A server with a root key, a signing key and a clock: what it answers is what ccpd answers.
struct Vendor {
  explicit Vendor(Person& who) : person(who), before(waiter()) {
    waiter() = [this](Duration d) {
      waits.push_back(d);
      person.clock.advance(d);
    };
    person.http.handler = [this](const net::HttpRequest& request) { return answer(request); };
  }
  ~Vendor() { waiter() = before; }
  Vendor(const Vendor&) = delete;
  Vendor& operator=(const Vendor&) = delete;

  Person& person;
  std::function<void(Duration)> before;
  SeededRandom random{7};
  crypto::SigningKey root = crypto::SigningKey::generate(random),
                     signer = crypto::SigningKey::generate(random),
                     stranger = crypto::SigningKey::generate(random);
  std::vector<Duration> waits;
  std::vector<std::string> polls =
      {};  ///< answers before success: an OAuth error, or "gone" for a broken connection
  std::int64_t ring_version = 1;
  bool foreign_signature = false;
  std::string jkt = {};

  Result<net::HttpResponse> answer(const net::HttpRequest& request) {
    const auto path = request.url.substr(std::string(kUrl).size());
    if (path == "/.well-known/oauth-authorization-server") {
      return FakeHttp::json(200,
                            Json::object({{"issuer", kUrl},
                                          {"device_authorization_endpoint",
                                           kUrl + std::string("/oauth/device_authorization")},
                                          {"token_endpoint", kUrl + std::string("/oauth/token")}}));
    }
    if (path == "/.well-known/ccp-configuration") {
      return FakeHttp::json(200,
                            Json::object({{"issuer", kUrl},
                                          {"product", Json::object({{"id", "acme"}})},
                                          {"root_keys", Json::array({root.publicKey().jwk()})}}));
    }
    if (path == "/oauth/device_authorization") {
      return FakeHttp::json(
          200,
          *parseJson(
              R"({"device_code":"dc","user_code":"WDJB-MJHT","verification_uri":"http://127.0.0.1:1/device",
        "verification_uri_complete":"http://127.0.0.1:1/device?user_code=WDJB-MJHT","expires_in":900,"interval":5})"));
    }
    if (path == "/oauth/token") return token(request);
    if (path == "/v1/license/status") {
      return FakeHttp::json(
          200,
          *parseJson(
              R"({"org":{"id":"org_1","name":"Acme"},"user":{"id":"usr_1","email":"ada@acme.dev"},"role":"owner",
        "device":{"id":"dev_1","hostname":"vm"},"license":{"state":"active","plan":"solo","plan_title":"Solo","features":["dashboards"],"limits":{"seats":1}}})"));
    }
    if (path == "/v1/license/issue" || path == "/v1/license/refresh") return pack();
    return FakeHttp::json(404, *parseJson(R"({"code":"not_found"})"));
  }

  Result<net::HttpResponse> token(const net::HttpRequest& request) {
    if (!polls.empty()) {
      const auto next = polls.front();
      polls.erase(polls.begin());
      if (next == "gone") return fail(Errc::unreachable, "connection reset");
      return FakeHttp::json(400, Json::object({{"error", next}}));
    }
    crypto::DpopExpectation expected;
    expected.method = "POST";
    expected.url = kUrl + std::string("/oauth/token");
    expected.now = person.clock.now();
    const auto proof = crypto::verifyDpopProof(headerOf(request, "DPoP"), expected);
    REQUIRE(proof.has_value());
    jkt = proof->jkt;
    return FakeHttp::json(
        200,
        *parseJson(
            R"({"access_token":"a","token_type":"DPoP","expires_in":900,"refresh_token":"r","scope":"license"})"));
  }

  std::string ring() const {
    crypto::KeyRing out;
    out.iss = kUrl;
    out.version = ring_version;
    out.issued_at = person.clock.now();
    out.expires_at = person.clock.now() + hours(24 * 7);
    out.keys.push_back({signer.publicKey().thumbprint(), crypto::KeyUse::pack,
                        crypto::KeyState::active, signer.publicKey(), person.clock.now()});
    return crypto::signKeyRing(out, root);
  }

  net::HttpResponse pack() const {
    crypto::PackClaims claims;
    claims.iss = kUrl;
    claims.aud = "acme";
    claims.sub = "seat_1";
    claims.jti = "jti_1";
    claims.org = "org_1";
    claims.license = "lic_1";
    claims.sid = "ses_1";
    claims.plan = "solo";
    claims.privacy = "minimized";
    claims.jkt = jkt;
    claims.version = 1;
    claims.seats = 1;
    claims.grace_s = 72 * 3600;
    claims.issued_at = claims.not_before = person.clock.now();
    claims.expires_at = person.clock.now() + hours(24 * 7);
    claims.features = {"dashboards"};
    const auto jws = crypto::signJws(foreign_signature ? stranger : signer, crypto::kTypLicensePack,
                                     claims.json());
    return FakeHttp::json(
        200, Json::object({{"pack", jws},
                           {"keyring", parseJson(ring()).value()},
                           {"expires_at", formatRfc3339(claims.expires_at)},
                           {"refresh_after_at", formatRfc3339(claims.issued_at + hours(84))}}));
  }
};

Ran login(Person& person) {
  return person.ccp({"login", "--server", kUrl, "--json", "--no-browser"});
}

mode_t modeOf(const std::string& path) {
  struct stat info {};
  return ::stat(path.c_str(), &info) == 0 ? info.st_mode & 0777 : 0;
}

}  // namespace

TEST_CASE("login shows the code first, then stores private files and a pack that verifies") {
  Person person;
  Vendor vendor(person);
  vendor.polls = {"authorization_pending"};
  const auto ran = login(person);
  INFO(ran.out);
  REQUIRE(ran.code == 0);
  CHECK(ran.out.find("WDJB-MJHT") < ran.out.find("ada@acme.dev"));
  CHECK(modeOf(person.home / "ccp") == 0700);
  for (const char* file :
       {"ccp/device.key", "ccp/session.json", "ccp/license.pack", "ccp/keyring.json"}) {
    CAPTURE(file);
    CHECK(modeOf(person.home / file) == 0600);
  }
  person.http.handler = nullptr;  // the server is gone
  CHECK(person.ccp({"status", "--offline", "--json"}).json()["license"].strOr("plan") == "solo");
  CHECK(person.ccp({"status", "--json"}).code == 0);
}

TEST_CASE("polling honours slow_down for good, and comes back after a broken connection") {
  Person person;
  Vendor vendor(person);
  vendor.polls = {"authorization_pending", "slow_down", "authorization_pending", "gone"};
  REQUIRE(login(person).code == 0);
  REQUIRE(vendor.waits.size() >= 5);
  CHECK(vendor.waits[0] == seconds(5));
  CHECK(vendor.waits[1] == seconds(5));
  CHECK(vendor.waits[2] == seconds(10));
  CHECK(vendor.waits[3] == seconds(10));
  CHECK(vendor.waits[4] > seconds(10));
}

TEST_CASE("a denied or expired code leaves nobody logged in") {
  for (const auto& [bound_word, exit] : {std::pair{"access_denied", 7}, std::pair{"expired_token", 6}}) {
    const auto& word = bound_word;  // clang 14 cannot capture a structured binding
    Person person;
    Vendor vendor(person);
    vendor.polls = {word};
    CAPTURE(word);
    const auto ran = login(person);
    CHECK(ran.code != 0);
    if (exit == 7) CHECK(ran.code == 7);
    CHECK(person.ccp({"whoami"}).code == 6);
  }
}

TEST_CASE("the device key stays the same over logins") {
  Person person;
  Vendor vendor(person);
  REQUIRE(login(person).code == 0);
  const auto first = vendor.jkt;
  REQUIRE(person.ccp({"logout"}).code == 0);
  REQUIRE(login(person).code == 0);
  CHECK(vendor.jkt == first);
}

TEST_CASE("a server that shows another root key than the pinned one is not trusted") {
  Person person;
  Vendor vendor(person);
  REQUIRE(login(person).code == 0);
  vendor.root = crypto::SigningKey::generate(vendor.random);
  const auto ran = login(person);
  CHECK(ran.code == 3);
  CHECK(ran.out.find("key_unknown") != std::string::npos);
}

TEST_CASE("a pack by an unknown key and a rolled-back key ring change nothing") {
  Person person;
  Vendor vendor(person);
  vendor.ring_version = 5;
  REQUIRE(login(person).code == 0);
  person.clock.advance(hours(24 * 5));  // past half of its life: status renews it
  const auto expiry = [&person] {
    return person.ccp({"status", "--offline", "--json"}).json()["pack"].strOr("expires_at");
  };
  const auto before = expiry();
  REQUIRE_FALSE(before.empty());
  vendor.foreign_signature = true;
  CHECK(person.ccp({"status", "--json"}).code == 0);
  CHECK(expiry() == before);
  vendor.foreign_signature = false;
  vendor.ring_version = 4;
  CHECK(person.ccp({"status", "--json"}).code == 0);
  CHECK(expiry() == before);
  vendor.ring_version = 6;
  CHECK(person.ccp({"status", "--json"}).code == 0);
  CHECK(expiry() > before);
}

TEST_CASE("offline, a pack is good until its grace time is over") {
  Person person;
  Vendor vendor(person);
  REQUIRE(login(person).code == 0);
  person.http.handler = nullptr;
  person.clock.advance(hours(24 * 8));
  auto ran = person.ccp({"status", "--json"});
  CHECK(ran.code == 0);
  CHECK(ran.json()["pack"].strOr("state") == "in_grace");
  person.clock.advance(hours(24 * 3));
  ran = person.ccp({"status", "--json"});
  CHECK(ran.code == 5);
  CHECK(ran.json()["pack"].strOr("state") == "expired");
  CHECK(person.ccp({"status"}).err.find("pack_expired") != std::string::npos);
}

TEST_CASE("a changed pack is exit code 3, and doctor names it") {
  Person person;
  Vendor vendor(person);
  REQUIRE(login(person).code == 0);
  auto jws = std::string(
      std::istreambuf_iterator<char>(std::ifstream(person.home / "ccp/license.pack").rdbuf()), {});
  jws[jws.find('.') + 20] ^= 1;
  person.home.write("ccp/license.pack", jws);
  person.http.handler = nullptr;
  CHECK(person.ccp({"status", "--offline", "--json"}).code == 3);
  const auto doctor = person.ccp({"doctor", "--json"});
  CHECK(doctor.code == 1);
  CHECK(doctor.out.find("\"license pack\",\"level\":\"fail\"") != std::string::npos);
}

TEST_CASE("doctor is content after a login, and fails when others can read the device key") {
  Person person;
  Vendor vendor(person);
  REQUIRE(login(person).code == 0);
  const auto healthy = person.ccp({"doctor", "--json"});
  INFO(healthy.out);
  CHECK(healthy.code == 0);
  CHECK(healthy.json().intOr("failures", -1) == 0);
  for (const char* check : {"configuration", "device key", "server", "session", "license pack",
                            "key ring", "usage store"})
    CHECK(healthy.out.find(check) != std::string::npos);
  ::chmod((person.home / "ccp/device.key").c_str(), 0644);
  const auto ran = person.ccp({"doctor", "--json"});
  CHECK(ran.code == 1);
  CHECK(ran.out.find("chmod 600") != std::string::npos);
}

TEST_CASE("a problem's request id comes back as a field") {
  Person person;
  Vendor vendor(person);
  REQUIRE(login(person).code == 0);
  person.http.handler = [](const net::HttpRequest&) -> Result<net::HttpResponse> {
    return FakeHttp::json(
        403, *parseJson(R"({"code":"forbidden","detail":"Owners only.","request_id":"req_1"})"));
  };
  const auto ran = person.ccp({"plan", "--json"});
  CHECK(ran.code == 7);
  CHECK(ran.json()["error"].strOr("request_id") == "req_1");
  CHECK(ran.json()["error"].strOr("detail") == "Owners only.");
}

}  // namespace ccp::cli
