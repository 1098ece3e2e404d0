// Two organizations, real identity and licensing, and a provider in memory that can misbehave: what
// every test of billing starts from.
#pragma once

#include <doctest/doctest.h>

#include <chrono>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <thread>

#include "core/billing/feature.hpp"
#include "core/billing/routes.hpp"
#include "core/identity/directory.hpp"
#include "core/identity/replay_guard.hpp"
#include "core/licensing/feature.hpp"
#include "core/plugin/pipeline.hpp"
#include "tests/support/fake_decider.hpp"
#include "tests/support/soon.hpp"
#include "tests/support/temp_db.hpp"

namespace ccp::identity {
extern const db::MigrationSet kMigrations;
}

namespace ccp::test {

using plugin::SubscriptionSnapshot;
using plugin::SubscriptionStatus;

/// A provider with customers, checkouts and subscriptions. A webhook is good when it carries
/// "x-signature: good"; its body is {"events":[…]} in the facade's own words.
class FakeProvider final : public plugin::BillingProvider {
 public:
  explicit FakeProvider(std::string name) : name_(std::move(name)) {}

  std::map<std::string, SubscriptionSnapshot> subscriptions;
  std::map<std::string, plugin::Checkout> checkouts;
  std::map<std::string, std::string> customers;  ///< org -> customer
  std::vector<plugin::CheckoutRequest> requests;
  std::vector<plugin::SubscriptionChange> changes;
  std::vector<plugin::UsageRecord> usage;
  std::vector<plugin::ProviderOffer> offers;
  std::vector<Json> history;  ///< what list_events tells, in eventJson's words
  std::vector<std::string> keys;  ///< idempotency keys of createCheckout
  std::vector<std::string> change_keys;  ///< … of changeSubscription
  std::string refused_customer;          ///< whose usage is refused
  std::map<std::string, std::vector<std::string>> lies;  ///< customer -> what its list says instead
  std::map<std::string, int> calls;
  std::map<std::string, Error> broken;  ///< op -> what it answers instead
  std::function<void(const std::string& op)> before;
  std::function<void(const std::string& op)> after;  ///< of the calls that change something
  int page_size = 2;
  bool tells = false;  ///< verify_webhook tells the event
  std::vector<std::size_t> together;  ///< deliveries in each verify_webhook

  const std::string& instance() const override { return name_; }

  Result<std::string> ensureCustomer(const plugin::CallContext&, const std::string& org,
                                     const std::string&, const std::string&) override;
  Result<plugin::Checkout> createCheckout(const plugin::CallContext& ctx,
                                          const plugin::CheckoutRequest& request) override;
  Result<plugin::Checkout> getCheckout(const plugin::CallContext&, const std::string& id) override;
  Result<std::string> createPortalLink(const plugin::CallContext&, const std::string& customer,
                                       const std::string&, const std::string&) override;
  Result<SubscriptionSnapshot> getSubscription(const plugin::CallContext&,
                                               const std::string& id) override;
  Result<SubscriptionPage> listSubscriptions(const plugin::CallContext&,
                                             const std::string& customer,
                                             const std::string& cursor) override;
  std::vector<Result<plugin::WebhookFacts>> verifyWebhooks(
      const plugin::CallContext&, const std::vector<plugin::Webhook>& deliveries) override;
  std::vector<Result<std::vector<plugin::BillingEvent>>> parseWebhooks(
      const plugin::CallContext&, const std::vector<plugin::Webhook>& deliveries) override;
  Result<std::vector<plugin::BillingEvent>> fetchEvent(const plugin::CallContext&,
                                                       const Json& what) override;
  Result<SubscriptionSnapshot> changeSubscription(const plugin::CallContext& ctx,
                                                  const plugin::SubscriptionChange& change) override;
  Status reportUsage(const plugin::CallContext&,
                     const std::vector<plugin::UsageRecord>& records) override;
  Result<OfferPage> listPrices(const plugin::CallContext&, const std::string&) override;
  Result<EventPage> listEvents(const plugin::CallContext&, Timestamp since,
                               const std::vector<plugin::BillingEventKind>&,
                               const std::string&) override;
  Result<Json> diagnose(const plugin::CallContext&) override;

  /// One event as a signed body.
  static Json eventJson(const std::string& id, const char* kind, std::optional<Timestamp> at);

 private:
  Status enter(const char* op);
  Result<plugin::WebhookFacts> verify(const plugin::Webhook& delivery);
  Result<std::vector<plugin::BillingEvent>> parse(std::string_view body);
  static Result<plugin::BillingEvent> eventFrom(const Json& json);

  std::string name_;
  std::mutex mutex_;
};

struct FakeProviders final : plugin::BillingProviders {
  std::map<std::string, std::shared_ptr<FakeProvider>> all;
  Result<std::shared_ptr<plugin::BillingProvider>> find(const std::string& instance) override;
  std::vector<std::string> instances() const override;
};

config::Settings billingSettings(const std::string& state_dir);

struct World {
  struct Party {
    std::string org, user;
    http::Principal principal() const {
      http::Principal out;
      out.kind = http::PrincipalKind::access_token;
      out.org = org;
      out.user = user;
      out.role = "owner";
      out.scopes = {"license", "usage", "billing", "dash"};
      return out;
    }
    billing::Buyer buyer() const { return {org, user, "user:" + user}; }
  };

  explicit World(TempDb& e);
  ~World();

  /// A process ends and another one begins: nothing in memory survives.
  void restart();
  /// As a reload does.
  template <class F>
  void change(F&& how) {
    config::Settings next = *live.now();
    how(next);
    live.publish(std::move(next));
  }
  FakeProvider& pay() { return *providers.all["pay"]; }
  FakeProvider& other() { return *providers.all["other"]; }

  Party party(const std::string& name, const std::string& email);

  plugin::CallContext context() { return {}; }
  std::string customer(const Party& party) { return "cust_" + party.org; }
  /// The org has begun to buy: the customer row is there.
  billing::CheckoutRow checkout(const Party& party, const std::string& price = "solo-month",
                                std::int64_t quantity = 1);

  SubscriptionSnapshot snapshot(const Party& party, const std::string& id,
                                SubscriptionStatus status, int minute,
                                const std::string& product = "prod_solo");
  Timestamp at(int minute) const { return start + minutes(minute); }

  Json subscriptionEvent(const std::string& id, const SubscriptionSnapshot& s);
  Json markEvent(const std::string& id, const char* kind, const char* outcome, const Party& party,
                 const std::string& subscription, int minute);
  static std::string body(const Json& event);
  http::Request webhookRequest(const std::string& text, const std::string& path = "/webhooks/pay",
                               const std::string& signature = "good");
  Result<http::Response> send(http::Request request);
  int deliver(const Json& event);
  /// The same without a route, and whatever becomes of it.
  static billing::Delivery delivery(const Json& event, const std::string& instance = "pay");
  Result<billing::Accepted> receive(const Json& event);
  /// Stores it and decides nothing.
  Result<billing::Accepted> accept(const Json& event);
  http::Request request(const Party& party, const std::string& method, const std::string& path,
                        const Json& json = {});

  licensing::License license(const Party& party);
  std::string state(const Party& party);
  std::string plan(const Party& party) { return license(party).decision.plan; }
  std::int64_t count(const std::string& sql, const db::Binds& binds = {});
  std::vector<billing::SubscriptionRow> rows(const Party& party);
  billing::SubscriptionRow only(const Party& party);

  static std::unique_ptr<licensing::Feature> open(TempDb& e, const config::Settings& settings);

  TempDb& env;
  TempDir dir;
  config::Settings settings;
  config::LiveSettings live;
  Timestamp start = env.clock.now();
  FakeDecider decider;
  std::unique_ptr<licensing::Feature> licensing;
  identity::StoredDirectory directory;
  identity::StoredReplayGuard replays;
  FakeProviders providers;
  plugin::BillingProviders* source = &providers;  ///< what the feature uses after restart()
  std::unique_ptr<billing::Feature> billing;
  http::Router router;
  Party acme, rival;
};

template <class T>
std::string codeOf(const Result<T>& result) {
  return result ? "ok" : result.error().name();
}
inline const std::function<bool()> kGoOn = [] { return false; };

}  // namespace ccp::test

#define BILLING_TEST(name)                                                     \
  CCP_DB_TEST(name, &ccp::identity::kMigrations, &ccp::licensing::kMigrations, \
              &ccp::billing::kMigrations, &ccp::plugin::kMigrations)
