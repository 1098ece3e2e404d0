// Seats and plan of a running subscription: changed at the provider, applied from its answer; and a changed
// catalog against those who have bought.
#include "core/billing/catalog_routes.hpp"
#include "tests/integration/billing/world.hpp"

using namespace ccp;
using namespace ccp::test;
using plugin::SubscriptionStatus;

namespace {

struct Shop : World {
  explicit Shop(TempDb& e) : World(e) {
    change([](config::Settings& s) {
      auto& plans = s.plans.plans;
      plans[1].prices[0].per = "seat";
      plans[1].limits["seats"] = 5;
      plans[2].prices[0].tiers = {{10, 2500}, {std::nullopt, 2000}};
      plans[2].prices[0].amount_minor = 2500;
    });
  }
  void running(SubscriptionStatus status = SubscriptionStatus::active, std::int64_t quantity = 5,
               const std::string& product = "prod_team") {
    checkout(acme, "team-month", 5);
    auto s = snapshot(acme, "s1", status, 1, product);
    s.quantity = quantity;
    pay().subscriptions["s1"] = s;
    REQUIRE(deliver(subscriptionEvent("evt_1", s)) == 200);
  }
  Result<Json> post(const std::string& path, const Json& body, const std::string& key = "") {
    auto r = request(acme, "POST", path, body);
    r.request_id = "req_1";
    if (!key.empty()) r.headers.add("Idempotency-Key", key);
    CCP_TRY(const auto response, send(std::move(r)));
    return parseJson(response.body);
  }
  Result<Json> seats(std::int64_t n) { return post("/v1/billing/seats", Json::object({{"quantity", n}})); }
  std::string refusal(const Result<Json>& result) { return result ? "ok" : result.error().name(); }
};

}  // namespace

BILLING_TEST("seats are changed at the provider, and its answer is in force at once") {
  Shop w(env);
  w.running();
  env.clock.advance(hours(24 * 15));
  const auto more = w.seats(12);
  REQUIRE_MESSAGE(more, (more ? "" : more.error().text()));
  CHECK((*more)["changed"].asBool() == true);
  CHECK((*more)["before"].intOr("quantity") == 5);
  CHECK((*more)["before"]["amount"].intOr("amount_minor") == 12500);
  CHECK((*more)["after"].intOr("quantity") == 12);
  CHECK((*more)["after"]["amount"].intOr("amount_minor") == 24000);  // the second step prices every seat
  CHECK((*more)["prorated_estimate"].intOr("amount_minor") == 5750);
  CHECK((*more)["seats"] == Json::object({{"paid", 12}, {"used", 1}, {"over", 0}}));
  CHECK(w.license(w.acme).decision.seats == 12);
  CHECK(w.pay().changes.size() == 1);
  CHECK(w.pay().changes[0].action == "quantity");
  CHECK(w.pay().changes[0].proration == "now");
  CHECK(w.count("audit_log where action = 'subscription.change_request' and actor = :who", {{"who", "user:" + w.acme.user}}) == 1);
  CHECK(w.count("outbox where type = 'license.changed'") == 2);

  // The same again asks nobody.
  const auto same = w.seats(12);
  REQUIRE(same);
  CHECK((*same)["changed"].asBool() == false);
  CHECK(w.pay().changes.size() == 1);

  // Fewer seats: what clients hold ends.
  const auto version = w.license(w.acme).version;
  REQUIRE(w.post("/v1/billing/seats", Json::object({{"quantity", 1}, {"proration", "next_period"}})));
  CHECK(w.license(w.acme).decision.seats == 1);
  CHECK(w.license(w.acme).version == version + 1);
  CHECK(w.pay().changes[1].proration == "next_period");
}

BILLING_TEST("the plan is changed where the subscription runs, with its seats") {
  Shop w(env);
  w.running(SubscriptionStatus::trialing, 3, "prod_solo");
  const auto up = w.post("/v1/billing/change", Json::object({{"price", "team-month"}}));
  REQUIRE_MESSAGE(up, (up ? "" : up.error().text()));
  CHECK(w.plan(w.acme) == "team");
  CHECK(w.license(w.acme).decision.seats == 3);  // as many as before
  CHECK((*up)["prorated_estimate"].intOr("amount_minor") == 0);  // nothing is charged in a trial
  REQUIRE(w.pay().changes.size() == 1);
  CHECK(w.pay().changes[0].action == "plan");
  CHECK(w.pay().changes[0].product_id == "prod_team");
  const auto down = w.post("/v1/billing/change", Json::object({{"price", "solo-month"}, {"quantity", 2}}));
  REQUIRE_MESSAGE(down, (down ? "" : down.error().text()));
  CHECK(w.plan(w.acme) == "solo");
  CHECK(w.license(w.acme).decision.seats == 2);
}

BILLING_TEST("a price for the whole organization is bought once, however many seats there were") {
  Shop w(env);
  w.change([](config::Settings& s) { s.plans.plans[1].prices[0].per = "org"; });
  w.running();
  const auto down = w.post("/v1/billing/change", Json::object({{"price", "solo-month"}}));
  REQUIRE_MESSAGE(down, (down ? "" : down.error().text()));
  CHECK(w.pay().subscriptions["s1"].quantity == 1);
  CHECK((*down)["after"].intOr("quantity") == 1);
}

BILLING_TEST("what cannot be changed is told before anybody is asked") {
  Shop w(env);
  CHECK(w.refusal(w.seats(3)) == "subscription_required");
  w.running();
  CHECK(w.refusal(w.seats(0)) == "validation_failed");
  CHECK(w.refusal(w.seats(51)) == "validation_failed");
  CHECK(w.refusal(w.post("/v1/billing/seats", Json::object({{"quantity", "3"}}))) == "validation_failed");
  CHECK(w.refusal(w.post("/v1/billing/seats", Json::object({{"quantity", 3}, {"price", "team-month"}}))) == "validation_failed");
  CHECK(w.refusal(w.post("/v1/billing/seats", Json::object({{"quantity", 3}, {"proration", "later"}}))) == "validation_failed");
  CHECK(w.refusal(w.post("/v1/billing/change", Json::object({{"price", "gold"}}))) == "validation_failed");
  CHECK(w.refusal(w.post("/v1/billing/change", Json::object())) == "validation_failed");
  CHECK(w.refusal(w.post("/v1/billing/change", Json::object({{"price", "solo-month"}}))) == "ok");  // five seats fit Solo here
  CHECK(w.refusal(w.seats(6)) == "validation_failed");                                              // and no more
  w.change([](config::Settings& s) { s.plans.plans[2].prices[0].retired = true; });
  CHECK(w.refusal(w.post("/v1/billing/change", Json::object({{"price", "team-month"}}))) == "validation_failed");
  w.change([](config::Settings& s) {
    s.plans.plans[2].prices[0].retired = false;
    s.plans.plans[2].prices[0].providers = {{"other", {"", "price_team"}}};
  });
  const auto elsewhere = w.post("/v1/billing/change", Json::object({{"price", "team-month"}}));
  CHECK(w.refusal(elsewhere) == "validation_failed");
  CHECK(elsewhere.error().detail.find("ccp billing migrate") != std::string::npos);
  const auto asked = w.pay().changes.size();
  auto narrow = w.request(w.acme, "POST", "/v1/billing/seats", Json::object({{"quantity", 2}}));
  narrow.principal.scopes = {"usage"};
  CHECK(codeOf(w.send(narrow)) == "forbidden");
  auto stranger = w.request(w.acme, "POST", "/v1/billing/seats", Json::object({{"quantity", 2}}));
  stranger.principal.user = w.rival.user;  // no member here
  CHECK(codeOf(w.send(stranger)) == "forbidden");
  auto program = w.request(w.acme, "POST", "/v1/billing/seats", Json::object({{"quantity", 2}}));
  program.principal.user.clear();
  CHECK(codeOf(w.send(program)) == "forbidden");
  CHECK(w.pay().changes.size() == asked);
}

BILLING_TEST("a paused subscription is resumed first; an ended one is bought again") {
  Shop w(env);
  w.running(SubscriptionStatus::paused);
  CHECK(w.refusal(w.seats(3)) == "conflict");
  auto ended = w.snapshot(w.acme, "s1", SubscriptionStatus::canceled, 2, "prod_team");
  w.deliver(w.subscriptionEvent("evt_2", ended));
  CHECK(w.refusal(w.seats(3)) == "subscription_required");
}

BILLING_TEST("while an organization moves to another provider its seats and plan stand still") {
  Shop w(env);
  w.running();
  billing::MoveRepository moves;
  billing::Move move;
  move.org = w.acme.org;
  move.id = newId("mov", env.clock, env.random);
  move.from_instance = "pay";
  move.to_instance = "other";
  move.subscription = w.only(w.acme).id;
  move.price = "team-month";
  move.quantity = 5;
  move.state = billing::MoveState::scheduled;
  move.actor = "operator";
  move.created_at = move.next_step_at = move.first_charge_at = env.clock.now();
  const auto store = [&](auto deed) { REQUIRE(env.db().write(db::Scope::system(), [&](db::Tx& tx) -> Status { CHECK(deed(tx)); return {}; })); };
  store([&](db::Tx& tx) { return moves.add(tx, move); });
  const auto refused = w.seats(3);
  CHECK(w.refusal(refused) == "conflict");
  CHECK(refused.error().detail.find("from pay to other") != std::string::npos);
  auto cancelled = move;
  cancelled.state = billing::MoveState::cancelled;
  store([&](db::Tx& tx) { return moves.update(tx, move, cancelled); });
  CHECK(w.refusal(w.seats(3)) == "ok");
}

BILLING_TEST("an answer that got lost is asked for again, and the truth comes out") {
  Shop w(env);
  w.running();
  // The provider changes it, and the answer is lost.
  w.pay().before = [&](const std::string& op) {
    if (op != "change_subscription") return;
    auto& s = w.pay().subscriptions["s1"];
    s.quantity = 9;
    s.modified_at = *s.modified_at + seconds(30);
  };
  w.pay().broken["change_subscription"] = {Errc::deadline_exceeded, "no answer"};
  CHECK(w.refusal(w.seats(9)) == "deadline_exceeded");
  CHECK(w.license(w.acme).decision.seats == 5);  // nothing is assumed
  CHECK(w.only(w.acme).dirty > 0);
  w.billing->worker().round(false);
  CHECK(w.license(w.acme).decision.seats == 9);
  CHECK(w.only(w.acme).dirty == 0);

  // A refusal is a refusal: nobody doubts anything.
  w.pay().broken["change_subscription"] = {Errc::conflict, "the card was declined"};
  CHECK(w.refusal(w.seats(10)) == "conflict");
  CHECK(w.only(w.acme).dirty == 0);
  w.pay().broken["change_subscription"] = {Errc::unimplemented, "not here"};
  CHECK(w.refusal(w.seats(10)) == "unimplemented");
}

BILLING_TEST("an answer about somebody else's subscription changes nothing") {
  Shop w(env);
  w.running();
  w.checkout(w.rival);
  auto foreign = w.snapshot(w.rival, "s2", SubscriptionStatus::active, 3, "prod_team");
  foreign.quantity = 40;
  for (const bool other_id : {true, false}) {
    w.pay().before = [&](const std::string& op) {
      if (op != "change_subscription") return;
      w.pay().subscriptions["s1"] = foreign;
      if (!other_id) w.pay().subscriptions["s1"].id = "s1";
    };
    CHECK(w.refusal(w.seats(9)) == "provider_error");
    CHECK(w.license(w.acme).decision.seats == 5);
    CHECK(w.state(w.rival) == "pending");
  }
}

BILLING_TEST("an operator sees what a changed catalog does, and a reload refuses to drop what is used") {
  Shop w(env);
  w.running();
  config::PlanCatalog disk = w.live.now()->plans;
  billing::addCatalogRoutes(w.router, *w.billing, [&]() -> Result<config::PlanCatalog> { return disk; });
  const auto diff = [&](const std::string& text) {
    auto r = w.request(w.acme, "POST", "/v1/admin/plans/diff");
    r.body = text;
    return w.send(std::move(r));
  };
  const auto none = *parseJson(diff("")->body);
  CHECK(none.strOr("source") == "disk");
  CHECK(none["plans"].empty());
  CHECK(none["refused"].asBool() == false);

  const auto changed = *parseJson(diff("- {id: community, title: Community, entitlements: [basics], limits: {seats: 1}}\n"
                                       "- {id: team, title: Team, limits: {seats: 50}, prices: [{id: team-month, interval: month, amount_minor: 3000, "
                                       "currency: USD, providers: {pay: {product: prod_team_2}}}]}\n")->body);
  CHECK(changed["refused"].asBool() == true);
  CHECK(changed["refusals"].size() == 1);
  const Json* team = changed.at("/plans/0");
  REQUIRE(team);
  CHECK(team->strOr("id") == "team");
  CHECK(team->intOr("orgs") == 1);
  CHECK(team->intOr("seats") == 5);
  CHECK(team->at("/prices/0")->intOr("subscriptions") == 1);
  CHECK(changed.at("/plans/1")->strOr("kind") == "removed");  // solo: nobody has it

  const auto wrong = diff("- {id: A}\n- {id: b, x: 1}\n");
  REQUIRE_FALSE(wrong);
  CHECK(wrong.error().code == Errc::catalog_invalid);
  CHECK(wrong.error().fields.size() == 2);

  disk.plans.pop_back();
  const auto refused = w.billing->checkCatalog(w.live.now()->plans, disk);
  REQUIRE_FALSE(refused);
  CHECK(refused.error().code == Errc::catalog_in_use);
  CHECK(refused.error().detail.find("1 running subscription(s) of 1 organization(s)") != std::string::npos);
  auto ended = w.snapshot(w.acme, "s1", SubscriptionStatus::canceled, 2, "prod_team");
  w.deliver(w.subscriptionEvent("evt_2", ended));
  CHECK(w.billing->checkCatalog(w.live.now()->plans, disk));
}

BILLING_TEST("plans tell steps, what is paid now, and retired prices to those who have them only") {
  Shop w(env);
  w.running();
  const auto read = [&] { return *parseJson(w.send(w.request(w.acme, "GET", "/v1/plans"))->body); };
  auto json = read();
  CHECK(json["current"].strOr("price") == "team-month");
  CHECK(json["current"].intOr("quantity") == 5);
  CHECK(json["current"].intOr("seats") == 5);
  CHECK(json["current"]["amount"].intOr("amount_minor") == 12500);
  CHECK(json["current"].strOr("interval") == "month");
  CHECK(json.at("/plans/2/prices/0/tiers/0")->intOr("up_to") == 10);
  CHECK(json.at("/plans/2/prices/0/tiers/1/up_to")->isNull());
  w.change([](config::Settings& s) {
    s.plans.plans[1].prices[0].retired = true;
    s.plans.plans[2].prices[0].retired = true;
  });
  json = read();
  CHECK(json.at("/plans/1/prices")->empty());
  CHECK(json.at("/plans/2/prices/0")->boolOr("retired"));
  CHECK(codeOf(w.send(w.request(w.rival, "POST", "/v1/billing/checkout", Json::object({{"price", "solo-month"}})))) == "validation_failed");
}
