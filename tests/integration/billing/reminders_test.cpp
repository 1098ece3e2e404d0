// Mails to owners on both databases: once each, through crashes, mail servers that are down, and payments
// that come in time.
#include "tests/integration/billing/world.hpp"

using namespace ccp;
using namespace ccp::test;

namespace {

struct MailBox final : net::Mailer {
  std::vector<net::Mail> sent;
  int failures = 0;
  Status send(const net::Mail& mail) override {
    if (failures > 0) {
      --failures;
      return fail(Errc::unavailable, "the mail server is down");
    }
    sent.push_back(mail);
    return {};
  }
};

/// A world whose billing sends mail.
struct MailWorld : World {
  explicit MailWorld(TempDb& e) : World(e) { reopen(); }
  MailBox box;
  void reopen() {
    billing.reset();
    router = http::Router();
    billing = std::make_unique<billing::Feature>(
        billing::Feature::Deps{env.db(), env.clock, env.random, env.metrics, live, directory,
                               licensing->licenses(), *source, &box});
    billing::addBillingRoutes(router, *billing);
  }
  /// Hours pass; the workers look every hour.
  void pass(int hours_) {
    for (int i = 0; i < hours_; ++i) {
      env.clock.advance(hours(1));
      REQUIRE(licensing->licenses().recomputeDue(100));
      REQUIRE(billing->reminders().run());
    }
  }
  void fails(const Party& party, int minute) {
    deliver(subscriptionEvent("evt_fail_" + party.org, snapshot(party, "s_" + party.org, SubscriptionStatus::past_due, minute)));
  }
};

}  // namespace

BILLING_TEST("owners hear of a failed payment on its days, once each") {
  MailWorld w(env);
  w.checkout(w.acme);
  w.fails(w.acme, 0);
  CHECK(w.state(w.acme) == "grace");
  w.pass(23);
  CHECK(w.box.sent.empty());
  w.pass(2);
  REQUIRE(w.box.sent.size() == 1);
  CHECK(w.box.sent[0].to == "owner@acme.example");
  CHECK(w.box.sent[0].text.find("https://ccp.example/billing") != std::string::npos);
  CHECK(w.box.sent[0].subject.find("6 days left") != std::string::npos);
  w.reopen();  // a restart changes nothing
  w.fails(w.acme, 0);
  w.pass(24 * 20);
  CHECK(w.box.sent.size() == 3);
  CHECK(w.state(w.acme) == "suspended");
  CHECK(w.count("billing_mails where state = 'sent'") == 3);
}

BILLING_TEST("who has paid hears nothing more, not even of mail that waits") {
  MailWorld w(env);
  w.checkout(w.acme);
  w.fails(w.acme, 0);
  w.box.failures = 5;
  w.pass(25);
  CHECK(w.box.sent.empty());
  CHECK(w.count("billing_mails where state = 'waiting'") == 1);
  w.box.failures = 0;
  auto paid = w.snapshot(w.acme, "s_" + w.acme.org, SubscriptionStatus::active, 25 * 60);
  w.deliver(w.subscriptionEvent("evt_paid", paid));
  w.pass(24 * 20);
  CHECK(w.box.sent.empty());
  CHECK(w.count("billing_mails where state = 'dropped'") == 1);
}

BILLING_TEST("a mail server that is down costs no reminder") {
  MailWorld w(env);
  w.checkout(w.acme);
  w.fails(w.acme, 0);
  w.box.failures = 3;
  w.pass(24 * 2);
  REQUIRE(w.box.sent.size() == 1);
  CHECK(w.count("billing_mails where state = 'sent'") == 1);
}

BILLING_TEST("a node that died between deciding and sending is followed by one that sends") {
  MailWorld w(env);
  w.checkout(w.acme);
  w.fails(w.acme, 0);
  {
    // This node decides and never sends.
    billing::Repository repository;
    billing::Reminders silent(env.db(), repository, w.directory, w.licensing->licenses(), nullptr, w.live, env.clock,
                              env.random, env.metrics);
    env.clock.advance(hours(25));
    REQUIRE(silent.run());
  }
  CHECK(w.box.sent.empty());
  CHECK(w.count("billing_mails where state = 'waiting'") == 1);
  w.pass(1);
  CHECK(w.box.sent.size() == 1);
}

BILLING_TEST("two nodes send each reminder once") {
  MailWorld w(env);
  w.checkout(w.acme);
  w.checkout(w.rival);
  w.fails(w.acme, 0);
  w.fails(w.rival, 0);
  env.clock.advance(hours(25));
  billing::Repository repository;
  billing::Reminders other(env.db(), repository, w.directory, w.licensing->licenses(), &w.box, w.live, env.clock,
                           env.random, env.metrics);
  REQUIRE(other.run());
  REQUIRE(w.billing->reminders().run());
  CHECK(w.box.sent.size() == 2);
}

BILLING_TEST("the end of a trial is announced three days before") {
  MailWorld w(env);
  w.checkout(w.acme);
  auto trial = w.snapshot(w.acme, "s1", SubscriptionStatus::trialing, 0);
  trial.trial_end_at = w.start + hours(24 * 14);
  w.deliver(w.subscriptionEvent("evt_1", trial));
  w.pass(24 * 11 - 1);
  CHECK(w.box.sent.empty());
  w.pass(2);
  REQUIRE(w.box.sent.size() == 1);
  CHECK(w.box.sent[0].subject.find("your trial ends on") != std::string::npos);
  w.pass(24 * 5);
  CHECK(w.box.sent.size() == 1);
}

BILLING_TEST("a payment that failed before there were reminders is told of as well") {
  MailWorld w(env);
  w.checkout(w.acme);
  w.fails(w.acme, 0);
  REQUIRE(env.db().write(db::Scope::system(), [](db::Tx& tx) -> Status {
    tx.exec("delete from billing_reminders", {});
    return {};
  }));
  w.reopen();
  w.pass(24 * 8);
  CHECK(w.box.sent.size() == 3);
}

BILLING_TEST("the days are the deployer's") {
  MailWorld w(env);
  w.change([](config::Settings& s) { s.billing.reminder_days = {0, 2}; });
  w.checkout(w.acme);
  w.fails(w.acme, 0);
  w.pass(1);
  CHECK(w.box.sent.size() == 1);
  w.pass(24 * 10);
  CHECK(w.box.sent.size() == 2);
}
