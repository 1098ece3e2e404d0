// Signing in, as a browser sees it.
#include "tests/integration/identity/world.hpp"

using namespace ccp;
using namespace ccp::test;

CCP_DB_TEST("a mailed code signs in once and makes a personal organization", &identity::kMigrations) {
  World world(env, db);
  Browser browser;
  const auto asked = world.askForMail(browser, " Anna@Acme.dev ");
  CHECK(asked.status == 303);
  CHECK(asked.headers.get("Location") == "/login/code?next=%2Fdevice");
  REQUIRE(world.mailer.sent.size() == 1);
  CHECK(world.mailer.sent[0].to == "anna@acme.dev");
  const auto page = world.browse(browser, "GET", "/login/code?next=/device");
  CHECK(page.body.find("anna@acme.dev") != std::string::npos);

  const auto code = world.mailedCode();
  const auto done = world.enterCode(browser, "  " + code + " ");
  CHECK(done.status == 303);
  CHECK(done.headers.get("Location") == "/device");
  const auto who = world.principal(browser);
  CHECK(who.email == "anna@acme.dev");
  CHECK(who.role == "owner");
  CHECK(isId(who.org, "org"));
  CHECK(isId(who.seat, "seat"));
  CHECK(world.licensing.orgs == std::vector<std::string>{who.org});
  CHECK(world.count("audit_log where action in ('org.create', 'seat.claim', 'session.start')") == 3);
  CHECK(world.count("outbox where type in ('org.created', 'seat.claimed')") == 2);
  // Neither the code nor the cookie stands in the database.
  CHECK(world.count("browser_sessions where hash = '" + world.sessionCookie(browser) + "'") == 0);

  SUBCASE("the code is used up") {
    Browser thief = browser;
    thief.cookies.erase(std::string(world.sessions.cookies().session()));
    thief.cookies["__Host-ccp_browser"] = "x";
    CHECK(world.enterCode(thief, code).status == 401);
    // The same browser secret, were it kept, does not help either.
    Browser again;
    world.askForMail(again, "anna@acme.dev");
    REQUIRE(world.enterCode(again, world.mailedCode()).status == 303);
    CHECK(world.enterCode(again, world.mailedCode()).status == 403);
  }
  SUBCASE("a second log-in finds the same person and organization") {
    auto second = world.signedIn("anna@acme.dev");
    CHECK(world.principal(second).user == who.user);
    CHECK(world.principal(second).org == who.org);
    CHECK(world.licensing.orgs.size() == 1);
  }
}

CCP_DB_TEST("a mailed link signs in by POST only, once, in the browser that asked", &identity::kMigrations) {
  World world(env, db);
  Browser browser;
  world.askForMail(browser, "anna@acme.dev");
  const auto token = world.mailedToken();

  // A mail scanner follows the link: nothing happens, as often as it likes.
  for (int i = 0; i < 3; ++i) {
    Browser scanner;
    CHECK(world.browse(scanner, "GET", "/login/link?token=" + token).status == 200);
    CHECK(world.sessionCookie(scanner).empty());
    CHECK(world.browse(browser, "GET", "/login/link?token=" + token).status == 200);
    CHECK(world.sessionCookie(browser).empty());
  }
  CHECK(world.count("login_requests where consumed_at is not null") == 0);
  CHECK(world.count("users") == 0);

  Browser other;
  world.browse(other, "GET", "/login");
  CHECK(world.followLink(other, token).status == 401);
  CHECK(world.sessionCookie(other).empty());

  Browser copy = browser;
  CHECK(world.followLink(browser, token).status == 303);
  CHECK_FALSE(world.sessionCookie(browser).empty());
  CHECK(world.followLink(copy, token).status == 401);
}

CCP_DB_TEST("a code or link expires after 15 minutes", &identity::kMigrations) {
  World world(env, db);
  Browser browser;
  world.askForMail(browser, "anna@acme.dev");
  world.clock.advance(minutes(15));
  CHECK(world.enterCode(browser, world.mailedCode()).status == 401);
  CHECK(world.followLink(browser, world.mailedToken()).status == 401);
  CHECK(world.sessionCookie(browser).empty());
}

CCP_DB_TEST("five wrong codes end a request, but not the link", &identity::kMigrations) {
  World world(env, db);
  Browser browser;
  world.askForMail(browser, "anna@acme.dev");
  for (int i = 0; i < 5; ++i) CHECK(world.enterCode(browser, i == 0 ? "nonsense" : "BBBB-BBBB").status == 401);
  CHECK(world.enterCode(browser, world.mailedCode()).status == 401);
  CHECK(world.followLink(browser, world.mailedToken()).status == 303);
}

CCP_DB_TEST("wrong codes are limited per address, and mails per address of a person", &identity::kMigrations) {
  World world(env, db);
  SUBCASE("wrong codes") {
    int refused = 0, limited = 0;
    for (int request = 0; request < 5; ++request) {
      Browser browser;
      world.askForMail(browser, "p" + std::to_string(request) + "@acme.dev");
      for (int i = 0; i < 5; ++i) {
        const auto response = world.enterCode(browser, "BBBB-BBBB");
        (response.status == 401 ? refused : limited) += 1;
        if (response.status == 429) CHECK_FALSE(response.headers.get("Retry-After").empty());
      }
    }
    CHECK(refused == 20);
    CHECK(limited == 5);
    world.clock.advance(minutes(15));
    Browser later;
    world.askForMail(later, "q@acme.dev");
    CHECK(world.enterCode(later, world.mailedCode()).status == 303);
  }
  SUBCASE("mails, known and unknown addresses alike") {
    for (const auto* email : {"anna@acme.dev", "nobody@acme.dev"}) {
      Browser browser;
      for (int i = 0; i < 5; ++i) CHECK(world.askForMail(browser, email).status == 303);
      CHECK(world.askForMail(browser, email).status == 429);
    }
    CHECK(world.mailer.sent.size() == 10);
  }
}

CCP_DB_TEST("closed sign-up admits invited addresses, and answers do not tell which", &identity::kMigrations) {
  World world(env, db, "closed", config::Mode::prod);
  auto org = world.inSystem([&](db::Tx& tx) { return world.directory.createOrg(tx, "Acme", "owner@acme.dev", "operator"); });
  REQUIRE(org);
  world.licensing.seat_limit = 2;
  REQUIRE(world.inSystem([&](db::Tx& tx) { return world.directory.inviteSeat(tx, org->id, {"Invited@acme.dev", "", "member", "operator"}); }));

  Browser known, invited, unknown;
  const auto a = world.askForMail(known, "owner@acme.dev");
  const auto b = world.askForMail(invited, "invited@acme.dev");
  const auto invited_code = world.mailedCode();
  const auto c = world.askForMail(unknown, "stranger@evil.dev");
  CHECK(world.mailer.sent.size() == 2);
  const auto normal = [](std::string text, const std::string& email) {
    for (auto at = text.find(email); at != std::string::npos; at = text.find(email)) text.replace(at, email.size(), "E");
    const std::string csrf = "name=\"csrf\" value=\"";
    for (auto at = text.find(csrf); at != std::string::npos; at = text.find(csrf)) text.replace(at, text.find('"', at + csrf.size()) + 1 - at, "CSRF");
    return text;
  };
  CHECK(a.status == c.status);
  CHECK(b.status == c.status);
  CHECK(a.headers.fields() == c.headers.fields());
  CHECK(a.body == c.body);
  const auto page_a = world.browse(known, "GET", "/login/code");
  const auto page_c = world.browse(unknown, "GET", "/login/code");
  CHECK(normal(page_a.body, "owner@acme.dev") == normal(page_c.body, "stranger@evil.dev"));
  // Wrong codes look the same, too.
  const auto wrong_a = world.enterCode(known, "BBBB-BBBB");
  const auto wrong_c = world.enterCode(unknown, "BBBB-BBBB");
  CHECK(wrong_a.status == wrong_c.status);
  CHECK(normal(wrong_a.body, "owner@acme.dev") == normal(wrong_c.body, "stranger@evil.dev"));
  CHECK(world.count("login_requests") == 3);

  // Signing in claims the invitation.
  CHECK(world.enterCode(invited, invited_code).status == 303);
  const auto who = world.principal(invited);
  CHECK(who.org == org->id);
  CHECK(who.role == "member");
  CHECK_FALSE(who.seat.empty());
  CHECK(world.count("seats where state = 'claimed'") == 2);
  CHECK(world.count("orgs") == 1);
  CHECK(world.count("users where email = 'stranger@evil.dev'") == 0);
}

CCP_DB_TEST("a mail that cannot be sent looks like one that was", &identity::kMigrations) {
  World world(env, db);
  world.mailer.broken = true;
  Browser browser;
  CHECK(world.askForMail(browser, "anna@acme.dev").status == 303);
}

CCP_DB_TEST("sign-in forms need the browser's own token", &identity::kMigrations) {
  World world(env, db);
  Browser browser;
  world.browse(browser, "GET", "/login");
  CHECK(World::codeOf(world.browse(browser, "POST", "/login", {{"email", "a@b.c"}})) == "csrf_failed");
  CHECK(World::codeOf(world.browse(browser, "POST", "/login", {{"email", "a@b.c"}, {"csrf", "x"}})) == "csrf_failed");
  Browser no_cookie;
  CHECK(World::codeOf(world.browse(no_cookie, "POST", "/login", {{"email", "a@b.c"}, {"csrf", world.loginCsrf(browser)}})) == "csrf_failed");
  CHECK(world.browse(browser, "POST", "/login", {{"email", "no address"}, {"csrf", world.loginCsrf(browser)}}).status == 422);
  CHECK(world.mailer.sent.empty());
}

CCP_DB_TEST("dev mode offers the demo user by the same path; production does not know the route", &identity::kMigrations) {
  SUBCASE("dev") {
    World world(env, db, "closed");
    Browser browser;
    CHECK(world.browse(browser, "GET", "/login?next=/device").body.find("demo@localhost") != std::string::npos);
    CHECK(World::codeOf(world.browse(browser, "POST", "/login/demo", {{"csrf", "x"}})) == "csrf_failed");
    const auto done = world.browse(browser, "POST", "/login/demo", {{"csrf", world.loginCsrf(browser)}, {"next", "/device"}});
    CHECK(done.status == 303);
    CHECK(done.headers.get("Location") == "/device");
    CHECK(world.principal(browser).email == "demo@localhost");
    CHECK(world.count("login_requests where consumed_at is not null") == 1);
  }
  SUBCASE("prod") {
    World world(env, db, "open", config::Mode::prod);
    Browser browser;
    CHECK(world.browse(browser, "GET", "/login").body.find("demo@localhost") == std::string::npos);
    CHECK(world.router.match("POST", "/login/demo").route == nullptr);
    CHECK(world.login.demo({"b", "1.2.3.4", ""}).error().code == Errc::dev_mode_only);
  }
}

CCP_DB_TEST("the session cookie is as strict as the address allows, and ends when it should", &identity::kMigrations) {
  World world(env, db);
  Browser browser;
  world.askForMail(browser, "anna@acme.dev");
  const auto done = world.enterCode(browser, world.mailedCode());
  const auto cookie = done.headers.all("Set-Cookie").at(0);
  CHECK(cookie.rfind("__Host-ccp_session=", 0) == 0);
  for (const char* attribute : {"; Path=/", "; HttpOnly", "; SameSite=Lax", "; Secure", "; Max-Age=2592000"}) {
    CAPTURE(attribute);
    CHECK(cookie.find(attribute) != std::string::npos);
  }
  SUBCASE("over http in dev") {
    World plain(env, db, "open", config::Mode::dev, "http://127.0.0.1:8080");
    CHECK(plain.sessions.cookies().session() == "ccp_session");
    CHECK(plain.sessions.cookies().set("x", "y", hours(1)).find("Secure") == std::string::npos);
  }
  SUBCASE("idle for 12 hours") {
    world.clock.advance(hours(11));
    CHECK(world.browse(browser, "GET", "/device").status == 200);  // keeps it alive
    world.clock.advance(hours(11));
    CHECK(world.browse(browser, "GET", "/device").status == 200);
    world.clock.advance(hours(12));
    CHECK(world.browse(browser, "GET", "/device").status == 401);
  }
  SUBCASE("30 days at most") {
    for (int h = 0; h < 24 * 30 - 10; h += 10) {
      REQUIRE(world.browse(browser, "GET", "/device").status == 200);
      world.clock.advance(hours(10));
    }
    world.clock.advance(hours(10));
    CHECK(world.browse(browser, "GET", "/device").status == 401);
  }
  SUBCASE("signing out needs the form token") {
    CHECK(World::codeOf(world.browse(browser, "POST", "/logout", {{"csrf", "wrong"}})) == "csrf_failed");
    Browser copy = browser;
    CHECK(world.browse(browser, "POST", "/logout", {{"csrf", world.csrf(browser)}}).status == 303);
    CHECK(world.sessionCookie(browser).empty());
    CHECK(world.browse(copy, "GET", "/device").status == 401);
  }
  SUBCASE("a new log-in ends the old session of the browser") {
    const auto old = world.sessionCookie(browser);
    REQUIRE(world.browse(browser, "GET", "/login").status == 303);  // signed in already
    browser.cookies["__Host-ccp_browser"] = "secret-of-this-browser";
    REQUIRE(world.browse(browser, "POST", "/login", {{"csrf", world.loginCsrf(browser)}, {"email", "bert@acme.dev"}}).status == 303);
    REQUIRE(world.enterCode(browser, world.mailedCode()).status == 303);
    CHECK(world.sessionCookie(browser) != old);
    CHECK(world.principal(browser).email == "bert@acme.dev");
    Browser before;
    before.cookies[std::string(world.sessions.cookies().session())] = old;
    CHECK(world.browse(before, "GET", "/device").status == 401);
  }
}

CCP_DB_TEST("a session acts for a chosen organization of the person, never for another", &identity::kMigrations) {
  World world(env, db);
  auto anna = world.signedIn("anna@acme.dev");
  auto bert = world.signedIn("bert@acme.dev");
  const auto home = world.principal(anna).org;
  auto second = world.inSystem([&](db::Tx& tx) { return world.directory.createOrg(tx, "Second", "anna@acme.dev", "operator"); });
  REQUIRE(second);
  CHECK(world.principal(anna).org == home);
  CHECK(world.browse(anna, "GET", "/device").body.find("value=\"" + second->id + "\"") != std::string::npos);
  CHECK(world.browse(bert, "GET", "/device").body.find("/account/org") == std::string::npos);
  CHECK(world.browse(anna, "POST", "/account/org", {{"csrf", world.csrf(anna)}, {"org", second->id}, {"next", "/dashboard"}}).status == 303);
  CHECK(world.principal(anna).org == second->id);
  const auto foreign = world.principal(bert).org;
  CHECK(world.browse(anna, "POST", "/account/org", {{"csrf", world.csrf(anna)}, {"org", foreign}}).status == 404);
  CHECK(World::codeOf(world.browse(anna, "POST", "/account/org", {{"org", home}})) == "csrf_failed");
  CHECK(world.principal(anna).org == second->id);
}
