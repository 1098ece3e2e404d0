// The billing page on both databases: what people read in each state, and where the button leads.
#include "tests/integration/billing/world.hpp"

using namespace ccp;
using namespace ccp::test;

namespace {

http::Request browser(World& w, const World::Party& party, const std::string& path,
                      const std::string& role = "owner") {
  auto request = w.request(party, "GET", path);
  request.principal.kind = http::PrincipalKind::session;
  request.principal.role = role;
  request.principal.email = "ada@acme.example";
  return request;
}

bool has(const http::Response& page, const std::string& text) {
  return page.body.find(text) != std::string::npos;
}

}  // namespace

BILLING_TEST("the billing page says how it stands and leads to the provider's portal") {
  World w(env);
  auto page = w.send(browser(w, w.acme, "/billing"));
  REQUIRE(page);
  CHECK(has(*page, "Nothing has been bought yet"));
  CHECK(!has(*page, "/billing/portal\""));
  CHECK(w.send(browser(w, w.acme, "/billing/portal"))->status == 409);

  w.checkout(w.acme);
  struct Row {
    SubscriptionStatus status;
    const char* says;
  };
  const Row rows[] = {{SubscriptionStatus::active, "Your plan is <strong>Solo"},
                      {SubscriptionStatus::past_due, "The last payment did not go through"},
                      {SubscriptionStatus::paused, "is paused"},
                      {SubscriptionStatus::canceled, "Your subscription has ended"}};
  int minute = 0;
  for (const auto& row : rows) {
    CAPTURE(std::string(row.says));
    ++minute;
    w.deliver(w.subscriptionEvent("evt_" + std::to_string(minute), w.snapshot(w.acme, "s1", row.status, minute)));
    page = w.send(browser(w, w.acme, "/billing"));
    REQUIRE(page);
    CHECK(page->status == 200);
    CHECK(has(*page, row.says));
    CHECK(has(*page, "href=\"/billing/portal\""));
  }
  const auto portal = w.send(browser(w, w.acme, "/billing/portal"));
  REQUIRE(portal);
  CHECK(portal->status == 303);
  CHECK(portal->headers.get("Location") == "https://pay.example/portal/" + w.customer(w.acme));
}

BILLING_TEST("only owners and admins get to the portal, and a silent provider gets a page") {
  World w(env);
  w.checkout(w.acme);
  w.deliver(w.subscriptionEvent("evt_1", w.snapshot(w.acme, "s1", SubscriptionStatus::active, 1)));
  const auto page = w.send(browser(w, w.acme, "/billing", "member"));
  REQUIRE(page);
  CHECK(!has(*page, "href=\"/billing/portal\""));
  CHECK(has(*page, "Owners and admins of the organization manage its billing"));
  w.pay().broken["create_portal_link"] = Error{Errc::plugin_unavailable, "connection refused to 10.0.0.1"};
  const auto silent = w.send(browser(w, w.acme, "/billing/portal"));
  REQUIRE(silent);
  CHECK(silent->status == 503);
  CHECK(has(*silent, "cannot be asked right now"));
  CHECK(!has(*silent, "10.0.0.1"));
}

BILLING_TEST("who is to move to another provider finds the link on the billing page") {
  World w(env);
  w.change([](config::Settings& s) {
    for (auto& plan : s.plans.plans) {
      for (auto& price : plan.prices) price.providers["other"] = {"", "at_other_" + price.id};
    }
  });
  w.checkout(w.acme);
  w.pay().subscriptions["s1"] = w.snapshot(w.acme, "s1", SubscriptionStatus::active, 1);
  w.deliver(w.subscriptionEvent("evt_1", w.pay().subscriptions["s1"]));
  CHECK(!has(*w.send(browser(w, w.acme, "/billing")), "Payments move to another provider"));
  const auto move = w.billing->moves().begin(w.acme.org, "other", "operator", w.context());
  REQUIRE_MESSAGE(move, move.error().text());
  const auto page = w.send(browser(w, w.acme, "/billing"));
  CHECK(has(*page, "Payments move to another provider"));
  CHECK(has(*page, "href=\"" + move->url + "\""));
  CHECK(!has(*w.send(browser(w, w.acme, "/billing", "member")), move->url));
  REQUIRE(w.billing->moves().cancel(w.acme.org, "operator", w.context()));
  CHECK(!has(*w.send(browser(w, w.acme, "/billing")), "Payments move to another provider"));
}
