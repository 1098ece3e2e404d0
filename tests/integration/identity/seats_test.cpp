// Seats from invitation to the end, members and their roles, and seats beyond what is paid for.
#include <algorithm>
#include <functional>
#include <thread>

#include "core/identity/seat_rules.hpp"
#include "tests/integration/identity/world.hpp"

using namespace ccp;
using namespace ccp::test;

namespace {

Json bodyOf(const http::Response& response) {
  auto json = parseJson(response.body);
  REQUIRE(json);
  return std::move(*json);
}

struct Team : World {
  Team(TempDb& env, db::Db& database, std::int64_t seats_paid = 10, std::string signup = "closed") : World(env, database, std::move(signup)) {
    licensing.seat_limit = seats_paid;
    auto made = inSystem([&](db::Tx& tx) { return directory.createOrg(tx, "Acme", "owner@acme.dev", "operator"); });
    REQUIRE(made);
    org = made->id;
    owner_browser = signedIn("owner@acme.dev");
    owner = device(owner_browser);
  }
  http::Response invite(const http::Principal& who, const std::string& email, const std::string& github = "", const std::string& role = "member") {
    Json body = Json::object({{"role", role}});
    if (!email.empty()) body.set("email", email);
    if (!github.empty()) body.set("github", github);
    return api(who, "POST", "/v1/org/seats", body);
  }
  Browser join(const std::string& email, const std::string& role = "member") {
    const auto response = invite(owner, email, "", role);
    CAPTURE(response.body);
    REQUIRE(response.status == 201);
    clock.advance(seconds(1));
    return signedIn(email);
  }
  Json list(const http::Principal& who) { return bodyOf(api(who, "GET", "/v1/org/seats")); }
  Json seatOf(const std::string& email) {
    const auto all = list(owner);
    for (const auto& seat : all["seats"].items()) {
      if (seat.strOr("email") == email) return seat;
    }
    return {};
  }
  static std::string pathOf(const Json& invited) { return invited["link"].strOr("url").substr(std::string("https://ccp.test").size()); }
  http::Response claim(Browser& browser, const std::string& path) { return browse(browser, "POST", path, {{"csrf", csrf(browser)}}); }
  /// Signs in on the way to an invitation, as the redirect of the page does.
  Browser signedInFor(const std::string& email, const std::string& path) {
    Browser browser;
    browse(browser, "GET", "/login");
    browse(browser, "POST", "/login", {{"csrf", loginCsrf(browser)}, {"email", email}, {"next", path}});
    if (mailer.sent.empty() || mailer.sent.back().to != email) return browser;
    REQUIRE(enterCode(browser, mailedCode()).status == 303);
    return browser;
  }

  std::string org;
  Browser owner_browser;
  http::Principal owner;
};

}  // namespace

CCP_DB_TEST("an address is invited by mail, signs in on the way, and has a seat", &identity::kMigrations) {
  Team team(env, db);
  const auto invited = bodyOf(team.invite(team.owner, "Bert@acme.dev", "@BertCodes"));
  CHECK(invited["mailed"].asBool() == true);
  CHECK(invited["seat"].strOr("state") == "invited");
  CHECK(invited["seat"].strOr("email") == "bert@acme.dev");
  CHECK(invited["seat"].strOr("github") == "bertcodes");
  CHECK(team.mailer.sent.back().to == "bert@acme.dev");
  const auto path = Team::pathOf(invited);
  CHECK(team.mailer.sent.back().text.find(path) != std::string::npos);
  // The code is stored as a hash, and the answer is for nobody's cache.
  CHECK(team.count("seats where claim_hash = '" + path.substr(8) + "'") == 0);
  CHECK(team.count("seats where claim_hash is not null") == 1);

  auto bert = team.signedInFor("bert@acme.dev", path);
  const auto page = team.browse(bert, "GET", path);
  CHECK(page.status == 200);
  CHECK(page.body.find("You have joined") != std::string::npos);
  const auto seat = team.seatOf("bert@acme.dev");
  CHECK(seat.strOr("state") == "claimed");
  CHECK(seat.strOr("github") == "bertcodes");
  CHECK(team.principal(bert).org == team.org);
  const auto bert_id = team.principal(bert).user;
  REQUIRE(db.read(db::Scope::org(team.org), [&](db::Tx& tx) -> Status {
    const auto found = team.directory.seatByHandle(tx, team.org, "@BERTCODES");
    REQUIRE(found);
    CHECK(found->user == bert_id);
    CHECK_FALSE(team.directory.seatByHandle(tx, team.org, "octocat"));
    CHECK_FALSE(team.directory.seatByHandle(tx, team.org, "no handle"));
    return {};
  }));
  CHECK(team.count("audit_log where action in ('seat.invite', 'seat.claim')") == 3);  // with the owner's own
  CHECK(team.count("outbox where type in ('seat.invited', 'seat.claimed')") == 3);
}

CCP_DB_TEST("a handle is claimed by the link, once, by whoever holds it, even where sign-up is closed", &identity::kMigrations) {
  Team team(env, db);
  const auto invited = bodyOf(team.invite(team.owner, "", "octocat"));
  CHECK(invited["mailed"].asBool() == false);
  const auto path = Team::pathOf(invited);
  // Without the link the address is a stranger's; with a made-up one as well.
  team.signedInFor("cat@home.dev", "/dashboard");
  team.signedInFor("cat@home.dev", "/invite/made-up");
  CHECK(team.count("users where email = 'cat@home.dev'") == 0);

  auto cat = team.signedInFor("cat@home.dev", path);
  const auto page = team.browse(cat, "GET", path);
  CHECK(page.status == 200);
  CHECK(page.body.find("@octocat") != std::string::npos);
  CHECK(page.body.find("Acme") != std::string::npos);
  CHECK(team.count("seats where state = 'claimed'") == 1);  // a GET claims nothing

  CHECK(team.browse(cat, "POST", path, {{"csrf", "wrong"}}).status == 403);
  Browser stranger;
  CHECK(team.browse(stranger, "POST", path).status == 401);  // the pipeline sends a browser to /login
  const auto done = team.claim(cat, path);
  CHECK(done.status == 200);
  CHECK(done.body.find("You have joined") != std::string::npos);
  CHECK(team.claim(cat, path).status == 200);  // again: nothing changes
  CHECK(team.count("seats where state = 'claimed'") == 2);
  const auto seat = team.seatOf("cat@home.dev");
  CHECK(seat.strOr("github") == "octocat");
  CHECK(team.principal(cat).org == team.org);
  CHECK(team.principal(cat).role == "member");
  CHECK(team.count("orgs") == 1);  // an invited person gets no organization of their own

  auto other = team.join("other@acme.dev");
  CHECK(team.claim(other, path).status == 404);  // used
  CHECK(World::codeOf(team.invite(team.owner, "", "OctoCat")) == "already_exists");
}

CCP_DB_TEST("a link of an address is for that address, and a withdrawn, replaced or old link is for nobody", &identity::kMigrations) {
  Team team(env, db);
  auto eve = team.join("eve@acme.dev");
  const auto invited = bodyOf(team.invite(team.owner, "bert@acme.dev"));
  const auto path = Team::pathOf(invited);
  CHECK(team.claim(eve, path).status == 403);
  CHECK(team.count("seats where state = 'invited'") == 1);

  const auto handle = bodyOf(team.invite(team.owner, "", "octocat"));
  const auto id = handle["seat"].strOr("id");
  const auto again = team.api(team.owner, "POST", "/v1/org/seats/" + id + "/resend");
  REQUIRE(again.status == 200);
  Browser cat = team.signedInFor("cat@home.dev", Team::pathOf(bodyOf(again)));
  CHECK(team.claim(cat, Team::pathOf(handle)).status == 404);  // the first link ended
  team.clock.advance(identity::kInvitationLife);
  cat = team.signedInFor("cat@home.dev", "/device");
  CHECK(team.browse(cat, "GET", Team::pathOf(bodyOf(again))).status == 404);  // too old
  const auto third = bodyOf(team.api(team.device(team.owner_browser = team.signedIn("owner@acme.dev")), "POST", "/v1/org/seats/" + id + "/resend"));
  REQUIRE(team.api(team.owner, "DELETE", "/v1/org/seats/" + id).status == 204);
  CHECK(team.claim(cat, Team::pathOf(third)).status == 404);  // withdrawn
  CHECK(World::codeOf(team.api(team.owner, "POST", "/v1/org/seats/" + id + "/resend")) == "not_found");
  CHECK(World::codeOf(team.api(team.owner, "DELETE", "/v1/org/seats/" + id)) == "not_found");
  const auto own = team.seatOf("owner@acme.dev").strOr("id");
  CHECK(World::codeOf(team.api(team.owner, "POST", "/v1/org/seats/" + own + "/resend")) == "conflict");

  // Guessing ends soon.
  int limited = 0;
  for (int i = 0; i < 15; ++i) limited += team.browse(cat, "GET", "/invite/guess" + std::to_string(i)).status == 429;
  CHECK(limited > 0);
}

CCP_DB_TEST("a person who has a seat gives it the handle of the invitation", &identity::kMigrations) {
  Team team(env, db);
  auto bert = team.join("bert@acme.dev");
  const auto invited = bodyOf(team.invite(team.owner, "", "bertcodes"));
  CHECK(team.claim(bert, Team::pathOf(invited)).status == 200);
  CHECK(team.seatOf("bert@acme.dev").strOr("github") == "bertcodes");
  CHECK(team.list(team.owner)["summary"]["used"].asInt() == 2);
  CHECK(team.count("audit_log where action = 'seat.handle'") == 1);
  const auto second = bodyOf(team.invite(team.owner, "", "other"));
  CHECK(team.claim(bert, Team::pathOf(second)).status == 409);
}

CCP_DB_TEST("invitations are for owners and admins, within the plan, once for each person", &identity::kMigrations) {
  Team team(env, db, 3);
  auto bert = team.join("bert@acme.dev");
  const auto member = team.device(bert);
  for (const auto& response : {team.invite(member, "x@acme.dev"), team.api(member, "GET", "/v1/org/seats"),
                               team.api(member, "DELETE", "/v1/org/seats/" + team.seatOf("owner@acme.dev").strOr("id"))}) {
    CHECK(response.status == 403);
    CHECK(World::codeOf(response) == "forbidden");
  }
  auto key = team.owner;
  key.kind = http::PrincipalKind::api_key;
  key.user.clear();
  CHECK(World::codeOf(team.invite(key, "x@acme.dev")) == "forbidden");
  auto narrow = team.owner;
  narrow.scopes = {"usage"};
  CHECK(World::codeOf(team.invite(narrow, "x@acme.dev")) == "forbidden");

  CHECK(World::codeOf(team.invite(team.owner, "bert@acme.dev")) == "already_exists");
  CHECK(World::codeOf(team.invite(team.owner, "no address")) == "validation_failed");
  CHECK(World::codeOf(team.invite(team.owner, "", "no handle")) == "validation_failed");
  CHECK(World::codeOf(team.invite(team.owner, "")) == "validation_failed");
  CHECK(World::codeOf(team.invite(team.owner, "x@acme.dev", "", "owner")) == "validation_failed");
  CHECK(World::codeOf(team.api(team.owner, "POST", "/v1/org/seats", Json::object({{"mail", "x@acme.dev"}}))) == "validation_failed");
  CHECK(World::codeOf(team.api(team.owner, "POST", "/v1/org/seats", Json::object({{"email", 7}}))) == "validation_failed");

  CHECK(team.invite(team.owner, "carl@acme.dev").status == 201);  // the third
  const auto full = team.invite(team.owner, "dora@acme.dev");
  CHECK(full.status == 402);
  CHECK(World::codeOf(full) == "plan_required");
  CHECK(team.list(team.owner)["summary"] == Json::object({{"paid", 3}, {"used", 3}, {"free", 0}, {"over", 0}, {"viewers", 0}}));
}

CCP_DB_TEST("nobody's mailbox is filled, and nobody invites without end", &identity::kMigrations) {
  Team team(env, db, 1000);
  const auto id = bodyOf(team.invite(team.owner, "bert@acme.dev"))["seat"].strOr("id");
  http::Response last;
  for (int i = 0; i < 5; ++i) last = team.api(team.owner, "POST", "/v1/org/seats/" + id + "/resend");
  CHECK(last.status == 429);
  CHECK(last.headers.get("Retry-After") != "");
  int made = 0;
  for (int i = 0; i < 220 && made == i; ++i) made += team.invite(team.owner, "", "user" + std::to_string(i)).status == 201;
  CHECK(made < 200);
}

CCP_DB_TEST("viewers take no paid seat and get no device", &identity::kMigrations) {
  Team team(env, db, 1);
  auto vera = team.join("vera@acme.dev", "viewer");
  CHECK(team.list(team.owner)["summary"] == Json::object({{"paid", 1}, {"used", 1}, {"free", 0}, {"over", 0}, {"viewers", 1}}));
  CHECK(team.principal(vera).role == "viewer");
  CHECK(World::codeOf(team.api(team.device(vera), "GET", "/v1/org/members")) == "forbidden");
  const auto device = team.authorizeDevice();
  CHECK(team.decide(vera, device, "approve").status == 403);

  // More than a viewer needs a paid seat.
  const auto user = team.principal(vera).user;
  const auto refused = team.api(team.owner, "PATCH", "/v1/org/members/" + user, Json::object({{"role", "member"}}));
  CHECK(World::codeOf(refused) == "plan_required");
  team.licensing.seat_limit = 2;
  CHECK(team.api(team.owner, "PATCH", "/v1/org/members/" + user, Json::object({{"role", "member"}})).status == 200);
  const auto token = team.connect(vera, team.device_key).strOr("refresh_token");
  // Back to a viewer: the device goes, the seat is free again.
  CHECK(team.api(team.owner, "PATCH", "/v1/org/members/" + user, Json::object({{"role", "viewer"}})).status == 200);
  CHECK(team.licensing.revoked.size() == 1);
  CHECK(World::errorOf(team.refresh(token, team.device_key)) == "invalid_grant");
  CHECK(team.list(team.owner)["summary"]["used"].asInt() == 1);
  CHECK(team.count("outbox where type = 'member.changed'") == 2);
}

CCP_DB_TEST("members are listed, promoted, removed, and leave; an owner always remains", &identity::kMigrations) {
  Team team(env, db);
  auto adam = team.join("adam@acme.dev", "admin");
  auto bert = team.join("bert@acme.dev");
  const auto admin = team.device(adam), member = team.device(bert);
  const auto role = [&](const http::Principal& who, const std::string& user, const char* to) {
    const auto response = team.api(who, "PATCH", "/v1/org/members/" + user, Json::object({{"role", to}}));
    return response.status == 200 ? std::string("ok") : World::codeOf(response);
  };
  const auto remove = [&](const http::Principal& who, const std::string& user) {
    const auto response = team.api(who, "DELETE", "/v1/org/members/" + user);
    return response.status == 204 ? std::string("ok") : World::codeOf(response);
  };
  const auto listed = bodyOf(team.api(member, "GET", "/v1/org/members"))["members"];
  CHECK(listed.size() == 3);
  CHECK(bodyOf(team.api(member, "GET", "/v1/org/members?limit=2"))["next_cursor"].isString());
  CHECK(World::codeOf(team.api(member, "GET", "/v1/org/members?limit=0")) == "validation_failed");

  CHECK(role(member, admin.user, "viewer") == "forbidden");
  CHECK(role(admin, team.owner.user, "member") == "forbidden");
  CHECK(role(team.owner, team.owner.user, "member") == "last_owner");
  CHECK(role(team.owner, "usr_none", "member") == "not_found");
  CHECK(role(team.owner, member.user, "king") == "validation_failed");
  CHECK(role(team.owner, admin.user, "owner") == "ok");
  CHECK(role(admin, team.owner.user, "admin") == "ok");  // what counts is the role of now, not the token's
  CHECK(role(team.owner, admin.user, "member") == "forbidden");
  CHECK(remove(admin, admin.user) == "last_owner");
  CHECK(remove(member, team.owner.user) == "forbidden");
  CHECK(remove(member, member.user) == "ok");  // leaves
  CHECK(remove(admin, member.user) == "not_found");
  CHECK(team.principal(bert).org.empty());
  CHECK(team.count("outbox where type = 'member.removed'") == 1);
  CHECK(team.count("audit_log where action = 'member.remove'") == 1);
  CHECK(team.list(admin)["summary"]["used"].asInt() == 2);
}

CCP_DB_TEST("things of another organization are not there", &identity::kMigrations) {
  Team team(env, db);
  auto bert = team.join("bert@acme.dev");
  auto made = team.inSystem([&](db::Tx& tx) { return team.directory.createOrg(tx, "Evil", "eve@evil.dev", "operator"); });
  REQUIRE(made);
  auto eve = team.signedIn("eve@evil.dev");
  const auto other = team.device(eve);
  REQUIRE(other.org == made->id);
  const auto seat = team.seatOf("bert@acme.dev").strOr("id");
  CHECK(World::codeOf(team.api(other, "DELETE", "/v1/org/seats/" + seat)) == "not_found");
  CHECK(World::codeOf(team.api(other, "POST", "/v1/org/seats/" + seat + "/resend")) == "not_found");
  CHECK(World::codeOf(team.api(other, "DELETE", "/v1/org/members/" + team.principal(bert).user)) == "not_found");
  CHECK(World::codeOf(team.api(other, "PATCH", "/v1/org/members/" + team.principal(bert).user, Json::object({{"role", "viewer"}}))) == "not_found");
  CHECK(team.list(other)["seats"].size() == 1);
  CHECK(bodyOf(team.api(other, "GET", "/v1/org/members"))["members"].size() == 1);
  // The same handle and address may have a seat in each.
  CHECK(team.invite(team.owner, "x@y.dev", "octocat").status == 201);
  CHECK(team.invite(other, "x@y.dev", "octocat").status == 201);
  // The second wall: rows of another organization are not there even for SQL that forgets to ask.
  if (db.dialect() == db::Dialect::postgresql) {
    REQUIRE(db.read(db::Scope::org(other.org), [&](db::Tx& tx) -> Status {
      CHECK(std::get<0>(*tx.one<std::int64_t>("select cast(count(*) as bigint) from seats")) == 2);
      return {};
    }));
  }
}

CCP_DB_TEST("when fewer seats are paid for, the longest claimed keep theirs; the rest rests until there is room", &identity::kMigrations) {
  Team team(env, db, 3);
  const auto owner_key = crypto::SigningKey::generate(team.random), early_key = crypto::SigningKey::generate(team.random),
             late_key = crypto::SigningKey::generate(team.random);
  auto early = team.join("early@acme.dev");
  team.clock.advance(hours(1));
  auto late = team.join("late@acme.dev");
  team.owner_browser = team.signedIn("owner@acme.dev");
  auto owner_token = team.connect(team.owner_browser, owner_key).strOr("refresh_token");
  auto early_token = team.connect(early, early_key).strOr("refresh_token");
  auto late_token = team.connect(late, late_key).strOr("refresh_token");
  const auto refresh = [&](std::string& token, const crypto::SigningKey& key) {
    team.clock.advance(minutes(16));
    const auto response = team.refresh(token, key);
    const auto json = bodyOf(response);
    if (response.status == 200) token = json.strOr("refresh_token");
    return response.status == 200 ? std::string("ok") : json.strOr("error") + ": " + json.strOr("error_description").substr(0, 16);
  };

  team.licensing.seat_limit = 2;
  CHECK(refresh(owner_token, owner_key) == "ok");
  CHECK(refresh(early_token, early_key) == "ok");
  CHECK(refresh(late_token, late_key) == "access_denied: seat_over_limit:");
  CHECK(refresh(late_token, late_key) == "access_denied: seat_over_limit:");  // the token was not used up
  const auto device = team.authorizeDevice("another");
  CHECK(team.decide(late, device, "approve").status == 402);
  const auto seats = team.list(team.owner);
  CHECK(seats["summary"] == Json::object({{"paid", 2}, {"used", 3}, {"free", 0}, {"over", 1}, {"viewers", 0}}));
  for (const auto& seat : seats["seats"].items()) CHECK(seat.boolOr("over_limit") == (seat.strOr("email") == "late@acme.dev"));
  CHECK(World::codeOf(team.invite(team.owner, "more@acme.dev")) == "plan_required");

  team.licensing.seat_limit = 1;
  CHECK(refresh(early_token, early_key) == "access_denied: seat_over_limit:");
  CHECK(refresh(owner_token, owner_key) == "ok");

  // Room again: nothing was revoked, everybody goes on with what they have.
  team.licensing.seat_limit = 3;
  CHECK(refresh(early_token, early_key) == "ok");
  CHECK(refresh(late_token, late_key) == "ok");
  CHECK(team.list(team.owner)["summary"]["over"].asInt() == 0);
  CHECK(team.licensing.revoked.empty());

  // Freeing a seat makes room as well.
  team.licensing.seat_limit = 2;
  CHECK(refresh(late_token, late_key) == "access_denied: seat_over_limit:");
  REQUIRE(team.api(team.owner, "DELETE", "/v1/org/seats/" + team.seatOf("early@acme.dev").strOr("id")).status == 204);
  CHECK(refresh(late_token, late_key) == "ok");
}

CCP_DB_TEST("many admins at once give away no more seats than there are, and one link is claimed once", &identity::kMigrations) {
  Team team(env, db, 4);
  constexpr int kAtOnce = 8;
  std::vector<std::string> codes(kAtOnce);
  const auto all = [&](const std::function<std::string(int)>& deed) {
    std::vector<std::thread> threads;
    for (int i = 0; i < kAtOnce; ++i) threads.emplace_back([&, i] { codes[static_cast<std::size_t>(i)] = deed(i); });
    for (auto& thread : threads) thread.join();
  };
  const auto said = [&](const std::string& what) { return std::count(codes.begin(), codes.end(), what); };
  const auto name = [](const Error& error) { return std::string(error.name()); };
  all([&](int i) -> std::string {
    const auto done = team.seats.invite(team.owner, {"", "user" + std::to_string(i), "member"});
    return done ? "ok" : name(done.error());
  });
  CHECK(said("ok") == 3);
  CHECK(said("plan_required") == kAtOnce - 3);
  CHECK(team.count("seats where state = 'invited'") == 3);

  const auto listed = team.list(team.owner);
  const auto& open = listed["seats"].items();
  const auto last = std::find_if(open.begin(), open.end(), [](const Json& seat) { return seat.strOr("state") == "invited"; });
  REQUIRE(last != open.end());
  const auto link = team.seats.resend(team.owner, last->strOr("id"));
  REQUIRE(link);
  const auto code = link->url.substr(link->url.rfind('/') + 1);
  std::vector<http::Principal> people;
  for (int i = 0; i < kAtOnce; ++i) {
    auto made = team.inSystem([&](db::Tx& tx) { return team.directory.createOrg(tx, "Own", "p" + std::to_string(i) + "@home.dev", "operator"); });
    REQUIRE(made);
    auto browser = team.signedIn("p" + std::to_string(i) + "@home.dev");
    people.push_back(team.principal(browser));
  }
  all([&](int i) -> std::string {
    const auto done = team.seats.claim(people[static_cast<std::size_t>(i)], code, "203.0.113." + std::to_string(i));
    return done ? "ok" : name(done.error());
  });
  CHECK(said("ok") == 1);
  CHECK(said("code_invalid") == kAtOnce - 1);
  CHECK(team.count("members where org_id = '" + team.org + "'") == 2);
}
