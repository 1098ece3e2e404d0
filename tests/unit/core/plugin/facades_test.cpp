#include <doctest/doctest.h>

#include <functional>

#include "core/plugin/facades/billing_json.hpp"
#include "core/plugin/facades/caller.hpp"

using namespace ccp;
using namespace ccp::plugin;

namespace {

/// Answers every call with one function and remembers what was asked.
class ScriptedCaller final : public Caller {
 public:
  explicit ScriptedCaller(std::function<Result<Json>(std::string_view, const Json&)> answer) : answer_(std::move(answer)) {}
  const std::string& instance() const override { return name_; }
  Result<Json> call(std::string_view operation, const CallContext&, const Json& in) override {
    last_in = in;
    return answer_(operation, in);
  }
  std::vector<Result<Json>> callEach(std::string_view operation, const CallContext& ctx, std::vector<std::string> inputs) override {
    std::vector<Result<Json>> out;
    for (const auto& in : inputs) out.push_back(call(operation, ctx, *parseJson(in)));
    return out;
  }
  Json last_in;

 private:
  std::string name_ = "test";
  std::function<Result<Json>(std::string_view, const Json&)> answer_;
};

std::shared_ptr<ScriptedCaller> answering(std::string_view json) {
  return std::make_shared<ScriptedCaller>([text = std::string(json)](std::string_view, const Json&) { return parseJson(text); });
}

constexpr const char* kWhole = R"({"id":"s1","customer_id":"c1","status":"past_due","product_id":"p1","price_id":"","quantity":3,
  "amount":{"amount_minor":8700,"currency":"USD"},"period_start_at":"2026-11-01T00:00:00Z","period_end_at":"2026-12-01T00:00:00Z",
  "trial_end_at":null,"cancel_at_period_end":true,"ends_at":null,"past_due_at":"2026-11-02T00:00:00Z","paused_at":null,"resumes_at":null,
  "modified_at":"2026-11-02T00:00:01.5Z"})";

}  // namespace

TEST_CASE("a snapshot keeps every field through JSON") {
  const auto snapshot = SubscriptionSnapshot::from(*parseJson(kWhole));
  REQUIRE(snapshot.has_value());
  CHECK((snapshot->status == SubscriptionStatus::past_due));
  CHECK(snapshot->quantity == 3);
  CHECK(snapshot->amount_minor == 8700);
  CHECK(snapshot->past_due_at == parseRfc3339("2026-11-02T00:00:00Z").value());
  CHECK_FALSE(snapshot->trial_end_at.has_value());
  CHECK(snapshot->json() == *parseJson(kWhole));
}

TEST_CASE("a status that we do not know is unknown, never something else") {
  CHECK((subscriptionStatusFrom("active") == SubscriptionStatus::active));
  for (const auto* text : {"", "ACTIVE", "frozen"}) CHECK((subscriptionStatusFrom(text) == SubscriptionStatus::unknown));
}

TEST_CASE("broken answers of a plugin are errors, not values") {
  for (const auto* text : {R"({})", R"({"events":1})", R"({"events":[{}]})", R"({"events":[{"event_id":"e","kind":"subscription"}]})",
                           R"({"events":[{"event_id":"e","kind":"subscription","subscription":{"id":"s","modified_at":"soon"}}]})"}) {
    CAPTURE(text);
    CHECK(billingEventsFrom(*parseJson(text)).error().code == Errc::provider_error);
  }
  CHECK_FALSE(SubscriptionSnapshot::from(*parseJson(R"({"id":"s","quantity":-1})")).has_value());
  CHECK(makeBillingProvider(answering("{}"))->getCheckout({}, "x").error().code == Errc::provider_error);
  CHECK(makeBillingProvider(answering("{}"))->ensureCustomer({}, "o", "e", "n").error().code == Errc::provider_error);
  CHECK(makeIdentityProvider(answering("{}"))->beginDevice({}, "c", "s").error().code == Errc::plugin_failed);
  CHECK(makeIdentityProvider(answering(R"({"status":"maybe"})"))->pollDevice({}, Json::object(), "", 0).error().code == Errc::plugin_failed);
}

TEST_CASE("an answer about something else than was asked for is an error") {
  const auto other = answering(kWhole);
  const auto provider = makeBillingProvider(other);
  CHECK(provider->getSubscription({}, "s1").has_value());
  CHECK(provider->getSubscription({}, "s2").error().code == Errc::provider_error);
  SubscriptionChange change;
  change.action = "cancel";
  change.subscription_id = "s1";
  CHECK(provider->changeSubscription({}, change).has_value());
  change.subscription_id = "s2";
  CHECK(provider->changeSubscription({}, change).error().code == Errc::provider_error);
  const auto checkout = makeBillingProvider(answering(R"({"id":"co_1","status":"open"})"));
  CHECK(checkout->getCheckout({}, "co_1").has_value());
  CHECK(checkout->getCheckout({}, "co_2").error().code == Errc::provider_error);
}

TEST_CASE("nobody's browser is sent where a provider has no page") {
  for (const char* url : {"https://checkout.example/c/pay?x=1#y", "http://127.0.0.1:8790/checkout/c1"}) {
    CAPTURE(std::string(url));
    CHECK(pageUrl(url).has_value());
  }
  for (const char* url : {"javascript:alert(1)", "file:///etc/passwd", "ccp://x", "-flag", "", "https://", "https:///x", "https://user:pw@evil.example/",
                          "https://pay.example/\r\nSet-Cookie: a=b", "https://pay.example/ x", "https://pay.example\\@evil.example/", "HTTPS://x", "//evil.example/",
                          "https://pay.example/\"onload=", "https://p\xc3\xa4y.example/"}) {
    CAPTURE(std::string(url));
    CHECK(pageUrl(url).error().code == Errc::provider_error);
    const std::string text = Json::object({{"id", "co_1"}, {"status", "open"}, {"url", url}}).dump();
    if (*url != '\0') CHECK(makeBillingProvider(answering(text))->createCheckout({}, {}).error().code == Errc::provider_error);
    CHECK(makeBillingProvider(answering(Json::object({{"url", url}}).dump()))->createPortalLink({}, "c", "o", "").error().code == Errc::provider_error);
  }
}

TEST_CASE("an unknown kind of event is ignored, whatever it says") {
  const auto events = billingEventsFrom(*parseJson(R"({"events":[{"event_id":"e","type":"x.y","kind":"surprise"}]})"));
  REQUIRE(events.has_value());
  CHECK((events->front().kind == BillingEventKind::ignored));
}

TEST_CASE("webhooks reach the plugin with their bytes and repeated headers as they came") {
  auto caller = answering("{}");
  const HeaderList headers = {{"A", "1"}, {"a", "2\"\n"}};
  REQUIRE(makeBillingProvider(caller)->verifyWebhooks({}, {{headers, std::string_view("\x00\xff{", 3)}}).front().has_value());
  CHECK(caller->last_in.dump() == R"({"headers":[["A","1"],["a","2\"\n"]],"body":"AP97"})");
}

TEST_CASE("an error of the plugin comes through as it is") {
  auto caller = std::make_shared<ScriptedCaller>([](std::string_view, const Json&) -> Result<Json> { return fail(Errc::signature_invalid, "no"); });
  const HeaderList none;
  CHECK(makeBillingProvider(caller)->verifyWebhooks({}, {{none, "x"}}).front().error().code == Errc::signature_invalid);
  CHECK(makeBillingProvider(caller)->parseWebhooks({}, {{none, "x"}}).front().error().code == Errc::signature_invalid);
}

TEST_CASE("an exporter cannot acknowledge what it was not sent, and silence about nothing taken is a problem") {
  const std::vector<ExportRecord> two = {{5, "a", "t", {}, "", "", Json::object()}, {6, "b", "t", {}, "", "", Json::object()}};
  for (const auto* text : {"{}", R"({"last_sequence":7})", R"({"last_sequence":-1})", R"({"last_sequence":"6"})"}) {
    CAPTURE(text);
    CHECK(makeExporter(answering(text))->writeBatch({}, "events", two).error().code == Errc::provider_error);
  }
  const auto partly = makeExporter(answering(R"({"last_sequence":5})"))->writeBatch({}, "events", two);
  REQUIRE(partly.has_value());
  CHECK(partly->last_sequence == 5);
  CHECK_FALSE(partly->stopped.has_value());
  CHECK(makeExporter(answering(R"({"last_sequence":4})"))->writeBatch({}, "events", two).value().stopped.has_value());
  const auto slow = makeExporter(answering(R"({"last_sequence":5,"problem":{"detail":"busy","retry_after_ms":2500}})"))->writeBatch({}, "events", two);
  CHECK(slow.value().stopped->retry_after_s == 3);
  CHECK_FALSE(makeExporter(answering(R"({"last_sequence":6})"))->writeBatch({}, "events", two).value().stopped.has_value());
  CHECK_FALSE(makeExporter(answering("{}"))->writeBatch({}, "events", {}).has_value());
}
