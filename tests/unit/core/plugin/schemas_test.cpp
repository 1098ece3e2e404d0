// The typed facades and the published schemas say the same: what facades send is valid input, what
// schemas allow as output is understood, and what they forbid is refused by one of the two.
#include <doctest/doctest.h>

#include <filesystem>
#include <functional>
#include <map>
#include <set>

#include "ccp/abi/billing.h"
#include "ccp/abi/exporter.h"
#include "ccp/abi/identity.h"
#include "ccp/abi/inbound.h"
#include "ccp/abi/notifier.h"
#include "core/base/file.hpp"
#include "core/config/schema_validator.hpp"
#include "core/plugin/facades/billing_json.hpp"
#include "core/plugin/facades/caller.hpp"
#include "core/package/interfaces.hpp"

using namespace ccp;
using namespace ccp::plugin;

namespace {

const std::string kSchemas = std::string(CCP_SOURCE_DIR) + "/sdk/schemas/";

config::Schema schema(const std::string& name) {
  CAPTURE(name);
  const auto text = readFile(kSchemas + name + ".json");
  REQUIRE(text.has_value());
  auto compiled = config::Schema::compile(*parseJson(*text));
  REQUIRE_MESSAGE(compiled.has_value(), compiled.error().detail);
  return *compiled;
}

constexpr const char* kSubscription = R"({"id":"s1","customer_id":"c1","status":"active","product_id":"p1","price_id":"","quantity":2,
  "amount":{"amount_minor":2900,"currency":"USD"},"period_start_at":"2026-11-01T00:00:00Z","period_end_at":null,"cancel_at_period_end":false,
  "modified_at":"2026-11-01T00:00:00Z"})";
constexpr const char* kCheckout = R"({"id":"k1","url":"https://pay.example.com/k1","status":"open","customer_id":"c1","subscription_id":""})";

std::string events(const char* subscription) {
  return std::string(R"({"events":[{"event_id":"e1","type":"subscription.updated","kind":"subscription","occurred_at":"2026-11-01T00:00:00Z","livemode":true,
    "customer_id":"c1","subscription":)") + subscription + R"(},{"event_id":"e2","type":"x","kind":"ignored","livemode":false},
    {"event_id":"e3","type":"thin","kind":"fetch","livemode":false,"fetch":{"type":"subscription","id":"s1"}},
    {"event_id":"e4","type":"r","kind":"refund","livemode":false,"outcome":"full","amount":{"amount_minor":1,"currency":"EUR"},"subscription_id":"s1"}]})";
}

/// A good answer of every operation that a facade uses.
std::map<std::string, std::string> answers() {
  return {{"ensure_customer", R"({"customer_id":"c1"})"},
          {"create_checkout", kCheckout},
          {"get_checkout", kCheckout},
          {"create_portal_link", R"({"url":"https://portal.example.com"})"},
          {"get_subscription", kSubscription},
          {"list_subscriptions", std::string(R"({"items":[)") + kSubscription + R"(],"next_cursor":"2"})"},
          {"verify_webhook", R"({"event_id":"e1","type":"x.y"})"},
          {"parse_webhook", events(kSubscription)},
          {"fetch_event", events(kSubscription)},
          {"diagnose", R"({"findings":[{"level":"ok","code":"all_good","text":"All is well."}]})"},
          {"begin", R"({"user_code":"BCDF-GHJK","device_code":"abc","expires_in_s":900,"interval_s":5,"state":{"v":1}})"},
          {"poll", R"({"status":"pending","interval_s":5,"state":{"v":1}})"},
          {"describe", R"({"kind":"device","title":"Device code"})"},
          {"open", "{}"},
          {"write_batch", R"({"last_sequence":7,"problem":{"code":"endpoint_gone","detail":"It answered 410.","retry_after_ms":0}})"},
          {"flush", "{}"},
          {"close", "{}"}};
}

/// Checks every input against its schema, answers with a good answer that its schema allows.
class CheckingCaller final : public Caller {
 public:
  explicit CheckingCaller(std::string interface_name) : interface_(std::move(interface_name)) {}
  const std::string& instance() const override { return interface_; }
  Result<Json> call(std::string_view operation, const CallContext&, const Json& in) override {
    const std::string op(operation);
    CAPTURE(op);
    asked.insert(op);
    const Status valid = schema(interface_ + "/" + op + ".in").validate(in);
    CHECK_MESSAGE(valid.has_value(), in.dump());
    const Json out = *parseJson(answers().at(op));
    CHECK(schema(interface_ + "/" + op + ".out").validate(out).has_value());
    return out;
  }
  std::vector<Result<Json>> callEach(std::string_view operation, const CallContext& ctx, std::vector<std::string> inputs) override {
    std::vector<Result<Json>> out;
    for (const auto& in : inputs) out.push_back(call(operation, ctx, *parseJson(in)));
    return out;
  }
  std::set<std::string> asked;

 private:
  std::string interface_;
};

}  // namespace

TEST_CASE("every operation of an interface has a schema for both ways, and there are no others") {
  for (const auto& [id, folder] : {std::pair{CCP_BILLING_ID, "ccp.billing"}, std::pair{CCP_IDENTITY_ID, "ccp.identity"},
                                   std::pair{CCP_NOTIFIER_ID, "ccp.notifier"}, std::pair{CCP_EXPORTER_ID, "ccp.exporter"},
                                   std::pair{CCP_INBOUND_ID, "ccp.inbound"}}) {
    std::set<std::string> expected, found;
    for (const auto& slot : operationsOf(id)) {
      for (const char* way : {".in.json", ".out.json"}) expected.insert(std::string(slot.name) + way);
      schema(std::string(folder) + "/" + std::string(slot.name) + ".in");
      schema(std::string(folder) + "/" + std::string(slot.name) + ".out");
    }
    for (const auto& file : std::filesystem::directory_iterator(kSchemas + folder)) found.insert(file.path().filename().string());
    CHECK(expected == found);
  }
}

TEST_CASE("what the billing facade sends and reads is what the schemas say") {
  const auto caller = std::make_shared<CheckingCaller>("ccp.billing");
  const auto billing = makeBillingProvider(caller);
  CHECK(billing->ensureCustomer({}, "org_1", "a@example.com", "Acme").value() == "c1");
  CheckoutRequest request;
  request.org_id = "org_1";
  request.customer_id = "c1";
  request.product_id = "p1";
  request.quantity = 3;
  request.success_url = "https://ccp.example.com/billing/success?checkout=x";
  request.metadata = {{"org", "org_1"}};
  CHECK(billing->createCheckout({}, request).value().id == "k1");
  CHECK(billing->getCheckout({}, "k1").value().status == "open");
  CHECK(billing->createPortalLink({}, "c1", "org_1", "https://ccp.example.com").value() == "https://portal.example.com");
  CHECK(billing->getSubscription({}, "s1").value().quantity == 2);
  CHECK(billing->listSubscriptions({}, "c1", "").value().next_cursor == "2");
  const HeaderList headers = {{"A", "b"}};
  CHECK(billing->verifyWebhooks({}, {{headers, "\x01{"}}).front()->event_id == "e1");
  const auto parsed = billing->parseWebhooks({}, {{headers, "{}"}}).front().value();
  CHECK(parsed.size() == 4);
  CHECK(parsed[0].subscription->currency == "USD");
  CHECK(parsed[3].amount_minor == 1);
  CHECK(billing->fetchEvent({}, parsed[2].fetch).value().size() == 4);
  CHECK(billing->diagnose({}).value().items().at(0).strOr("code") == "all_good");
  CHECK(caller->asked.size() == 10);
}

TEST_CASE("what the identity facade sends and reads is what the schemas say") {
  const auto caller = std::make_shared<CheckingCaller>("ccp.identity");
  const auto identity = makeIdentityProvider(caller);
  const auto begun = identity->beginDevice({}, "ccp-cli", "usage").value();
  CHECK(begun.user_code == "BCDF-GHJK");
  CHECK(identity->pollDevice({}, begun.state, "approved", 1).value().status == "pending");
  CHECK(identity->describe({}).value().strOr("kind") == "device");
  CHECK(caller->asked.size() == 3);
}

TEST_CASE("what the exporter facade sends and reads is what the schemas say") {
  const auto caller = std::make_shared<CheckingCaller>("ccp.exporter");
  const auto exporter = makeExporter(caller);
  const Timestamp at = parseRfc3339("2026-11-21T05:06:07.25Z").value();
  CHECK(exporter->open({}, "events", 0).has_value());
  const auto progress = exporter->writeBatch({}, "events", {{7, "evt_1", "license.changed", at, "org_1", "lic_1", Json::object({{"state", "active"}})},
                                                            {8, "evt_2", "plugin.swapped", at, "", "sql", Json::object()}});
  REQUIRE(progress.has_value());
  CHECK(progress->last_sequence == 7);
  REQUIRE(progress->stopped.has_value());
  CHECK((progress->stopped->code == Errc::endpoint_gone));
  CHECK(exporter->flush({}, "events").has_value());
  CHECK(exporter->close({}, "rollups").has_value());
  CHECK(caller->asked.size() == 4);
}

TEST_CASE("a snapshot that the core writes is one that a plugin may write") {
  const auto snapshot = SubscriptionSnapshot::from(*parseJson(kSubscription)).value();
  CHECK(schema("ccp.billing/get_subscription.out").validate(snapshot.json()).has_value());
}

TEST_CASE("the schemas refuse what would move a license the wrong way") {
  const auto refuses = [](const char* name, const std::string& text) {
    CAPTURE(text);
    CHECK_FALSE(schema(name).validate(*parseJson(text)).has_value());
  };
  refuses("ccp.billing/get_subscription.out", R"({"id":"s1","customer_id":"c1","status":"active","product_id":"p1"})");
  refuses("ccp.billing/get_subscription.out", R"({"id":"s1","customer_id":"c1","status":"ACTIVE","product_id":"p1","modified_at":"2026-11-01T00:00:00Z"})");
  refuses("ccp.billing/parse_webhook.out", R"({"events":[{"event_id":"e","type":"t","kind":"subscription","livemode":true}]})");
  refuses("ccp.billing/parse_webhook.out", R"({"events":[{"event_id":"e","type":"t","kind":"fetch","livemode":true}]})");
  refuses("ccp.billing/parse_webhook.out", R"({"events":[{"event_id":"","type":"t","kind":"ignored","livemode":true}]})");
  refuses("ccp.billing/parse_webhook.out", R"({"events":[{"event_id":"e","type":"t","kind":"ignored"}]})");
  refuses("ccp.billing/parse_webhook.out", R"({"events":[{"event_id":"e","type":"t","kind":"refund","livemode":true,"amount":{"amount_minor":1.5,"currency":"USD"}}]})");
  refuses("ccp.billing/parse_webhook.in", R"({"headers":[["a"]],"body":""})");
  refuses("ccp.billing/parse_webhook.in", R"({"headers":[],"body":"not base64url!"})");
  refuses("ccp.exporter/write_batch.out", "{}");
  refuses("ccp.exporter/write_batch.out", R"({"last_sequence":"7"})");
  refuses("ccp.exporter/write_batch.out", R"({"last_sequence":7,"problem":{"code":"x"}})");
  refuses("ccp.exporter/write_batch.in", R"({"stream":"events","first_sequence":1,"last_sequence":1,"records":[]})");
  refuses("ccp.exporter/write_batch.in", R"({"stream":"events","first_sequence":1,"last_sequence":1,
    "records":[{"sequence":1,"id":"","type":"t","occurred_at":"2026-11-01T00:00:00Z","org":"","data":{}}]})");
  refuses("ccp.exporter/open.in", R"({"stream":"events"})");
  refuses("ccp.identity/begin.out", R"({"state":{}})");
  refuses("ccp.identity/poll.out", R"({"status":"maybe","state":{}})");
}

TEST_CASE("the schemas of notifiers and inbound requests take what is right and refuse what is not") {
  const auto accepts = [](const char* name, const std::string& text) {
    CAPTURE(text);
    CHECK(schema(name).validate(*parseJson(text)).has_value());
  };
  const auto refuses = [](const char* name, const std::string& text) {
    CAPTURE(text);
    CHECK_FALSE(schema(name).validate(*parseJson(text)).has_value());
  };
  accepts("ccp.notifier/render.in", R"({"event":{"id":"evt_1","type":"license.expired","timestamp":"2026-11-21T08:00:00Z","org":"org_1","subject":"lic_1","data":{"plan":"solo"}},"target":"#ops"})");
  refuses("ccp.notifier/render.in", R"({"event":{"id":"evt_1","type":"expired","timestamp":"2026-11-21T08:00:00Z"}})");
  refuses("ccp.notifier/render.in", R"({"event":{"id":"evt_1","type":"license.expired","timestamp":"yesterday"}})");
  accepts("ccp.notifier/render.out", R"({"message":{"text":"The license expired.","title":"License","blocks":[{"any":"thing"}],"color":"red"}})");
  refuses("ccp.notifier/render.out", R"({"message":{"title":"no text"}})");
  accepts("ccp.notifier/send.in", R"({"message":{"text":"x"}})");
  accepts("ccp.notifier/send.out", R"({"delivered_at":null,"provider_id":"m1"})");
  accepts("ccp.notifier/test_connection.out", R"({"ok":false,"detail":"The token is not accepted; make a new one."})");
  refuses("ccp.notifier/test_connection.out", R"({"ok":"yes","detail":""})");
  const std::string request = R"({"method":"POST","headers":[["X-Signature","sha256=00"]],"body_base64url":"e30","received_at":"2026-11-21T08:00:00Z"})";
  for (const char* name : {"ccp.inbound/verify.in", "ccp.inbound/parse.in"}) {
    accepts(name, request);
    refuses(name, R"({"headers":[],"body_base64url":"{}","received_at":"2026-11-21T08:00:00Z"})");
    refuses(name, R"({"headers":[],"body_base64url":""})");
  }
  const std::string command = R"({"id":"d1","kind":"seat.assign","actor":"U123","org_hint":"T1","args":{"email":"a@example.com"}})";
  accepts("ccp.inbound/parse.out", R"({"commands":[],"reply":{"status":200,"content_type":"text/plain","body":"challenge"}})");
  accepts("ccp.inbound/parse.out", R"({"commands":[)" + command + "]}");
  refuses("ccp.inbound/parse.out", R"({"commands":[{"id":"","kind":"seat.assign","actor":"U1","args":{}}]})");
  refuses("ccp.inbound/parse.out", R"({"commands":[{"id":"d1","kind":"DROP TABLE","actor":"U1","args":{}}]})");
  refuses("ccp.inbound/parse.out", R"({"commands":[],"reply":{"status":302}})");
  accepts("ccp.inbound/respond.in", R"({"command":)" + command + R"(,"outcome":{"status":"done","text":"Seat assigned."}})");
  refuses("ccp.inbound/respond.in", R"({"command":)" + command + R"(,"outcome":{"status":"maybe","text":""}})");
}
