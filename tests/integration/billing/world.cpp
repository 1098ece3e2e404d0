#include "tests/integration/billing/world.hpp"

#include <algorithm>
#include <future>

#include "core/http/reply.hpp"

namespace ccp::test {

config::Settings billingSettings(const std::string& state_dir) {
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

Result<std::string> FakeProvider::ensureCustomer(const plugin::CallContext&, const std::string& org,
                                   const std::string&, const std::string&) {
  CCP_CHECK_OK(enter("ensure_customer"));
  return customers.emplace(org, "cust_" + org).first->second;
}

Result<plugin::Checkout> FakeProvider::createCheckout(const plugin::CallContext& ctx,
                                        const plugin::CheckoutRequest& request) {
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

Result<plugin::Checkout> FakeProvider::getCheckout(const plugin::CallContext&, const std::string& id) {
  CCP_CHECK_OK(enter("get_checkout"));
  const auto found = checkouts.find(id);
  if (found == checkouts.end()) return fail(Errc::not_found, "no checkout");
  return found->second;
}

Result<std::string> FakeProvider::createPortalLink(const plugin::CallContext&, const std::string& customer,
                                     const std::string&, const std::string&) {
  CCP_CHECK_OK(enter("create_portal_link"));
  return "https://pay.example/portal/" + customer;
}

Result<SubscriptionSnapshot> FakeProvider::getSubscription(const plugin::CallContext&,
                                             const std::string& id) {
  CCP_CHECK_OK(enter("get_subscription"));
  const auto found = subscriptions.find(id);
  if (found == subscriptions.end()) return fail(Errc::not_found, "no subscription");
  return found->second;
}

Result<FakeProvider::SubscriptionPage> FakeProvider::listSubscriptions(const plugin::CallContext&,
                                           const std::string& customer,
                                           const std::string& cursor) {
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

Result<plugin::WebhookFacts> FakeProvider::verify(const plugin::Webhook& delivery) {
  CCP_CHECK_OK(enter("verify_webhook"));
  const auto good = [](const auto& header) { return header.first == "x-signature" && header.second == "good"; };
  if (std::none_of(delivery.headers.begin(), delivery.headers.end(), good)) return fail(Errc::signature_invalid, "no signature fits");
  if (!tells) return plugin::WebhookFacts{};
  CCP_TRY(const Json json, parseJson(delivery.body));
  const Json& event = json["events"].items().at(0);
  return plugin::WebhookFacts{event.strOr("id"), event.strOr("type")};
}

std::vector<Result<plugin::WebhookFacts>> FakeProvider::verifyWebhooks(
    const plugin::CallContext&, const std::vector<plugin::Webhook>& deliveries) {
  {
    const std::lock_guard lock(mutex_);
    together.push_back(deliveries.size());
  }
  std::vector<Result<plugin::WebhookFacts>> out;
  for (const auto& delivery : deliveries) out.push_back(verify(delivery));
  return out;
}

Result<std::vector<plugin::BillingEvent>> FakeProvider::parse(std::string_view body) {
  CCP_CHECK_OK(enter("parse_webhook"));
  CCP_TRY(const Json json, parseJson(body));
  std::vector<plugin::BillingEvent> out;
  for (const auto& item : json["events"].items()) {
    CCP_TRY(auto event, eventFrom(item));
    out.push_back(std::move(event));
  }
  return out;
}

std::vector<Result<std::vector<plugin::BillingEvent>>> FakeProvider::parseWebhooks(
    const plugin::CallContext&, const std::vector<plugin::Webhook>& deliveries) {
  std::vector<Result<std::vector<plugin::BillingEvent>>> out;
  for (const auto& delivery : deliveries) out.push_back(parse(delivery.body));
  return out;
}

Result<std::vector<plugin::BillingEvent>> FakeProvider::fetchEvent(const plugin::CallContext&,
                                                     const Json& what) {
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

Result<SubscriptionSnapshot> FakeProvider::changeSubscription(const plugin::CallContext& ctx,
                                                const plugin::SubscriptionChange& change) {
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

Status FakeProvider::reportUsage(const plugin::CallContext&,
                   const std::vector<plugin::UsageRecord>& records) {
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

Result<FakeProvider::OfferPage> FakeProvider::listPrices(const plugin::CallContext&, const std::string&) {
  CCP_CHECK_OK(enter("list_prices"));
  return OfferPage{offers, ""};
}

Result<FakeProvider::EventPage> FakeProvider::listEvents(const plugin::CallContext&, Timestamp since,
                             const std::vector<plugin::BillingEventKind>&,
                             const std::string&) {
  CCP_CHECK_OK(enter("list_events"));
  EventPage page;
  for (const auto& json : history) {
    CCP_TRY(auto event, eventFrom(json));
    if (event.occurred_at && *event.occurred_at < since) continue;
    page.events.push_back(std::move(event));
  }
  return page;
}

Result<Json> FakeProvider::diagnose(const plugin::CallContext&) {
  return Json::array({Json::object({{"level", "warn"},
                                    {"code", "webhook_endpoint_missing"},
                                    {"text", "No endpoint points here."}})});
}

Json FakeProvider::eventJson(const std::string& id, const char* kind, std::optional<Timestamp> at) {
  return Json::object({{"id", id},
                       {"type", std::string(kind) + ".test"},
                       {"kind", kind},
                       {"occurred_us", at ? Json(toMicros(*at)) : Json()}});
}

Status FakeProvider::enter(const char* op) {
  const std::lock_guard lock(mutex_);
  if (before) before(op);
  ++calls[op];
  const auto found = broken.find(op);
  if (found != broken.end()) return fail(found->second);
  return {};
}

Result<plugin::BillingEvent> FakeProvider::eventFrom(const Json& json) {
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

Result<std::shared_ptr<plugin::BillingProvider>> FakeProviders::find(const std::string& instance) {
  const auto found = all.find(instance);
  if (found == all.end()) return fail(Errc::not_found, "no instance " + instance);
  return std::shared_ptr<plugin::BillingProvider>(found->second);
}

std::vector<std::string> FakeProviders::instances() const {
  std::vector<std::string> out;
  for (const auto& [name, provider] : all) out.push_back(name);
  return out;
}

World::World(TempDb& e)
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

World::~World() = default;

void World::restart() {
  router = http::Router();
  billing.reset();
  billing = std::make_unique<billing::Feature>(
      billing::Feature::Deps{env.db(), env.clock, env.random, env.metrics, live, directory,
                             licensing->licenses(), *source});
  billing::addBillingRoutes(router, *billing);
}

World::Party World::party(const std::string& name, const std::string& email) {
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

billing::CheckoutRow World::checkout(const Party& party, const std::string& price,
                              std::int64_t quantity) {
  auto made = billing->checkouts().create(party.buyer(), price, quantity, context());
  if (!made) FAIL(made.error().text());
  return *made;
}

SubscriptionSnapshot World::snapshot(const Party& party, const std::string& id,
                              SubscriptionStatus status, int minute,
                              const std::string& product) {
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

Json World::subscriptionEvent(const std::string& id, const SubscriptionSnapshot& s) {
  Json out = FakeProvider::eventJson(id, "subscription", s.modified_at);
  out.set("customer", s.customer_id).set("subscription", s.json());
  return out;
}

Json World::markEvent(const std::string& id, const char* kind, const char* outcome, const Party& party,
               const std::string& subscription, int minute) {
  Json out = FakeProvider::eventJson(id, kind, at(minute));
  out.set("customer", customer(party))
      .set("subscription_id", subscription)
      .set("outcome", outcome);
  return out;
}

std::string World::body(const Json& event) {
  return Json::object({{"events", Json::array({event})}}).dump();
}

http::Request World::webhookRequest(const std::string& text, const std::string& path,
                             const std::string& signature) {
  http::Request out;
  out.method = "POST";
  out.path = out.target = path;
  out.body = text;
  out.headers.add("x-signature", signature);
  out.headers.add("Authorization", "Bearer something");
  return out;
}

Result<http::Response> World::send(http::Request request) {
  auto match = router.match(request.method, request.path);
  REQUIRE(match.route != nullptr);
  request.path_params = match.params;
  auto answer = match.route->handler(request);
  if (!answer || !answer->promised) return answer;
  std::promise<Result<http::Response>> given;
  answer->promised->whenGiven([&](Result<http::Response> response) { given.set_value(std::move(response)); });
  return given.get_future().get();
}

int World::deliver(const Json& event) {
  const auto answer = send(webhookRequest(body(event)));
  return answer ? answer->status : answer.error().httpStatus();
}

billing::Delivery World::delivery(const Json& event, const std::string& instance) {
  return {instance, {{"x-signature", "good"}}, body(event), Deadline::none(), ""};
}

Result<billing::Accepted> World::receive(const Json& event) {
  std::promise<Result<billing::Accepted>> done;
  billing->receive(delivery(event), [&](Result<billing::Accepted> accepted) { done.set_value(std::move(accepted)); });
  return done.get_future().get();
}

Result<billing::Accepted> World::accept(const Json& event) {
  std::vector<billing::Delivery> one;
  one.push_back(delivery(event));
  return std::move(billing->webhooks().accept("pay", std::move(one)).front());
}

http::Request World::request(const Party& party, const std::string& method, const std::string& path,
                      const Json& json) {
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

licensing::License World::license(const Party& party) {
  auto found =
      env.db().read(db::Scope::org(party.org), [&](db::Tx& tx) -> Result<licensing::License> {
        auto license = licensing->licenses().byOrg(tx, party.org);
        if (!license) return fail(Errc::not_found, "no license");
        return *license;
      });
  REQUIRE(found);
  return *found;
}

std::string World::state(const Party& party) {
  return licensing::toString(license(party).decision.state);
}

std::int64_t World::count(const std::string& sql, const db::Binds& binds) {
  const auto n = env.db().read(db::Scope::system(), [&](db::Tx& tx) -> Result<std::int64_t> {
    return std::get<0>(
        *tx.one<std::int64_t>("select cast(count(*) as bigint) from " + sql, binds));
  });
  REQUIRE(n);
  return *n;
}

std::vector<billing::SubscriptionRow> World::rows(const Party& party) {
  billing::Repository repository;
  const auto found =
      env.db().read(db::Scope::org(party.org),
                    [&](db::Tx& tx) -> Result<std::vector<billing::SubscriptionRow>> {
                      return repository.subscriptionsOf(tx, party.org);
                    });
  REQUIRE(found);
  return *found;
}

billing::SubscriptionRow World::only(const Party& party) {
  const auto all = rows(party);
  REQUIRE(all.size() == 1);
  return all.front();
}

std::unique_ptr<licensing::Feature> World::open(TempDb& e, const config::Settings& settings) {
  auto opened = licensing::Feature::open(e.db(), e.clock, e.random, e.metrics, settings);
  if (!opened) FAIL(opened.error().text());
  return std::move(*opened);
}

}  // namespace ccp::test
