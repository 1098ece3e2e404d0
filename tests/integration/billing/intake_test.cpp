// Stored webhooks decided beside the requests that brought them, on both databases.
#include <atomic>
#include <thread>

#include "tests/integration/billing/world.hpp"

using namespace ccp;
using namespace ccp::test;

namespace {

bool allDecided(World& w) {
  return w.count("webhook_inbox where state = 'received'") == 0;
}

}  // namespace

BILLING_TEST("webhooks that wait together are decided together, in any number") {
  World w(env);
  w.checkout(w.acme);
  w.billing->intake().start();
  std::vector<std::thread> senders;
  std::atomic<int> accepted{0};
  for (int t = 0; t < 4; ++t) {
    senders.emplace_back([&, t] {
      for (int i = 0; i < 40; ++i) {
        const int n = t * 40 + i;
        const auto event = w.subscriptionEvent("evt_" + std::to_string(n),
                                               w.snapshot(w.acme, "s1", SubscriptionStatus::active, n));
        if (w.deliver(event) == 200) ++accepted;
      }
    });
  }
  for (auto& sender : senders) sender.join();
  CHECK(accepted == 160);
  CHECK(soon([&] { return allDecided(w); }));
  w.billing->intake().stop();
  CHECK(w.count("webhook_inbox where state = 'processed'") == 160);
  CHECK(w.count("billing_subscriptions") == 1);
  CHECK(w.state(w.acme) == "active");
}

BILLING_TEST("a delivery that is nobody's parks alone; the others of its group are applied") {
  World w(env);
  w.checkout(w.acme);
  auto foreign = w.snapshot(w.acme, "s9", SubscriptionStatus::active, 1);
  foreign.customer_id = "cust_of_nobody";
  std::vector<billing::Stored> batch;
  for (const auto& event : {w.subscriptionEvent("evt_1", foreign),
                            w.subscriptionEvent("evt_2", w.snapshot(w.acme, "s1", SubscriptionStatus::active, 2))}) {
    const auto accepted = w.accept(event);
    REQUIRE(accepted);
    REQUIRE(accepted->stored);
    batch.push_back(*accepted->stored);
  }
  CHECK(w.billing->inbox().processTogether(batch).empty());
  CHECK(w.count("webhook_inbox where state = 'parked'") == 1);
  CHECK(w.state(w.acme) == "active");
  // What is settled already is left alone.
  CHECK(w.billing->inbox().processTogether(batch).empty());
  CHECK(w.count("audit_log where action = 'subscription.change'") == 1);
}

BILLING_TEST("without its threads the one who receives decides") {
  World w(env);
  w.checkout(w.acme);
  w.billing->intake().start();
  w.billing->intake().stop();
  CHECK(!w.billing->intake().running());
  CHECK(w.deliver(w.subscriptionEvent("evt_1", w.snapshot(w.acme, "s1", SubscriptionStatus::active,
                                                         1))) == 200);
  CHECK(w.state(w.acme) == "active");
}

BILLING_TEST("what the intake drops when it stops is the worker's") {
  World w(env);
  w.checkout(w.acme);
  w.billing->intake().start();
  for (int n = 0; n < 200; ++n) {
    w.deliver(w.subscriptionEvent("evt_" + std::to_string(n),
                                  w.snapshot(w.acme, "s1", SubscriptionStatus::active, n)));
  }
  w.billing->intake().stop();
  w.billing->worker().round(true);
  CHECK(allDecided(w));
  CHECK(w.count("webhook_inbox where state = 'processed'") == 200);
}

BILLING_TEST("the worker goes on at once while more deliveries are due than a round takes") {
  World w(env);
  w.checkout(w.acme);
  constexpr int kMore = billing::Inbox::kRound + 1;
  for (int n = 0; n < kMore; ++n) {
    REQUIRE(w.accept(w.subscriptionEvent("evt_" + std::to_string(n),
                                         w.snapshot(w.acme, "s1", SubscriptionStatus::active, n))));
  }
  env.clock.advance(seconds(6));  // those who received them have had their time
  CHECK(w.billing->worker().round(false));
  CHECK(w.count("webhook_inbox where state = 'received'") == kMore - billing::Inbox::kRound);
  CHECK(!w.billing->worker().round(false));
  CHECK(allDecided(w));
}
