// What doctor finds and repairs, and what operators see of stored webhooks, on both databases.
#include <algorithm>

#include "core/billing/operator_routes.hpp"
#include "tests/integration/billing/world.hpp"

using namespace ccp;
using namespace ccp::test;
using billing::Doctor;
using billing::DoctorPage;

namespace {

DoctorPage look(World& w, bool repair, const std::string& org = "") {
  Doctor::Question question;
  question.org = org;
  question.repair = repair;
  auto page = w.billing->doctor().look(question, w.context());
  if (!page) FAIL(page.error().text());
  return *page;
}

const DoctorPage::Item* find(const DoctorPage& page, const std::string& code) {
  const auto found = std::find_if(page.items.begin(), page.items.end(), [&](const auto& item) {
    return item.difference.code == code;
  });
  return found == page.items.end() ? nullptr : &*found;
}

}  // namespace

BILLING_TEST("doctor explains what was missed and repairs it") {
  World w(env);
  w.checkout(w.acme);
  w.checkout(w.rival);
  w.pay().subscriptions["s1"] = w.snapshot(w.acme, "s1", SubscriptionStatus::active, 1);
  w.deliver(w.subscriptionEvent("evt_1", w.pay().subscriptions["s1"]));
  // Lost: the failed payment of one, the purchase of the other, and a refund.
  w.pay().subscriptions["s1"] = w.snapshot(w.acme, "s1", SubscriptionStatus::past_due, 5);
  w.pay().subscriptions["s2"] = w.snapshot(w.rival, "s2", SubscriptionStatus::active, 5);
  w.pay().history = {w.markEvent("evt_9", "refund", "full", w.rival, "s2", 10)};

  DoctorPage page = look(w, false);
  CHECK(page.customers == 2);
  REQUIRE(find(page, "subscription_differs"));
  CHECK(find(page, "subscription_differs")->difference.org == w.acme.org);
  REQUIRE(find(page, "subscription_unknown_here"));
  REQUIRE(find(page, "refund_full_unknown_here"));
  CHECK(find(page, "webhook_endpoint_missing"));  // the plugin's own finding
  CHECK(w.state(w.acme) == "active");             // asking changes nothing
  CHECK(w.state(w.rival) == "pending");

  page = look(w, true);
  CHECK(find(page, "subscription_differs")->repaired);
  CHECK(find(page, "subscription_unknown_here")->repaired);
  CHECK(find(page, "refund_full_unknown_here")->repaired);
  CHECK(w.state(w.acme) == "grace");
  CHECK(w.state(w.rival) == "revoked");

  page = look(w, false);
  CHECK_FALSE(find(page, "subscription_differs"));
  CHECK_FALSE(find(page, "subscription_unknown_here"));
  CHECK_FALSE(find(page, "refund_full_unknown_here"));
}

BILLING_TEST("a subscription that the provider does not know ends only when it stays away") {
  World w(env);
  w.checkout(w.acme);
  w.deliver(w.subscriptionEvent("evt_1", w.snapshot(w.acme, "s1", SubscriptionStatus::active, 1)));
  DoctorPage page = look(w, true);
  REQUIRE(find(page, "subscription_gone_there"));
  CHECK(w.state(w.acme) == "active");
  env.clock.advance(hours(1) + minutes(1));
  (void)look(w, true);
  CHECK(w.state(w.acme) == "revoked");
}

BILLING_TEST("doctor says what no word of a provider can settle") {
  World w(env);
  w.checkout(w.acme);
  const auto at_pay = w.snapshot(w.acme, "s1", SubscriptionStatus::active, 1);
  w.pay().subscriptions["s1"] = at_pay;
  w.deliver(w.subscriptionEvent("evt_1", at_pay));
  SUBCASE("two subscriptions at once") {
    w.pay().subscriptions["s2"] = w.snapshot(w.acme, "s2", SubscriptionStatus::active, 2);
    w.deliver(w.subscriptionEvent("evt_2", w.pay().subscriptions["s2"]));
    const auto page = look(w, false, w.acme.org);
    REQUIRE(find(page, "several_running"));
    CHECK(find(page, "several_running")->difference.text.find("s2 at pay") != std::string::npos);
  }
  SUBCASE("a price that the provider takes another amount for") {
    plugin::ProviderOffer offer;
    offer.product_id = "prod_solo";
    offer.amount_minor = 3900;
    offer.currency = "USD";
    w.pay().offers = {offer};
    const auto page = look(w, true);
    REQUIRE(find(page, "price_amount_differs"));
    CHECK_FALSE(find(page, "price_amount_differs")->repaired);
    CHECK(find(page, "price_missing"));  // of the team plan
  }
  SUBCASE("a provider that does not answer") {
    w.pay().broken["list_subscriptions"] = Error{Errc::unavailable, "down for maintenance"};
    const auto page = look(w, true);
    REQUIRE(find(page, "unavailable"));
    CHECK(w.state(w.acme) == "active");
  }
  SUBCASE("an answer about another customer") {
    w.pay().before = [&w](const std::string& op) {
      if (op == "list_subscriptions")
        w.pay().subscriptions["s1"].customer_id = w.customer(w.acme);
    };
    w.pay().subscriptions["s1"] = at_pay;
    CHECK_FALSE(find(look(w, true, w.acme.org), "provider_error"));
  }
}

BILLING_TEST("doctor goes through many customers page by page") {
  World w(env);
  for (int i = 0; i < 25; ++i) {
    const std::string n = std::to_string(100 + i);
    w.checkout(w.party("Org " + n, "o" + n + "@crowd.example"));
  }
  Doctor::Question question;
  std::int64_t customers = 0;
  int pages = 0;
  do {
    const auto page = w.billing->doctor().look(question, w.context());
    REQUIRE(page);
    customers += page->customers;
    question.cursor = page->next_cursor;
    ++pages;
  } while (!question.cursor.empty());
  CHECK(customers == 25);
  CHECK(pages == 2);
}

BILLING_TEST("stored webhooks are listed, shown and replayed") {
  World w(env);
  billing::addBillingOperatorRoutes(w.router, *w.billing);
  w.checkout(w.acme);
  const auto good = w.snapshot(w.acme, "s1", SubscriptionStatus::active, 1);
  w.deliver(w.subscriptionEvent("evt_1", good));
  // Nobody knows the rival yet: parked.
  w.deliver(w.subscriptionEvent("evt_2", w.snapshot(w.rival, "s2", SubscriptionStatus::active, 1)));
  const auto ask = [&](const std::string& method, const std::string& path,
                       const std::string& query = "") {
    http::Request request;
    request.method = method;
    request.path = path;
    request.target = path + query;
    request.query = *http::parseForm(query.empty() ? "" : query.substr(1));
    if (method == "POST") {
      request.headers.add("Content-Type", "application/json");
      request.body = "{}";
    }
    auto answer = w.send(request);
    REQUIRE_MESSAGE(answer, answer.error().text());
    return *parseJson(answer->body);
  };
  Json list = ask("GET", "/v1/admin/webhooks");
  CHECK(list["webhooks"].size() == 2);
  CHECK(list["counts"].intOr("parked") == 1);
  list = ask("GET", "/v1/admin/webhooks", "?state=parked");
  REQUIRE(list["webhooks"].size() == 1);
  const Json& parked = list["webhooks"].items()[0];
  CHECK(parked.strOr("error").find("is not ours") != std::string::npos);
  const std::string id = parked.strOr("id");

  const Json shown = ask("GET", "/v1/admin/webhooks/" + id)["webhook"];
  CHECK(shown["body"]["events"].size() == 1);
  for (const auto& header : shown["headers"].items())
    CHECK(header.strOr("name") != "Authorization");

  // The customer is known now, but the delivery was stored before: a replay settles it.
  w.checkout(w.rival);
  const Json replayed = ask("POST", "/v1/admin/webhooks/" + id + "/replay")["webhook"];
  CHECK(replayed.strOr("state") == "processed");
  CHECK(w.state(w.rival) == "active");
  // What was processed already changes nothing.
  const auto audited = w.count("audit_log where action = 'subscription.change'");
  const Json again = ask("POST", "/v1/admin/webhooks/" + id + "/replay")["webhook"];
  CHECK(again.strOr("state") == "processed");
  CHECK(w.count("audit_log where action = 'subscription.change'") == audited);
}
