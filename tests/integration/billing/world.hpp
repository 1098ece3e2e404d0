// Two organizations, real identity and licensing, and a provider in memory that can misbehave: what
// every test of billing starts from.
#pragma once

#include <doctest/doctest.h>

#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>

#include "core/billing/feature.hpp"
#include "core/billing/routes.hpp"
#include "core/identity/directory.hpp"
#include "core/identity/replay_guard.hpp"
#include "core/licensing/feature.hpp"
#include "core/plugin/pipeline.hpp"
#include "tests/support/fake_decider.hpp"
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

  const std::string& instance() const override { return name_; }

  Result<std::string> ensureCustomer(const plugin::CallContext&, const std::string& org,
                                     const std::string&, const std::string&) override {
    CCP_CHECK_OK(enter("ensure_customer"));
    return customers.emplace(org, "cust_" + org).first->second;
  }
  Result<plugin::Checkout> createCheckout(const plugin::CallContext& ctx,
                                          const plugin::CheckoutRequest& request) override {
    CCP_CHECK_OK(enter("create_checkout"));
    requests.push_back(request);
    keys.push_back(ctx.idempotency_key);
    plugin::Checkout out;
    out.id = "co_" + ctx.idempotency_key;
    out.url = "https://pay.example/" + out.id;
    out.status = "open";
    out.customer_id = request.customer_id;
    const auto made = checkouts.emplace(out.id, out).first->second;
    if (after) after("create_checkout");
    return made;
  }
  Result<plugin::Checkout> getCheckout(const plugin::CallContext&, const std::string& id) override {
    CCP_CHECK_OK(enter("get_checkout"));
    const auto found = checkouts.find(id);
    if (found == checkouts.end()) return fail(Errc::not_found, "no checkout");
    return found->second;
  }
  Result<std::string> createPortalLink(const plugin::CallContext&, const std::string& customer,
                                       const std::string&, const std::string&) override {
    CCP_CHECK_OK(enter("create_portal_link"));
    return "https://pay.example/portal/" + customer;
  }
  Result<SubscriptionSnapshot> getSubscription(const plugin::CallContext&,
                                               const std::string& id) override {
    CCP_CHECK_OK(enter("get_subscription"));
    const auto found = subscriptions.find(id);
    if (found == subscriptions.end()) return fail(Errc::not_found, "no subscription");
    return found->second;
  }
  Result<SubscriptionPage> listSubscriptions(const plugin::CallContext&,
                                             const std::string& customer,
                                             const std::string& cursor) override {
    CCP_CHECK_OK(enter("list_subscriptions"));
    SubscriptionPage page;
    if (const auto lie = lies.find(customer); lie != lies.end()) {
      for (const auto& id : lie->second) page.items.push_back(subscriptions.at(id));
      return page;
    }
    for (const auto& [id, snapshot] : subscriptions) {
      if ((!customer.empty() && snapshot.customer_id != customer) || id <= cursor) continue;
      if (static_cast<int>(page.items.size()) == page_size) {
        page.next_cursor = page.items.back().id;
        break;
      }
      page.items.push_back(snapshot);
    }
    return page;
  }
  Status verifyWebhook(const plugin::CallContext&,
                       const std::vector<std::pair<std::string, std::string>>& headers,
                       std::string_view) override {
    CCP_CHECK_OK(enter("verify_webhook"));
    for (const auto& [name, value] : headers) {
      if (name == "x-signature" && value == "good") return {};
    }
    return fail(Errc::signature_invalid, "no signature fits");
  }
  Result<std::vector<plugin::BillingEvent>> parseWebhook(
      const plugin::CallContext&, const std::vector<std::pair<std::string, std::string>>&,
      std::string_view body) override {
    CCP_CHECK_OK(enter("parse_webhook"));
    CCP_TRY(const Json json, parseJson(body));
    std::vector<plugin::BillingEvent> out;
    for (const auto& item : json["events"].items()) {
      CCP_TRY(auto event, eventFrom(item));
      out.push_back(std::move(event));
    }
    return out;
  }
  Result<std::vector<plugin::BillingEvent>> fetchEvent(const plugin::CallContext&,
                                                       const Json& what) override {
    CCP_CHECK_OK(enter("fetch_event"));
    if (what.find("event")) {
      CCP_TRY(auto told, eventFrom(what["event"]));
      return std::vector{std::move(told)};
    }
    plugin::BillingEvent event;
    event.event_id = what.strOr("id");
    event.kind = plugin::BillingEventKind::subscription;
    const auto found = subscriptions.find(what.strOr("subscription"));
    if (found == subscriptions.end()) return fail(Errc::not_found, "nothing to fetch");
    event.subscription = found->second;
    return std::vector{event};
  }
  Result<SubscriptionSnapshot> changeSubscription(const plugin::CallContext& ctx,
                                                  const plugin::SubscriptionChange& change) override {
    CCP_CHECK_OK(enter("change_subscription"));
    const auto found = subscriptions.find(change.subscription_id);
    if (found == subscriptions.end()) return fail(Errc::not_found, "no subscription");
    auto& s = found->second;
    changes.push_back(change);
    change_keys.push_back(change.action + " " + ctx.idempotency_key);
    if (change.quantity) s.quantity = *change.quantity;
    if (!change.product_id.empty()) s.product_id = change.product_id;
    if (!change.price_id.empty()) s.price_id = change.price_id;
    if (change.action == "cancel") {
      if (change.at_period_end) {
        s.cancel_at_period_end = true;
        s.ends_at = s.period_end_at;
      } else {
        s.status = SubscriptionStatus::canceled;
      }
    }
    if (change.action == "uncancel") s.cancel_at_period_end = false;
    if (change.action == "pause") s.status = SubscriptionStatus::paused;
    if (change.action == "resume") s.status = SubscriptionStatus::active;
    if (s.modified_at) s.modified_at = *s.modified_at + seconds(1);
    if (after) after("change_subscription");
    return s;
  }
  Status reportUsage(const plugin::CallContext&,
                     const std::vector<plugin::UsageRecord>& records) override {
    CCP_CHECK_OK(enter("report_usage"));
    bool refused = false;
    for (const auto& record : records) {
      if (!refused_customer.empty() && record.customer_id == refused_customer)
        refused = true;
      else
        usage.push_back(record);
    }
    if (after) after("report_usage");
    if (refused) return fail(Errc::validation_failed, "no such customer");
    return {};
  }
  Result<OfferPage> listPrices(const plugin::CallContext&, const std::string&) override {
    CCP_CHECK_OK(enter("list_prices"));
    return OfferPage{offers, ""};
  }
  Result<EventPage> listEvents(const plugin::CallContext&, Timestamp since,
                               const std::vector<plugin::BillingEventKind>&,
                               const std::string&) override {
    CCP_CHECK_OK(enter("list_events"));
    EventPage page;
    for (const auto& json : history) {
      CCP_TRY(auto event, eventFrom(json));
      if (event.occurred_at && *event.occurred_at < since) continue;
      page.events.push_back(std::move(event));
    }
    return page;
  }
  Result<Json> diagnose(const plugin::CallContext&) override {
    return Json::array({Json::object({{"level", "warn"},
                                      {"code", "webhook_endpoint_missing"},
                                      {"text", "No endpoint points here."}})});
  }

  /// One event as a signed body.
  static Json eventJson(const std::string& id, const char* kind, std::optional<Timestamp> at) {
    return Json::object({{"id", id},
                         {"type", std::string(kind) + ".test"},
                         {"kind", kind},
                         {"occurred_us", at ? Json(toMicros(*at)) : Json()}});
  }

 private:
  Status enter(const char* op) {
    const std::lock_guard lock(mutex_);
    if (before) before(op);
    ++calls[op];
    const auto found = broken.find(op);
    if (found != broken.end()) return fail(found->second);
    return {};
  }
  static Result<plugin::BillingEvent> eventFrom(const Json& json) {
    plugin::BillingEvent out;
    out.event_id = json.strOr("id");
    out.type = json.strOr("type");
    const std::string kind = json.strOr("kind");
    using Kind = plugin::BillingEventKind;
    for (const Kind each : {Kind::subscription, Kind::payment, Kind::refund, Kind::dispute,
                            Kind::customer, Kind::checkout, Kind::fetch}) {
      if (kind == plugin::toString(each)) out.kind = each;
    }
    if (const auto at = json.optInt("occurred_us")) out.occurred_at = fromMicros(*at);
    out.customer_id = json.strOr("customer");
    out.subscription_id = json.strOr("subscription_id");
    out.outcome = json.strOr("outcome");
    out.fetch = json["fetch"];
    if (json.find("subscription")) {
      CCP_TRY(out.subscription, SubscriptionSnapshot::from(json["subscription"]));
    }
    return out;
  }

  std::string name_;
  std::mutex mutex_;
};

struct FakeProviders final : plugin::BillingProviders {
  std::map<std::string, std::shared_ptr<FakeProvider>> all;
  Result<std::shared_ptr<plugin::BillingProvider>> find(const std::string& instance) override {
    const auto found = all.find(instance);
    if (found == all.end()) return fail(Errc::not_found, "no instance " + instance);
    return std::shared_ptr<plugin::BillingProvider>(found->second);
  }
  std::vector<std::string> instances() const override {
    std::vector<std::string> out;
    for (const auto& [name, provider] : all) out.push_back(name);
    return out;
  }
};

inline config::Settings billingSettings(const std::string& state_dir) {
  config::Settings s;
  s.product_id = "acme-cli";
  s.state_dir = state_dir;
  s.server.public_url = "https://ccp.example";
  s.billing.default_instance = "pay";
  s.plugins = {config::PluginInstance{"pay", "ccp.billing-polar", "inproc", {}, {}},
               config::PluginInstance{"other", "ccp.billing-stripe", "inproc", {}, {}}};
  config::Price solo{"solo-month", "org",
                     "month",      2900,
                     "USD",        "minimized",
                     14,           {{"pay", {"prod_solo", ""}}, {"other", {"", "price_solo"}}}};
  config::Price team{"team-month", "seat",      "month", 1900,
                     "USD",        "minimized", 0,       {{"pay", {"prod_team", ""}}}};
  s.plans.plans = {
      config::Plan{"community", "Community", {"basics"}, {{"seats", 1}}, {}},
      config::Plan{"solo", "Solo", {"dashboards"}, {{"seats", 1}}, {solo}},
      config::Plan{"team", "Team", {"dashboards", "reviewer_bot"}, {{"seats", 50}}, {team}}};
  return s;
}

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

  explicit World(TempDb& e)
      : env(e),
        settings(billingSettings(dir.path())),
        live(settings),
        licensing(open(e, settings)),
        directory(e.clock, e.random, licensing->seatLimits(), licensing->tokenIssuer()),
        replays(e.db()) {
    licensing->connect(directory, replays, decider);
    for (const char* name : {"pay", "other"})
      providers.all[name] = std::make_shared<FakeProvider>(name);
    acme = party("Acme", "owner@acme.example");
    rival = party("Rival", "owner@rival.example");
    restart();
  }

  /// A process ends and another one begins: nothing in memory survives.
  void restart() {
    router = http::Router();
    billing.reset();
    billing = std::make_unique<billing::Feature>(
        billing::Feature::Deps{env.db(), env.clock, env.random, env.metrics, live, directory,
                               licensing->licenses(), *source});
    billing::addBillingRoutes(router, *billing);
  }
  /// As a reload does.
  template <class F>
  void change(F&& how) {
    config::Settings next = *live.now();
    how(next);
    live.publish(std::move(next));
  }
  FakeProvider& pay() { return *providers.all["pay"]; }

  Party party(const std::string& name, const std::string& email) {
    Party out;
    const auto made = env.db().write(db::Scope::system(), [&](db::Tx& tx) -> Status {
      CCP_TRY(const auto org, directory.createOrg(tx, name, email, "operator"));
      out.org = org.id;
      out.user = directory.userByEmail(tx, email)->id;
      return {};
    });
    if (!made) FAIL(made.error().text());
    return out;
  }

  plugin::CallContext context() { return {}; }
  std::string customer(const Party& party) { return "cust_" + party.org; }
  /// The org has begun to buy: the customer row is there.
  billing::CheckoutRow checkout(const Party& party, const std::string& price = "solo-month",
                                std::int64_t quantity = 1) {
    auto made = billing->checkouts().create(party.buyer(), price, quantity, context());
    if (!made) FAIL(made.error().text());
    return *made;
  }

  SubscriptionSnapshot snapshot(const Party& party, const std::string& id,
                                SubscriptionStatus status, int minute,
                                const std::string& product = "prod_solo") {
    SubscriptionSnapshot out;
    out.id = id;
    out.customer_id = customer(party);
    out.status = status;
    out.product_id = product;
    out.price_id = "";
    out.amount_minor = 2900;
    out.currency = "USD";
    out.modified_at = at(minute);
    out.period_start_at = start;
    out.period_end_at = start + hours(24 * 30);
    if (status == SubscriptionStatus::past_due) out.past_due_at = at(minute);
    return out;
  }
  Timestamp at(int minute) const { return start + minutes(minute); }

  Json subscriptionEvent(const std::string& id, const SubscriptionSnapshot& s) {
    Json out = FakeProvider::eventJson(id, "subscription", s.modified_at);
    out.set("customer", s.customer_id).set("subscription", s.json());
    return out;
  }
  Json markEvent(const std::string& id, const char* kind, const char* outcome, const Party& party,
                 const std::string& subscription, int minute) {
    Json out = FakeProvider::eventJson(id, kind, at(minute));
    out.set("customer", customer(party))
        .set("subscription_id", subscription)
        .set("outcome", outcome);
    return out;
  }
  static std::string body(const Json& event) {
    return Json::object({{"events", Json::array({event})}}).dump();
  }
  http::Request webhookRequest(const std::string& text, const std::string& path = "/webhooks/pay",
                               const std::string& signature = "good") {
    http::Request out;
    out.method = "POST";
    out.path = out.target = path;
    out.body = text;
    out.headers.add("x-signature", signature);
    out.headers.add("Authorization", "Bearer something");
    return out;
  }
  Result<http::Response> send(http::Request request) {
    auto match = router.match(request.method, request.path);
    REQUIRE(match.route != nullptr);
    request.path_params = match.params;
    return match.route->handler(request);
  }
  int deliver(const Json& event) {
    const auto answer = send(webhookRequest(body(event)));
    return answer ? answer->status : answer.error().httpStatus();
  }
  http::Request request(const Party& party, const std::string& method, const std::string& path,
                        const Json& json = {}) {
    http::Request out;
    out.method = method;
    out.path = out.target = path;
    out.principal = party.principal();
    if (!json.isNull()) {
      out.headers.add("Content-Type", "application/json");
      out.body = json.dump();
    }
    return out;
  }

  licensing::License license(const Party& party) {
    auto found =
        env.db().read(db::Scope::org(party.org), [&](db::Tx& tx) -> Result<licensing::License> {
          auto license = licensing->licenses().byOrg(tx, party.org);
          if (!license) return fail(Errc::not_found, "no license");
          return *license;
        });
    REQUIRE(found);
    return *found;
  }
  std::string state(const Party& party) {
    return licensing::toString(license(party).decision.state);
  }
  std::string plan(const Party& party) { return license(party).decision.plan; }
  std::int64_t count(const std::string& sql, const db::Binds& binds = {}) {
    const auto n = env.db().read(db::Scope::system(), [&](db::Tx& tx) -> Result<std::int64_t> {
      return std::get<0>(
          *tx.one<std::int64_t>("select cast(count(*) as bigint) from " + sql, binds));
    });
    REQUIRE(n);
    return *n;
  }
  std::vector<billing::SubscriptionRow> rows(const Party& party) {
    billing::Repository repository;
    const auto found =
        env.db().read(db::Scope::org(party.org),
                      [&](db::Tx& tx) -> Result<std::vector<billing::SubscriptionRow>> {
                        return repository.subscriptionsOf(tx, party.org);
                      });
    REQUIRE(found);
    return *found;
  }
  billing::SubscriptionRow only(const Party& party) {
    const auto all = rows(party);
    REQUIRE(all.size() == 1);
    return all.front();
  }

  static std::unique_ptr<licensing::Feature> open(TempDb& e, const config::Settings& settings) {
    auto opened = licensing::Feature::open(e.db(), e.clock, e.random, e.metrics, settings);
    if (!opened) FAIL(opened.error().text());
    return std::move(*opened);
  }

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
