// Looking back with the real engine and runtime: what is explained and replayed is what was decided.
#include "core/decisions/review.hpp"

#include "core/decisions/routes.hpp"
#include "policy/packs/shipped.hpp"
#include "world.hpp"

using namespace ccp;
using namespace ccp::decisions;
using namespace ccp::decisions::test;

namespace {

Options keeping() {
  Options out;
  out.keep_inputs = true;
  return out;
}

Json gateInput(const std::string& feature, const std::string& email = "") {
  Json subject = Json::object({{"kind", "user"}, {"role", "member"}});
  if (!email.empty()) subject.set("email", email);
  return Json::object({{"org", Json::object({{"id", "org_a"}, {"plan", "team"}, {"state", "active"}, {"privacy", "minimized"}})},
                       {"subject", subject},
                       {"action", "status"},
                       {"feature", feature},
                       {"entitled", true},
                       {"license", Json::object({{"state", "active"}, {"plan", "team"}})}});
}

policy::VerifiedPack gatePack(const std::string& source, const std::string& org = "operator") {
  policy::VerifiedPack out;
  out.document.org = org;
  out.document.name = "gate";
  out.document.version = 1;
  out.document.channels = {policy::Channel::dev};
  out.document.issued_at = fromUnixSeconds(1'800'000'000);
  out.document.expires_at = out.document.issued_at + hours(24 * 30);
  out.document.entry[policy::Point::feature_gate] = "gate.lua";
  out.document.files.emplace_back("gate.lua", source);
  out.sha256 = sha256Hex(policy::toText(out.document));
  return out;
}

struct Reviewed {
  explicit Reviewed(TempDb& env) : w(env, keeping()) {}
  policy::Decision ask(const std::string& feature, const std::string& org = "org_a", const std::string& email = "") {
    w.env.clock.advance(milliseconds(1));
    auto out = runtime.decide({policy::Point::feature_gate, org, "seat_1", gateInput(feature, email)});
    w.flush();
    return out;
  }
  Json explain(const std::string& id) {
    auto out = review.explain(std::nullopt, id);
    REQUIRE_MESSAGE(out, (out ? "" : out.error().text()));
    return std::move(*out);
  }
  ReplayPart replay(const std::string& source, std::size_t limit = 1000, const std::string& cursor = "") {
    auto out = review.replay("operator", gatePack(source), std::nullopt, cursor, limit);
    REQUIRE_MESSAGE(out, (out ? "" : out.error().text()));
    return std::move(*out);
  }

  World w;
  policy::Engine engine;
  policy::Runtime runtime{{engine, w.env.clock, w.env.random, w.env.metrics, w.feature->sink()}, {}};
  Review review{{*w.feature, runtime, engine, w.env.clock, {}, {}}};
};

}  // namespace

CCP_DB_TEST("a kept input decides again to the very same, with the same fuel, and shows the lines that ran", &kMigrations) {
  Reviewed r(env);
  const auto was = r.ask("dashboards");
  REQUIRE(was.allow);
  const Json answer = r.explain(was.id);
  CHECK(answer["decision"].strOr("rule") == "plan.includes");
  CHECK(answer["decision"]["fields_read"].strOr("/feature") == "dashboards");
  const Json& again = answer["again"];
  REQUIRE_MESSAGE(again.isObject(), answer.strOr("why_not"));
  CHECK(again["reproduced"] == Json(true));
  CHECK(again.intOr("fuel") == answer["decision"].intOr("fuel"));
  CHECK(again["decision"].strOr("reason") == answer["decision"].strOr("reason"));
  REQUIRE(again["packs"].size() == 1);
  const Json& lines = again["packs"].items()[0]["lines"];
  CHECK(lines.size() > 3);
  bool fired = false;
  for (const auto& line : lines.items()) fired = fired || line.strOr("text").find("input.entitled") != std::string::npos;
  CHECK(fired);
  for (int i = 0; i < 10; ++i) CHECK(r.explain(was.id)["again"].intOr("fuel") == again.intOr("fuel"));
}

CCP_DB_TEST("a draft says who would newly be denied, and what cannot be told", &kMigrations) {
  Reviewed r(env);
  const auto closed = r.ask("dashboards");
  r.ask("zai_offload");
  r.ask("zai_offload", "org_private");  // its inputs are not kept
  const auto report = r.replay("function decide(input)\n  return { allow = input.feature ~= \"dashboards\", rule = \"closed\" }\nend\n");
  CHECK(report.report.total == 3);
  CHECK(report.report.newly_denied == 1);
  CHECK(report.report.same == 1);
  CHECK(report.report.indeterminate == 1);
  CHECK(report.next.empty());
  const auto denied = std::find_if(report.flips.begin(), report.flips.end(), [](const ReplayedFlip& flip) { return flip.flip == policy::Flip::newly_denied; });
  REQUIRE(denied != report.flips.end());
  CHECK(denied->was.id == closed.id);
  CHECK(denied->was.org == "org_a");
  CHECK(denied->was.seat.size() == 32);
  CHECK(denied->now.rule == "closed");
  // Nothing that runs has changed, and nothing was logged.
  CHECK(r.ask("dashboards").allow);
  CHECK(r.w.ids(std::nullopt).size() == 4);
}

CCP_DB_TEST("a draft that reads what is masked proves nothing", &kMigrations) {
  Reviewed r(env);
  r.ask("dashboards", "org_a", "ada@example.com");
  const auto reads = r.replay("function decide(input)\n  return { allow = input.subject.email == \"ada@example.com\" }\nend\n");
  CHECK(reads.report.indeterminate == 1);
  CHECK(reads.report.newly_denied == 0);
  const auto does_not = r.replay("function decide(input)\n  return { allow = false, reason = input.subject.role }\nend\n");
  CHECK(does_not.report.newly_denied == 1);
}

CCP_DB_TEST("the past is read in parts that add up", &kMigrations) {
  Reviewed r(env);
  for (int i = 0; i < 25; ++i) r.ask(i % 5 == 0 ? "dashboards" : "zai_offload");
  policy::ReplayReport sum;
  std::string cursor;
  int parts = 0;
  do {
    auto part = r.replay("function decide(input)\n  return { allow = input.feature ~= \"dashboards\" }\nend\n", 10, cursor);
    CHECK(part.report.total <= 10);
    cursor = part.next;
    policy::merge(sum, std::move(part.report), 0);
    ++parts;
  } while (!cursor.empty());
  CHECK(parts == 3);
  CHECK(sum.total == 25);
  CHECK(sum.newly_denied == 5);
  CHECK(sum.same == 20);
}

CCP_DB_TEST("drafts of somebody else, and those that do not compile, are refused", &kMigrations) {
  Reviewed r(env);
  r.ask("dashboards");
  const auto foreign = r.review.replay("operator", gatePack("function decide() return { allow = true } end", "org_b"), std::nullopt, "");
  REQUIRE_FALSE(foreign);
  CHECK((foreign.error().code == Errc::policy_wrong_org));
  const auto broken = r.review.replay("operator", gatePack("function decide( return"), std::nullopt, "");
  REQUIRE_FALSE(broken);
  CHECK((broken.error().code == Errc::policy_compile_failed));
  CHECK((r.review.explain("org_b", r.w.ids("org_a").front()).error().code == Errc::not_found));
}

CCP_DB_TEST("the API shows decisions to those who may see them", &kMigrations) {
  Reviewed r(env);
  const auto mine = r.ask("dashboards");
  const auto other = r.ask("dashboards", "org_b");
  http::Router router;
  addRoutes(router, r.review);
  const auto call = [&](const char* method, const std::string& path, const http::Principal& who, const std::vector<std::pair<std::string, std::string>>& query = {},
                        const std::string& body = "") -> Result<Json> {
    const auto match = router.match(method, path);
    REQUIRE(match.route);
    http::Request request;
    request.method = method;
    request.path = path;
    request.path_params = match.params;
    request.principal = who;
    request.body = body;
    if (!body.empty()) request.headers.add("Content-Type", "application/json");
    for (const auto& [name, value] : query) request.query.add(name, value);
    CCP_TRY(const auto response, match.route->handler(request));
    return parseJson(response.body);
  };
  http::Principal admin;
  admin.kind = http::PrincipalKind::access_token;
  admin.org = "org_a";
  admin.role = "admin";
  http::Principal member = admin;
  member.role = "member";
  http::Principal operator_key;
  operator_key.kind = http::PrincipalKind::operator_key;

  CHECK((call("GET", "/v1/policy/decisions", member).error().code == Errc::forbidden));
  const auto list = call("GET", "/v1/policy/decisions", admin);
  REQUIRE(list);
  REQUIRE((*list)["decisions"].size() == 1);
  CHECK((*list)["decisions"].items()[0].strOr("id") == mine.id);
  CHECK(list->find("log") == nullptr);
  const auto all = call("GET", "/v1/admin/policy/decisions", operator_key, {{"limit", "1"}});
  REQUIRE(all);
  CHECK((*all)["decisions"].items()[0].strOr("id") == other.id);
  CHECK(all->strOr("next_cursor") == other.id);
  CHECK((*all)["log"].intOr("written") == 2);
  CHECK((call("GET", "/v1/policy/decisions/" + other.id, admin).error().code == Errc::not_found));
  CHECK(call("GET", "/v1/policy/decisions/" + mine.id, admin, {{"explain", "true"}})->at("/again/reproduced") != nullptr);
  CHECK((*call("GET", "/v1/policy/decisions/chain", admin))["ok"] == Json(true));
  for (const auto& [name, value] : std::vector<std::pair<std::string, std::string>>{
           {"point", "nowhere"}, {"outcome", "maybe"}, {"since", "yesterday"}, {"limit", "0"}, {"limit", "201"}, {"cursor", "x"}, {"shadow", "1"}}) {
    const std::string& wrong = name;
    const auto refused = call("GET", "/v1/policy/decisions", admin, {{name, value}});
    CHECK_MESSAGE(!refused, wrong);
  }
  const auto payload = policy::toText(gatePack("function decide() return { allow = false } end").document);
  const auto replayed = call("POST", "/v1/admin/policy/replay", operator_key, {}, "{\"pack\":" + payload + "}");
  REQUIRE_MESSAGE(replayed, (replayed ? "" : replayed.error().text()));
  CHECK(replayed->intOr("newly_denied") == 2);
  CHECK(replayed->at("/flips/0/was/id") != nullptr);
  CHECK((call("POST", "/v1/policy/replay", admin, {}, "{\"pack\":" + payload + "}").error().code == Errc::policy_wrong_org));
  CHECK((call("POST", "/v1/policy/replay", admin, {}, "{\"pack\":7}").error().code == Errc::validation_failed));
  CHECK((call("POST", "/v1/policy/replay", admin, {}, "{\"pack\":7}").error().code == Errc::validation_failed));  // a turn ends with its request
}
