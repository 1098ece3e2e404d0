// Deliveries on their way into the inbox: together where they wait together, apart by instance, each with
// its own answer.
#include <atomic>
#include <condition_variable>
#include <future>
#include <thread>

#include "tests/integration/billing/world.hpp"

using namespace ccp;
using namespace ccp::test;
using plugin::SubscriptionStatus;

namespace {

using Answer = Result<billing::Accepted>;

/// What became of deliveries, as their answers come.
struct Answers {
  std::mutex mutex;
  std::condition_variable changed;
  std::vector<std::pair<std::string, Answer>> all;

  billing::Reception::Done of(const std::string& name) {
    return [this, name](Answer answer) {
      const std::lock_guard lock(mutex);
      all.emplace_back(name, std::move(answer));
      changed.notify_all();
    };
  }
  bool await(std::size_t n) {
    std::unique_lock lock(mutex);
    return changed.wait_for(lock, std::chrono::seconds(20), [&] { return all.size() >= n; });
  }
  std::size_t count() {
    const std::lock_guard lock(mutex);
    return all.size();
  }
};

/// Holds a provider's verify_webhook until it is opened.
struct Gate {
  std::mutex mutex;
  std::condition_variable changed;
  int inside = 0;
  bool opened = false;

  explicit Gate(FakeProvider& provider) {
    provider.before = [this](const std::string& op) {
      if (op != "verify_webhook") return;
      std::unique_lock lock(mutex);
      ++inside;
      changed.notify_all();
      changed.wait_for(lock, std::chrono::seconds(20), [this] { return opened; });
    };
  }
  bool await() {
    std::unique_lock lock(mutex);
    return changed.wait_for(lock, std::chrono::seconds(20), [this] { return inside > 0; });
  }
  bool isOpen() {
    const std::lock_guard lock(mutex);
    return opened;
  }
  void open() {
    const std::lock_guard lock(mutex);
    opened = true;
    changed.notify_all();
  }
};

/// A world whose reception runs.
struct Receiving : World {
  explicit Receiving(TempDb& e) : World(e) {
    checkout(acme);
    billing->reception().start();
  }
};

Json numbered(World& w, int n) {
  return w.subscriptionEvent("evt_" + std::to_string(n), w.snapshot(w.acme, "s1", SubscriptionStatus::active, n));
}

}  // namespace

BILLING_TEST("what waits for a plugin is verified and stored together, and each learns of its own") {
  Receiving w(env);
  auto& reception = w.billing->reception();
  Gate gate(w.pay());
  Answers answers;
  constexpr int kMany = 40;
  for (int n = 0; n < kMany; ++n) {
    auto delivery = World::delivery(numbered(w, n == 7 ? 6 : n));
    if (n == 3) delivery.headers = {{"x-signature", "forged"}};
    reception.offer(std::move(delivery), answers.of(std::to_string(n)));
  }
  REQUIRE(gate.await());
  CHECK(reception.inFlight() == kMany);
  gate.open();
  REQUIRE(answers.await(kMany));
  CHECK(reception.inFlight() == 0);
  reception.stop();
  // Each of its threads takes what has come when it looks; all the rest waits for the first that is free.
  CHECK(w.pay().together.size() <= 8);
  int duplicates = 0;
  for (const auto& given : answers.all) {  // no structured binding: clang 14 cannot capture one
    const auto& name = given.first;
    const auto& answer = given.second;
    CAPTURE(name);
    if (name == "3") {
      CHECK(answer.error().code == Errc::signature_invalid);
    } else {
      REQUIRE(answer);
      duplicates += answer->duplicate ? 1 : 0;
      CHECK(answer->stored.has_value() != answer->duplicate);
    }
  }
  CHECK(duplicates == 1);
  CHECK(w.count("webhook_inbox") == kMany - 2);
}

BILLING_TEST("a plugin that hangs holds up its own webhooks and nobody else's") {
  Receiving w(env);
  auto& reception = w.billing->reception();
  Gate gate(w.pay());
  Answers hung, fine;
  for (int n = 0; n < 20; ++n) reception.offer(World::delivery(numbered(w, n)), hung.of("pay"));
  REQUIRE(gate.await());
  for (int n = 0; n < 20; ++n) reception.offer(World::delivery(numbered(w, n), "other"), fine.of("other"));
  CHECK(fine.await(20));
  CHECK(hung.count() == 0);
  gate.open();
  CHECK(hung.await(20));
  reception.stop();
  CHECK(w.count("webhook_inbox") == 40);
}

BILLING_TEST("what waits when it stops is told so, what is under way is finished") {
  Receiving w(env);
  auto& reception = w.billing->reception();
  Gate gate(w.pay());
  Answers answers;
  constexpr std::size_t kMany = 400;
  for (int n = 0; n < static_cast<int>(kMany); ++n) reception.offer(World::delivery(numbered(w, n)), answers.of("pay"));
  REQUIRE(gate.await());
  auto stopped = std::async(std::launch::async, [&] { reception.stop(); });
  // More than its threads hold at once waits, and is told at once.
  REQUIRE(answers.await(1));
  gate.open();
  stopped.get();
  REQUIRE(answers.await(kMany));
  std::size_t stored = 0;
  for (const auto& [name, answer] : answers.all) {
    stored += answer ? 1 : 0;
    if (!answer) CHECK(answer.error().code == Errc::shutting_down);
  }
  CHECK(stored > 0);
  CHECK(stored < kMany);
  CHECK(w.count("webhook_inbox") == static_cast<std::int64_t>(stored));
  // Afterwards the caller does the work.
  CHECK(w.receive(numbered(w, 1000)));
}

BILLING_TEST("an instance that nobody configured is refused at once, and too many that wait are") {
  Receiving w(env);
  auto& reception = w.billing->reception();
  Answers answers;
  reception.offer(World::delivery(numbered(w, 1), "nobody"), answers.of("nobody"));
  REQUIRE(answers.count() == 1);
  CHECK(answers.all[0].second.error().code == Errc::not_found);
  Gate gate(w.pay());
  constexpr std::size_t kMany = 5000;
  for (int n = 0; n < static_cast<int>(kMany); ++n) reception.offer(World::delivery(numbered(w, 1)), answers.of("pay"));
  const std::size_t refused = answers.count() - 1;
  CHECK(refused >= kMany - 4096 - 4 * 64);
  CHECK(refused < kMany - 4000);
  CHECK(answers.all.back().second.error().code == Errc::overloaded);
  CHECK(answers.all.back().second.error().retry_after_s > 0);
  gate.open();
  CHECK(answers.await(kMany + 1));
  reception.stop();
  CHECK(w.count("webhook_inbox") == 1);
}

BILLING_TEST("what waited beyond its deadline is refused, and hurries nobody else") {
  World w(env);
  w.checkout(w.acme);
  std::vector<billing::Delivery> two;
  two.push_back(World::delivery(numbered(w, 1)));
  two.push_back(World::delivery(numbered(w, 2)));
  two[0].deadline = Deadline::after(env.clock, seconds(1));
  env.clock.advance(seconds(2));
  const auto answers = w.billing->webhooks().accept("pay", std::move(two));
  CHECK(answers[0].error().code == Errc::overloaded);
  CHECK(answers[0].error().retry_after_s > 0);
  CHECK(answers[1].has_value());
  CHECK(w.pay().together == std::vector<std::size_t>{1});
  CHECK(w.count("webhook_inbox") == 1);
}

BILLING_TEST("a plugin that tells its event is not asked to parse before the acknowledgement") {
  World w(env);
  w.checkout(w.acme);
  w.pay().tells = true;
  const auto accepted = w.accept(numbered(w, 1));
  REQUIRE(accepted);
  CHECK(w.pay().calls["parse_webhook"] == 0);
  CHECK_FALSE(accepted->stored->events.has_value());
  CHECK(w.count("webhook_inbox where event_id = 'evt_1' and event_type = 'subscription.test' and provider_customer_id = ''") == 1);
  CHECK(w.billing->inbox().processTogether({*accepted->stored}).empty());
  CHECK(w.pay().calls["parse_webhook"] == 1);
  CHECK(w.state(w.acme) == "active");
  // Whom it names is known when it is decided.
  CHECK(w.count("webhook_inbox where state = 'processed' and provider_customer_id <> ''") == 1);
  CHECK(w.accept(numbered(w, 1))->duplicate);
}

BILLING_TEST("one that cannot be parsed is tried alone, and the others of its group are applied") {
  World w(env);
  w.checkout(w.acme);
  const auto good = w.accept(numbered(w, 2));
  std::vector<billing::Delivery> one;
  one.push_back({"pay", {{"x-signature", "good"}}, "no JSON", Deadline::none(), ""});
  const auto odd = std::move(w.billing->webhooks().accept("pay", std::move(one)).front());
  REQUIRE(good);
  REQUIRE(odd);
  const auto alone = w.billing->inbox().processTogether({*odd->stored, *good->stored});
  CHECK(alone == std::vector<std::string>{odd->id});
  CHECK(w.state(w.acme) == "active");
}

BILLING_TEST("in a burst acknowledgements come first, and decisions when it is over") {
  Receiving w(env);
  auto& reception = w.billing->reception();
  w.billing->intake().start();
  // Stored and offered for a decision, while many others wait for their acknowledgement.
  Gate gate(w.other());
  Answers burst;
  std::atomic<bool> decided_in_the_burst{false};
  w.pay().tells = true;
  w.pay().before = [&](const std::string& op) {
    if (op == "parse_webhook") decided_in_the_burst = !gate.isOpen();
  };
  for (int n = 0; n < 20; ++n) reception.offer(World::delivery(numbered(w, n), "other"), burst.of("other"));
  REQUIRE(gate.await());
  CHECK(w.deliver(numbered(w, 1)) == 200);
  CHECK(w.count("webhook_inbox where instance = 'pay' and state = 'received'") == 1);
  SUBCASE("it is over") {
    gate.open();
    CHECK(soon([&] { return w.state(w.acme) == "active"; }));
    CHECK(!decided_in_the_burst);
  }
  SUBCASE("it goes on for longer than a decision may wait") {
    env.clock.advance(seconds(3));
    CHECK(soon([&] { return w.state(w.acme) == "active"; }));
    CHECK(decided_in_the_burst);
  }
  gate.open();
  CHECK(burst.await(20));
  reception.stop();
  w.billing->intake().stop();
}
