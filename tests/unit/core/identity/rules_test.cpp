#include "core/identity/rules.hpp"

#include <doctest/doctest.h>

using namespace ccp;
using namespace ccp::identity;

namespace {
const Timestamp kNow = fromUnixSeconds(1'800'000'000);
}

TEST_CASE("an e-mail address is trimmed, lowered, and refused when it could forge a header") {
  struct Row {
    const char* text;
    const char* normal;  // nullptr: refused
  };
  for (const Row& row : {Row{"Anna@Acme.DEV", "anna@acme.dev"}, Row{"  a.b+c@x-y.io\r\n", "a.b+c@x-y.io"}, Row{"demo@localhost", "demo@localhost"},
                         Row{"", nullptr}, Row{"anna", nullptr}, Row{"@acme.dev", nullptr}, Row{"anna@", nullptr}, Row{"a@b@c", nullptr},
                         Row{"a b@c.d", nullptr}, Row{"a@c.d\nBcc: x@y.z", nullptr}, Row{"a..b@c.d", nullptr}, Row{".a@c.d", nullptr},
                         Row{"a@.c", nullptr}, Row{"a@c.", nullptr}, Row{"\"x\"@c.d", nullptr}, Row{"a@b,c@d", nullptr}, Row{"\xC3\xA4@c.d", nullptr},
                         Row{"a@c_d.e", nullptr}}) {
    CAPTURE(row.text);
    const auto got = normalizeEmail(row.text);
    CHECK(got.has_value() == (row.normal != nullptr));
    if (got && row.normal) CHECK(*got == row.normal);
  }
  CHECK_FALSE(normalizeEmail(std::string(65, 'a') + "@x.io"));
  CHECK_FALSE(normalizeEmail("a@" + std::string(253, 'b')));
}

TEST_CASE("a typed code is compared without case, dashes and spaces") {
  CHECK(normalizeCode("wdjb-mjht") == "WDJBMJHT");
  CHECK(normalizeCode(" WDJB MJHT\n") == "WDJBMJHT");
  CHECK(normalizeCode("WDJBMJHT") == "WDJBMJHT");
  for (const char* bad : {"", "WDJB-MJH", "WDJB-MJHTT", "ADJB-MJHT", "WDJB-MJH0", "WDJB-MJH\xC3\x9F"}) {
    CAPTURE(bad);
    CHECK(normalizeCode(bad).empty());
  }
  CHECK(normalizeCode(std::string(65, '-') + "WDJBMJHT").empty());
  CHECK(showCode("WDJBMJHT") == "WDJB-MJHT");
}

TEST_CASE("roles allow what the table says") {
  struct Row {
    const char* role;
    bool devices_of_others, seats, keys, pay, approve, read;
  };
  for (const Row& row : {Row{"owner", true, true, true, true, true, true}, Row{"admin", true, true, true, true, true, true},
                         Row{"member", false, false, false, false, true, true}, Row{"viewer", false, false, false, false, false, true},
                         Row{"", false, false, false, false, false, false}, Row{"Owner", false, false, false, false, false, false}}) {
    CAPTURE(row.role);
    CHECK(roleAllows(row.role, Action::manage_devices_of_others) == row.devices_of_others);
    CHECK(roleAllows(row.role, Action::manage_seats) == row.seats);
    CHECK(roleAllows(row.role, Action::manage_api_keys) == row.keys);
    CHECK(roleAllows(row.role, Action::pay) == row.pay);
    CHECK(roleAllows(row.role, Action::approve_device) == row.approve);
    CHECK(roleAllows(row.role, Action::read) == row.read);
  }
}

TEST_CASE("closed sign-up admits known and invited people only") {
  CHECK(admit(true, false, false) == Admission::admitted);
  CHECK(admit(false, true, false) == Admission::admitted);
  CHECK(admit(false, false, true) == Admission::admitted);
  CHECK(admit(false, false, false) == Admission::refused);
}

TEST_CASE("a sign-in code counts once, in time, in its browser, before five wrong ones") {
  const LoginRequestFacts good{kNow + minutes(15), false, true, 0};
  CHECK(loginAcceptable(good, kNow));
  CHECK(loginAcceptable(good, kNow + minutes(15) - Duration(1)));
  CHECK_FALSE(loginAcceptable(good, kNow + minutes(15)));
  auto used = good;
  used.consumed = true;
  CHECK_FALSE(loginAcceptable(used, kNow));
  auto elsewhere = good;
  elsewhere.same_browser = false;
  CHECK_FALSE(loginAcceptable(elsewhere, kNow));
  auto guessed = good;
  guessed.wrong_attempts = 4;
  CHECK(loginAcceptable(guessed, kNow));
  guessed.wrong_attempts = 5;
  CHECK_FALSE(loginAcceptable(guessed, kNow));
}

TEST_CASE("a session ends after 12 idle hours and after 30 days") {
  CHECK(sessionAlive(kNow, kNow, kNow + hours(12) - Duration(1)));
  CHECK_FALSE(sessionAlive(kNow, kNow, kNow + hours(12)));
  CHECK(sessionAlive(kNow, kNow + hours(24 * 30 - 1), kNow + hours(24 * 30) - Duration(1)));
  CHECK_FALSE(sessionAlive(kNow, kNow + hours(24 * 30 - 1), kNow + hours(24 * 30)));
}

TEST_CASE("after log-in a browser goes to a path of this site only") {
  CHECK(safeNext("/device?user_code=WDJB-MJHT") == "/device?user_code=WDJB-MJHT");
  for (const char* bad : {"", "https://evil.example", "//evil.example", "/\\evil.example", "device", "/a b", "/a\r\nSet-Cookie: x=y", "javascript:alert(1)"}) {
    CAPTURE(bad);
    CHECK(safeNext(bad) == "/dashboard");
  }
  CHECK(safeNext("/" + std::string(600, 'a')) == "/dashboard");
}

TEST_CASE("scopes are granted in one order, all of them when none is named") {
  CHECK(*grantScope("", kAllScopes) == kAllScopes);
  CHECK(*grantScope("dash  license dash", kAllScopes) == "license dash");
  CHECK_FALSE(grantScope("license admin", kAllScopes));
  CHECK_FALSE(grantScope("usage", "license"));
  CHECK(findClient("ccp-cli"));
  CHECK_FALSE(findClient("evil"));
  CHECK_FALSE(findClient(""));
}

TEST_CASE("a poll is approved only when the plugin says done and a person approved in time") {
  const auto end = kNow + minutes(15);
  struct Row {
    const char* status;
    const char* decision;
    Duration at;
    DeviceDecision expected;
  };
  for (const Row& row : {Row{"pending", "", seconds(5), DeviceDecision::pending}, Row{"slow_down", "", seconds(1), DeviceDecision::slow_down},
                         Row{"done", "approved", seconds(5), DeviceDecision::approved}, Row{"done", "", seconds(5), DeviceDecision::invalid},
                         Row{"done", "denied", seconds(5), DeviceDecision::invalid}, Row{"denied", "denied", seconds(5), DeviceDecision::denied},
                         Row{"expired", "", seconds(5), DeviceDecision::expired}, Row{"done", "approved", minutes(15), DeviceDecision::expired},
                         Row{"pending", "", minutes(15), DeviceDecision::expired}, Row{"yes", "approved", seconds(5), DeviceDecision::invalid}}) {
    CAPTURE(row.status);
    CAPTURE(row.decision);
    CHECK(judgePoll(row.status, row.decision, end, kNow + row.at) == row.expected);
  }
}

TEST_CASE("a refresh token rotates, forgives a lost answer, and takes the log-in with it when it comes back") {
  const RefreshFacts good{"active", kNow + hours(1), {}, true, true, true};
  CHECK(judgeRefresh(good, kNow) == RefreshDecision::rotate);
  CHECK(judgeRefresh(good, kNow + hours(1)) == RefreshDecision::refuse);

  const auto with = [&](auto change) {
    auto facts = good;
    change(facts);
    return facts;
  };
  CHECK(judgeRefresh(with([](auto& f) { f.same_key = false; }), kNow) == RefreshDecision::refuse);
  CHECK(judgeRefresh(with([](auto& f) { f.same_client = false; }), kNow) == RefreshDecision::refuse);
  CHECK(judgeRefresh(with([](auto& f) { f.device_active = false; }), kNow) == RefreshDecision::refuse);
  CHECK(judgeRefresh(with([](auto& f) { f.state = "revoked"; }), kNow) == RefreshDecision::refuse);
  CHECK(judgeRefresh(with([](auto& f) { f.state = "else"; }), kNow) == RefreshDecision::refuse);

  const auto rotated = with([](auto& f) { f.state = "rotated", f.rotated_at = kNow; });
  CHECK(judgeRefresh(rotated, kNow + seconds(59)) == RefreshDecision::repeat);
  CHECK(judgeRefresh(rotated, kNow + seconds(60)) == RefreshDecision::revoke_grant);
  auto stolen = rotated;
  stolen.same_key = false;
  CHECK(judgeRefresh(stolen, kNow + seconds(1)) == RefreshDecision::revoke_grant);
}

TEST_CASE("names for people lose control characters and are cut between characters") {
  CHECK(displayText("box\n\x1b[31m", 40) == "box[31m");
  CHECK(displayText("\xC3\xA4\xC3\xA4", 3) == "\xC3\xA4");
  CHECK(displayText("\xFF", 10).empty());
}
