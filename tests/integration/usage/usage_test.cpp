// Ingest and dashboards through the routes, on both databases.
#include "core/usage/routes.hpp"

#include <atomic>
#include <thread>

#include "core/db/outbox.hpp"
#include "tests/support/schema_rules.hpp"
#include "tests/support/fake_decider.hpp"
#include "tests/support/temp_db.hpp"

namespace ccp::usage {
extern const db::MigrationSet kMigrations;
}

using namespace ccp;
using namespace ccp::usage;

namespace {

/// Licenses as a test wants them.
class FakeLicenses final : public licensing::Licenses {
 public:
  std::optional<licensing::License> byOrg(db::Tx&, const std::string& org) override {
    if (!exists) return std::nullopt;
    licensing::License out;
    out.org = org;
    out.admin = admin;
    return out;
  }
  licensing::Entitlements entitlements(const licensing::License&) const override {
    licensing::Entitlements out;
    out.plan = "team";
    out.plan_title = "Team";
    out.state = licensing::LicenseState::active;
    out.features = features;
    out.privacy = privacy;
    return out;
  }
  Status applyBilling(db::Tx&, const std::string&, const std::vector<licensing::SubscriptionFact>&, const std::string&) override {
    return fail(Errc::unimplemented);
  }
  Status setAdminOverride(db::Tx&, const std::string&, licensing::AdminOverride, const std::string&, const std::string&) override {
    return fail(Errc::unimplemented);
  }
  Result<int> recomputeDue(int) override { return 0; }

  bool exists = true;
  licensing::AdminOverride admin = licensing::AdminOverride::none;
  std::vector<std::string> features = {"dashboards"};
  std::string privacy = "minimized";
};

struct Fixture {
  explicit Fixture(test::TempDb& e) : env(e) {
    env.clock.advance(*parseRfc3339("2026-11-21T05:30:00Z") - env.clock.now());
    addUsageRoutes(router, service);
  }

  Result<http::Response> call(const std::string& method, const std::string& path, const http::Principal& who,
                              const std::string& body = {}, const std::vector<std::pair<std::string, std::string>>& query = {}) {
    const auto match = router.match(method, path);
    REQUIRE(match.route != nullptr);
    http::Request request;
    request.method = method;
    request.path = path;
    request.body = body;
    request.headers.set("Content-Type", "application/json");
    for (const auto& [name, value] : query) request.query.add(name, value);
    request.principal = who;
    return match.route->handler(request);
  }
  Json send(const http::Principal& who, std::vector<Json> blocks) {
    const auto response = call("POST", "/v1/ingest/rollups", who, Json::object({{"rollups", Json::array(std::move(blocks))}}).dump());
    REQUIRE_MESSAGE(response, (response ? "" : response.error().text()));
    CHECK(response->status == 200);
    return *parseJson(response->body, {.max_bytes = 8u << 20, .max_depth = 64});
  }
  Json models(const http::Principal& who, const std::string& window = "24h", const std::string& until = {}) {
    const auto response = call("GET", "/v1/dash/models", who, {}, {{"window", window}, {"until", until}});
    REQUIRE_MESSAGE(response, (response ? "" : response.error().text()));
    return *parseJson(response->body);
  }
  std::int64_t count(const std::string& table) {
    return *env.db().read(db::Scope::system(), [&](db::Tx& tx) -> Result<std::int64_t> {
      return std::get<0>(*tx.one<std::int64_t>("select count(*) from " + table));
    });
  }

  test::TempDb& env;
  FakeLicenses licenses;
  config::Settings settings;
  test::FakeDecider decider;
  UsageService service{env.db(), env.clock, env.random, licenses, env.metrics, settings, decider};
  http::Router router;
};

http::Principal person(std::string seat, std::string device, std::string role = "member", std::string org = "org_a") {
  http::Principal out;
  out.kind = http::PrincipalKind::access_token;
  out.org = std::move(org);
  out.user = "usr_" + seat;
  out.seat = std::move(seat);
  out.device = std::move(device);
  out.role = std::move(role);
  out.scopes = {"license", "usage", "billing", "dash"};
  return out;
}
const http::Principal kAnna = person("seat_anna", "dev_anna");

Json block(std::string start, std::int64_t input = 10, std::int64_t revision = 1, std::string model = "claude-opus-4-6",
           std::string lane = "anthropic", std::string period = "hour") {
  return Json::object({{"period", period},
                       {"start_at", start},
                       {"model", model},
                       {"lane", lane},
                       {"requests", 2},
                       {"errors", 1},
                       {"input_tokens", input},
                       {"output_tokens", 20},
                       {"cache_read_tokens", 30},
                       {"cache_write_tokens", 40},
                       {"revision", revision}});
}
Json ttft(double ms, std::int64_t n) {
  Sketch sketch;
  for (std::int64_t i = 0; i < n; ++i) sketch.add(ms);
  return sketch.json();
}
const std::string kHourA = "2026-11-21T04:00:00Z";
const std::string kHourB = "2026-11-21T03:00:00Z";

}  // namespace

CCP_DB_TEST("usage: the tables keep the schema rules", &usage::kMigrations) {
  CHECK(test::schemaViolations(db) == std::vector<std::string>{});
}

CCP_DB_TEST("usage: a block that the policies refuse is its own result, with their reason", &usage::kMigrations) {
  Fixture f(env);
  f.decider.answer = [](const policy::Question& question, policy::Decision& out) {
    if (question.input["block"].strOr("model") != "claude-haiku-4-5") return;
    out.allow = false;
    out.reason = "This model is not billed here.";
    if (question.input["block"].strOr("lane") == "zai") out.result = Json::object({{"code", "wrong_lane"}});
  };
  const Json answer = f.send(kAnna, {block(kHourA), block(kHourA, 1, 1, "claude-haiku-4-5"), block(kHourA, 1, 1, "claude-haiku-4-5", "zai"), Json(7)});
  CHECK(answer["accepted"] == Json(1));
  CHECK(answer["rejected"] == Json(3));
  CHECK(*answer.at("/results/1/status") == Json("rejected"));
  CHECK(*answer.at("/results/1/code") == Json("policy_denied"));
  CHECK(*answer.at("/results/1/detail") == Json("This model is not billed here."));
  CHECK(*answer.at("/results/2/code") == Json("wrong_lane"));
  CHECK(f.count("usage_rollups") == 1);
  REQUIRE(f.decider.asked.size() == 3);  // what is malformed is not asked about
  const auto& question = f.decider.asked.front();
  CHECK((question.point == policy::Point::ingest_accept));
  CHECK(question.seat == "seat_anna");
  CHECK(question.input["block"]["counters"].intOr("cache_write_tokens") == 40);
  CHECK(question.input.strOr("source") == "rollups");
}

CCP_DB_TEST("usage: blocks are accepted once and answered one by one", &usage::kMigrations) {
  Fixture f(env);
  const Json first = f.send(kAnna, {block(kHourA), block(kHourB), Json(7), block(kHourA), block(kHourA, 11)});
  CHECK(first["accepted"] == Json(2));
  CHECK(first["rejected"] == Json(1));
  CHECK(first["duplicate"] == Json(1));
  CHECK(first["conflict"] == Json(1));
  CHECK(*first.at("/results/2/code") == Json("validation_failed"));
  CHECK(*first.at("/results/3/status") == Json("duplicate"));
  CHECK(*first.at("/results/4/code") == Json("revision_conflict"));
  CHECK(*first.at("/results/4/index") == Json(4));

  const Json again = f.send(kAnna, {block(kHourA), block(kHourB)});
  CHECK(again["duplicate"] == Json(2));
  CHECK(f.count("usage_rollups") == 2);
  CHECK(f.count("outbox") == 1);  // one event per request that changed something
  CHECK(f.models(kAnna)["totals"]["input_tokens"] == Json(20));
}

CCP_DB_TEST("usage: a higher revision replaces, a lower one is stale", &usage::kMigrations) {
  Fixture f(env);
  CHECK(f.send(kAnna, {block(kHourA, 10, 2).set("cost_microusd", 5)})["accepted"] == Json(1));
  const Json stale = f.send(kAnna, {block(kHourA, 99, 1)});
  CHECK(*stale.at("/results/0/status") == Json("duplicate"));
  CHECK(*stale.at("/results/0/code") == Json("stale_revision"));
  CHECK(f.models(kAnna)["totals"]["cost_microusd"] == Json(5));
  CHECK(f.send(kAnna, {block(kHourA, 50, 3)})["accepted"] == Json(1));
  const Json totals = f.models(kAnna)["totals"];
  CHECK(totals["input_tokens"] == Json(50));
  CHECK(totals["cost_microusd"].isNull());
  // Within one request the later revision wins, and one row is left.
  CHECK(f.send(kAnna, {block(kHourB, 1, 1), block(kHourB, 2, 2), block(kHourA, 51, 4), block(kHourA, 52, 5)})["accepted"] == Json(4));
  CHECK(f.models(kAnna)["totals"]["input_tokens"] == Json(54));
  CHECK(f.count("usage_rollups") == 2);
}

CCP_DB_TEST("usage: a day is either hours or a day block, per device", &usage::kMigrations) {
  Fixture f(env);
  const std::string today = "2026-11-21T00:00:00Z";
  const std::string yesterday = "2026-11-20T00:00:00Z";
  CHECK(f.send(kAnna, {block(kHourA)})["accepted"] == Json(1));
  CHECK(*f.send(kAnna, {block(today, 1, 1, "m", "anthropic", "day")}).at("/results/0/code") == Json("hours_exist"));
  CHECK(f.send(kAnna, {block(yesterday, 1, 1, "m", "anthropic", "day")})["accepted"] == Json(1));
  CHECK(f.send(kAnna, {block(yesterday, 1, 1, "other", "anthropic", "day")})["accepted"] == Json(1));
  CHECK(*f.send(kAnna, {block("2026-11-20T23:00:00Z")}).at("/results/0/code") == Json("day_exists"));
  // Another device of the same seat decides for itself.
  CHECK(f.send(person("seat_anna", "dev_two"), {block(today, 1, 1, "m", "anthropic", "day")})["accepted"] == Json(1));
  // Within one request the first one wins.
  const Json mixed = f.send(person("seat_anna", "dev_three"), {block(today, 1, 1, "m", "anthropic", "day"), block(kHourA)});
  CHECK(*mixed.at("/results/0/status") == Json("accepted"));
  CHECK(*mixed.at("/results/1/code") == Json("day_exists"));
}

CCP_DB_TEST("usage: devices, seats, keys and organizations are kept apart", &usage::kMigrations) {
  Fixture f(env);
  http::Principal key;
  key.kind = http::PrincipalKind::api_key;
  key.org = "org_a";
  key.api_key = "key_ci";
  key.scopes = {"usage"};
  CHECK(f.send(kAnna, {block(kHourA)})["accepted"] == Json(1));
  CHECK(f.send(person("seat_anna", "dev_two"), {block(kHourA)})["accepted"] == Json(1));
  CHECK(f.send(person("seat_ben", "dev_ben"), {block(kHourA)})["accepted"] == Json(1));
  CHECK(f.send(key, {block(kHourA)})["accepted"] == Json(1));
  CHECK(f.send(person("seat_eve", "dev_eve", "owner", "org_b"), {block(kHourA, 1'000)})["accepted"] == Json(1));
  CHECK(f.models(kAnna)["totals"]["input_tokens"] == Json(40));
  CHECK(f.models(person("seat_eve", "dev_eve", "owner", "org_b"))["totals"]["input_tokens"] == Json(1'000));
  const Json unattributed = f.send(person("", "dev_x"), {block(kHourA), Json()});
  CHECK(unattributed["unattributed"] == Json(1));
  CHECK(unattributed["rejected"] == Json(1));
  CHECK(f.count("usage_rollups") == 5);
}

CCP_DB_TEST("usage: license, privacy tier, scope and organization are checked on the server", &usage::kMigrations) {
  Fixture f(env);
  const std::string body = Json::object({{"rollups", Json::array({block(kHourA)})}}).dump();
  const auto sent = [&](const http::Principal& who) { return f.call("POST", "/v1/ingest/rollups", who, body).error().code; };
  const auto seen = [&](const http::Principal& who) { return f.call("GET", "/v1/dash/models", who).error().code; };
  f.licenses.privacy = "local_only";
  CHECK(sent(kAnna) == Errc::forbidden);
  f.licenses.privacy = "minimized";
  f.licenses.admin = licensing::AdminOverride::suspended;
  CHECK(sent(kAnna) == Errc::license_inactive);
  CHECK(seen(kAnna) == Errc::license_inactive);
  f.licenses.admin = licensing::AdminOverride::none;
  f.licenses.exists = false;
  CHECK(sent(kAnna) == Errc::license_inactive);
  CHECK(seen(kAnna) == Errc::license_inactive);
  f.licenses.exists = true;
  f.licenses.features = {};
  CHECK(seen(kAnna) == Errc::plan_required);
  CHECK(f.call("GET", "/v1/dash/usage", kAnna).error().code == Errc::plan_required);
  auto page = f.call("GET", "/dashboard", kAnna);
  REQUIRE(page);
  CHECK(page->status == 200);
  CHECK(page->body.find("ccp upgrade") != std::string::npos);
  auto narrow = kAnna;
  narrow.scopes = {"license"};
  CHECK(sent(narrow) == Errc::forbidden);
  CHECK(seen(narrow) == Errc::forbidden);
  auto homeless = kAnna;
  homeless.org.clear();
  CHECK(sent(homeless) == Errc::forbidden);
  CHECK(f.count("usage_rollups") == 0);
}

CCP_DB_TEST("usage: the report has models, lanes, a series and merged percentiles", &usage::kMigrations) {
  Fixture f(env);
  f.send(kAnna, {block(kHourA, 100).set("ttft", ttft(100, 99)), block(kHourB, 200), block(kHourA, 1, 1, "glm-4.6", "zai"),
                 block("2026-11-20T05:00:00Z", 5'000), block("2026-11-14T23:00:00Z", 70'000), block("2026-11-15T00:00:00Z", 7)});
  f.send(person("seat_ben", "dev_ben"), {block(kHourA, 1'000).set("ttft", ttft(10'000, 1)).set("cost_microusd", 9)});

  const Json day = f.models(kAnna);
  CHECK(day["totals"]["input_tokens"] == Json(1'301));
  CHECK(day["totals"]["requests"] == Json(8));
  CHECK(day["totals"]["errors"] == Json(4));
  CHECK(day["totals"]["cost_microusd"] == Json(9));
  REQUIRE(day["models"].size() == 2);
  CHECK(*day.at("/models/0/model") == Json("claude-opus-4-6"));
  CHECK(*day.at("/models/0/input_tokens") == Json(1'300));
  CHECK(*day.at("/models/1/lane") == Json("zai"));
  CHECK(day.at("/models/1/ttft") == nullptr);
  CHECK(day.at("/models/0/ttft/p50_ms")->asDouble().value() == doctest::Approx(100).epsilon(0.011));
  CHECK(day.at("/models/0/ttft/p99_ms")->asDouble().value() == doctest::Approx(100).epsilon(0.011));
  REQUIRE(day["series"].size() == 3);
  CHECK(*day.at("/series/0/start_at") == Json(kHourB));
  CHECK(*day.at("/series/1/input_tokens") == Json(1'100));
  CHECK(day["latest_at"] == Json("2026-11-21T05:00:00Z"));

  const Json week = f.models(kAnna, "7d");
  CHECK(week["totals"]["input_tokens"] == Json(6'308));
  CHECK(week["series"].size() == 4);
  CHECK(*week.at("/series/0/start_at") == Json("2026-11-15T00:00:00Z"));

  const Json before = f.models(kAnna, "24h", "2026-11-15T00:30:00Z");
  CHECK(before["totals"]["input_tokens"] == Json(70'007));
  CHECK(f.models(kAnna, "24h", "2026-01-01T00:00:00Z")["models"].empty());
  CHECK(f.models(kAnna, "24h", "2026-01-01T00:00:00Z")["latest_at"] == Json("2026-11-21T05:00:00Z"));

  const auto csv = f.call("GET", "/v1/dash/models", kAnna, {}, {{"format", "csv"}, {"window", "7d"}});
  REQUIRE(csv);
  CHECK(csv->headers.get("Content-Type").find("text/csv") != std::string::npos);
  CHECK(csv->body.find("\r\nglm-4.6,zai,2,1,1,20,30,40,,,,\r\n") != std::string::npos);
  const std::vector<std::vector<std::pair<std::string, std::string>>> wrong = {
      {{"window", "1y"}}, {{"format", "xml"}}, {{"until", "soon"}}};
  for (const auto& query : wrong) CHECK(f.call("GET", "/v1/dash/models", kAnna, {}, query).error().code == Errc::validation_failed);
}

CCP_DB_TEST("usage: the latest usage is found by its end", &usage::kMigrations) {
  Fixture f(env);
  CHECK(f.models(kAnna)["latest_at"].isNull());
  f.send(kAnna, {block("2026-02-12T00:00:00Z", 5, 1, "m", "anthropic", "day")});
  const std::string latest = f.models(kAnna)["latest_at"].asString() != nullptr ? *f.models(kAnna)["latest_at"].asString() : "";
  CHECK(latest == "2026-02-13T00:00:00Z");
  CHECK(f.models(kAnna, "24h", latest)["totals"]["input_tokens"] == Json(5));
  CHECK(f.models(kAnna, "7d", latest)["totals"]["input_tokens"] == Json(5));
}

CCP_DB_TEST("usage: k-safety hides seats from those who are no admins", &usage::kMigrations) {
  Fixture f(env);
  f.settings.usage.k_safety = 3;
  const auto lines = [&](const http::Principal& who) { return *parseJson(f.call("GET", "/v1/dash/usage", who)->body); };
  f.send(kAnna, {block(kHourA)});
  f.send(person("seat_ben", "dev_ben"), {block(kHourA)});
  const Json hidden = lines(kAnna);
  CHECK(*hidden.at("/k_safety/breakdown") == Json(false));
  CHECK(hidden["seats_covered"] == Json(2));
  CHECK(hidden["totals"]["input_tokens"] == Json(20));
  REQUIRE(hidden["seats"].size() == 1);
  CHECK(*hidden.at("/seats/0/seat") == Json("seat_anna"));
  CHECK(*hidden.at("/seats/0/mine") == Json(true));
  CHECK(lines(person("", ""))["seats"].empty());
  CHECK(lines(person("seat_boss", "dev_boss", "admin"))["seats"].size() == 2);
  const auto csv = f.call("GET", "/v1/dash/usage", kAnna, {}, {{"format", "csv"}});
  REQUIRE(csv);
  CHECK(csv->body == "seat,requests,errors,input_tokens,output_tokens,cache_read_tokens,cache_write_tokens,cost_microusd\r\n"
                     "seat_anna,2,1,10,20,30,40,\r\n");
  f.send(person("seat_cem", "dev_cem"), {block(kHourA)});
  CHECK(lines(kAnna)["seats"].size() == 3);
}

CCP_DB_TEST("usage: a thousand blocks with everything in them are one request", &usage::kMigrations) {
  Fixture f(env);
  std::vector<Json> blocks;
  const Timestamp first = *parseRfc3339("2026-09-01T00:00:00Z");
  for (int i = 0; i < 1'000; ++i) blocks.push_back(block(formatRfc3339(first + i * kHour), i).set("ttft", ttft(50 + i, 20)));
  CHECK(f.send(kAnna, blocks)["accepted"] == Json(1'000));
  CHECK(f.send(kAnna, blocks)["duplicate"] == Json(1'000));
  CHECK(f.count("usage_rollups") == 1'000);
}

CCP_DB_TEST("usage: the same blocks from many connections count once", &usage::kMigrations) {
  Fixture f(env);
  std::vector<Json> blocks;
  for (int i = 0; i < 24; ++i) blocks.push_back(block("2026-11-20T" + std::string(i < 10 ? "0" : "") + std::to_string(i) + ":00:00Z", i));
  const Json body = Json::object({{"rollups", Json::array(blocks)}});
  std::atomic<std::int64_t> accepted{0};
  std::atomic<int> failed{0};
  std::vector<std::thread> threads;
  for (int t = 0; t < 6; ++t) {
    threads.emplace_back([&] {
      for (int i = 0; i < 3; ++i) {
        const auto report = f.service.ingest(kAnna, body);
        if (report) accepted += report->count(BlockStatus::accepted);
        else ++failed;
      }
    });
  }
  for (auto& thread : threads) thread.join();
  CHECK(failed == 0);
  CHECK(accepted == 24);
  CHECK(f.count("usage_rollups") == 24);
}

CCP_DB_TEST("usage: an event tells what was accepted", &usage::kMigrations) {
  Fixture f(env);
  f.send(kAnna, {block(kHourA), block(kHourB)});
  f.send(kAnna, {block(kHourA)});
  db::OutboxDispatcher dispatcher(db, env.clock, env.metrics);
  std::vector<db::OutboxEvent> events;
  dispatcher.subscribe("test", {"usage.accepted"}, [&](const db::OutboxEvent& event) -> Status {
    events.push_back(event);
    return {};
  });
  CHECK(dispatcher.drainOnce() == 1);
  REQUIRE(events.size() == 1);
  CHECK(events[0].org == "org_a");
  CHECK(events[0].subject == "dev_anna");
  CHECK(events[0].data["blocks"] == Json(2));
  CHECK(events[0].data["seat"] == Json("seat_anna"));
  CHECK(events[0].data["from_at"] == Json(kHourB));
  CHECK(events[0].data["until_at"] == Json("2026-11-21T05:00:00Z"));
}

CCP_DB_TEST("usage: the page shows what the API says", &usage::kMigrations) {
  Fixture f(env);
  auto who = kAnna;
  who.kind = http::PrincipalKind::session;
  who.scopes.clear();
  who.email = "anna@example.test";
  const auto empty = f.call("GET", "/dashboard", who);
  REQUIRE(empty);
  CHECK(empty->body.find("No usage yet") != std::string::npos);
  f.send(kAnna, {block(kHourA, 1'000'000).set("ttft", ttft(300, 5)), block("2026-02-12T10:00:00Z")});
  const auto page = f.call("GET", "/dashboard", who);
  REQUIRE(page);
  CHECK(page->status == 200);
  CHECK(page->headers.get("Content-Security-Policy").find("script-src 'self'") != std::string::npos);
  CHECK(page->body.find("<svg class=\"chart\"") != std::string::npos);
  CHECK(page->body.find("anna@example.test") != std::string::npos);
  CHECK(page->body.find("1,000,000") != std::string::npos);
  CHECK(page->body.find("Time to first token") != std::string::npos);
  const auto old = f.call("GET", "/dashboard", who, {}, {{"window", "7d"}, {"until", "2026-05-01T00:00:00Z"}});
  REQUIRE(old);
  CHECK(old->body.find("Nothing in this window") != std::string::npos);
}
