// ccp-sandbox-provider itself: API rules, pages, the clock, the state file and webhook delivery.
#include <Poco/Net/HTTPRequestHandler.h>
#include <Poco/Net/HTTPRequestHandlerFactory.h>
#include <Poco/Net/HTTPServer.h>
#include <Poco/Net/HTTPServerRequest.h>
#include <Poco/Net/HTTPServerResponse.h>
#include <Poco/StreamCopier.h>
#include <doctest/doctest.h>
#include <sodium.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <filesystem>
#include <fstream>
#include <mutex>
#include <thread>

#include "api.hpp"

namespace {

using namespace sandbox;

const std::string kKey = "sk_sandbox_0123456789";
const std::string kSecret = "whsec_MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=";

/// Waits for a condition that another thread makes true.
template <class F>
bool eventually(F condition) {
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(10);
  while (!condition()) {
    if (std::chrono::steady_clock::now() > deadline) return false;
    std::this_thread::sleep_for(std::chrono::milliseconds(2));
  }
  return true;
}

struct Provider {
  explicit Provider(const std::string& state = {})
      : ledger({state, json::array(), 2900}),
        sender(ledger, {kSecret, std::chrono::milliseconds(1), 4}),
        api(ledger, sender, kKey) {
    REQUIRE(sodium_init() >= 0);
    ledger.setPublicUrl("http://127.0.0.1:1");
    ledger.onEvent([this](const OutgoingEvent& event) { sender.enqueue(event); });
  }
  Response raw(const std::string& method, const std::string& target, const std::string& body = {},
               const std::string& idempotency = {}, const std::string& key = kKey) {
    Request request{
        method, target.substr(0, target.find('?')), {}, {{"authorization", "Bearer " + key}}, body};
    if (target.find('?') != std::string::npos)
      request.query = parseForm(target.substr(target.find('?') + 1));
    if (!idempotency.empty()) request.headers["idempotency-key"] = idempotency;
    return api.handle(request);
  }
  json call(const std::string& method, const std::string& target, const json& body = json::object(),
            int status = 200) {
    const Response response = raw(method, target, body.dump());
    CHECK_MESSAGE(response.status == status, response.body);
    return json::parse(response.body);
  }
  std::string customer(const char* email = "ada@example.com") {
    return call("POST", "/v1/customers", {{"email", email}}, 201)["id"].get<std::string>();
  }
  std::string checkout(const std::string& customer_id, int trial_days = 0) {
    return call("POST", "/v1/checkouts",
                {{"customer_id", customer_id},
                 {"price_id", "p"},
                 {"trial_days", trial_days},
                 {"success_url", "http://127.0.0.1/s?c={CHECKOUT_ID}"},
                 {"return_url", "http://127.0.0.1/back"}},
                201)["id"]
        .get<std::string>();
  }
  std::string subscription(int trial_days = 0) {
    return call("POST",
                "/test/checkouts/" + checkout(customer(), trial_days) + "/pay")["subscription_id"]
        .get<std::string>();
  }

  Ledger ledger;
  WebhookSender sender;
  Api api;
};

/// A merchant that answers what it is told and remembers what it got.
class Merchant {
 public:
  struct Delivery {
    std::string id, timestamp, signature, body;
  };
  Merchant()
      : socket_(Poco::Net::SocketAddress("127.0.0.1", 0)),
        server_(new Factory(*this), socket_, new Poco::Net::HTTPServerParams) {
    server_.start();
  }
  ~Merchant() { server_.stopAll(true); }
  std::string url() const {
    return "http://127.0.0.1:" + std::to_string(socket_.address().port()) + "/webhooks/sandbox";
  }
  std::vector<Delivery> deliveries() {
    const std::lock_guard lock(mutex_);
    return deliveries_;
  }
  std::atomic<int> failures{0};  ///< so many 503 answers first

 private:
  class Handler final : public Poco::Net::HTTPRequestHandler {
   public:
    explicit Handler(Merchant& merchant) : merchant_(merchant) {}
    void handleRequest(Poco::Net::HTTPServerRequest& in,
                       Poco::Net::HTTPServerResponse& out) override {
      Delivery delivery{in.get("webhook-id", ""),
                        in.get("webhook-timestamp", ""),
                        in.get("webhook-signature", ""),
                        {}};
      Poco::StreamCopier::copyToString(in.stream(), delivery.body);
      {
        const std::lock_guard lock(merchant_.mutex_);
        merchant_.deliveries_.push_back(delivery);
      }
      const bool fail = merchant_.failures.fetch_sub(1) > 0;
      out.setStatusAndReason(fail ? Poco::Net::HTTPResponse::HTTP_SERVICE_UNAVAILABLE
                                  : Poco::Net::HTTPResponse::HTTP_OK);
      out.setContentLength(0);
      out.send();
    }

   private:
    Merchant& merchant_;
  };
  class Factory final : public Poco::Net::HTTPRequestHandlerFactory {
   public:
    explicit Factory(Merchant& merchant) : merchant_(merchant) {}
    Poco::Net::HTTPRequestHandler* createRequestHandler(
        const Poco::Net::HTTPServerRequest&) override {
      return new Handler(merchant_);
    }

   private:
    Merchant& merchant_;
  };

  std::mutex mutex_;
  std::vector<Delivery> deliveries_;
  Poco::Net::ServerSocket socket_;
  Poco::Net::HTTPServer server_;
};

}  // namespace

TEST_CASE("nothing is answered without the key, and every refusal has a code") {
  Provider provider;
  CHECK(provider.raw("GET", "/v1/customers", "", "", "wrong").status == 401);
  CHECK(provider.raw("GET", "/test/clock", "", "", "").status == 401);
  CHECK(provider.raw("GET", "/healthz", "", "", "").status == 200);
  struct Row {
    const char* method;
    const char* path;
    const char* body;
    int status;
    const char* code;
  };
  for (const Row& row :
       {Row{"POST", "/v1/customers", "{}", 422, "missing_field"},
        Row{"POST", "/v1/customers", R"({"email":5})", 422, "wrong_type"},
        Row{"POST", "/v1/customers", R"({"email":"nobody"})", 422, "invalid_email"},
        Row{"POST", "/v1/customers", "[", 400, "bad_json"},
        Row{"POST", "/v1/customers", "[1]", 400, "bad_json"},
        Row{"POST", "/v1/checkouts", R"({"customer_id":"x"})", 404, "not_found"},
        Row{"GET", "/v1/subscriptions/none", "", 404, "not_found"},
        Row{"GET", "/v1/subscriptions?limit=0", "", 422, "out_of_range"},
        Row{"GET", "/v1/subscriptions?cursor=none", "", 404, "not_found"},
        Row{"GET", "/v1/moon", "", 404, "not_found"},
        Row{"DELETE", "/v1/customers", "", 404, "not_found"},
        Row{"POST", "/v1/usage", R"({"events":5})", 422, "wrong_type"},
        Row{"POST", "/test/disputes", "{}", 422, "missing_field"},
        Row{"POST", "/test/clock/advance", R"({"days":-1})", 422, "out_of_range"},
        Row{"POST", "/test/clock/advance", R"({"days":18446744073709551615})", 422, "wrong_type"},
        Row{"PATCH", "/v1/webhook-endpoint", R"({"url":"http://example.com/"})", 422,
            "not_loopback"},
        Row{"PATCH", "/v1/webhook-endpoint", R"({"url":"http://127.0.0.1:1@evil.example/"})", 422,
            "not_loopback"}}) {
    CAPTURE(row.path);
    CAPTURE(row.body);
    const Response response = provider.raw(row.method, row.path, row.body);
    CHECK(response.status == row.status);
    CHECK(json::parse(response.body)["error"]["code"] == row.code);
  }
  CHECK(provider.raw("POST", "/v1/customers", std::string(60000, '[')).status == 400);
}

TEST_CASE("an e-mail address and an external id belong to one customer") {
  Provider provider;
  provider.call("POST", "/v1/customers", {{"email", "ada@example.com"}, {"external_id", "org_1"}},
                201);
  CHECK(provider.call("POST", "/v1/customers", {{"email", "ADA@example.com"}},
                      422)["error"]["code"] == "email_taken");
  CHECK(provider.call("POST", "/v1/customers",
                      {{"email", "b@example.com"}, {"external_id", "org_1"}},
                      422)["error"]["code"] == "external_id_taken");
  CHECK(provider.call("GET", "/v1/customers?external_id=org_1")["items"].size() == 1);
  CHECK(provider.call("GET", "/v1/customers?external_id=org_2")["items"].empty());
}

TEST_CASE("an Idempotency-Key repeats the first answer and refuses another request") {
  Provider provider;
  const Response first = provider.raw("POST", "/v1/customers", R"({"email":"a@b.io"})", "key-1");
  const Response again = provider.raw("POST", "/v1/customers", R"({"email":"a@b.io"})", "key-1");
  CHECK(first.status == 201);
  CHECK(again.body == first.body);
  CHECK(provider.raw("POST", "/v1/customers", R"({"email":"c@d.io"})", "key-1").status == 409);
  CHECK(provider.call("GET", "/v1/customers")["items"].size() == 1);
}

TEST_CASE("lists page through everything once") {
  Provider provider;
  for (int i = 0; i < 7; ++i) provider.customer(("u" + std::to_string(i) + "@b.io").c_str());
  std::string cursor;
  std::vector<std::string> seen;
  do {
    const json page =
        provider.call("GET", "/v1/customers?limit=3" + (cursor.empty() ? "" : "&cursor=" + cursor));
    for (const auto& item : page["items"]) seen.push_back(item["email"].get<std::string>());
    cursor = page["next_cursor"].is_null() ? "" : page["next_cursor"].get<std::string>();
  } while (!cursor.empty());
  REQUIRE(seen.size() == 7);
  for (std::size_t i = 0; i < 7; ++i) CHECK(seen[i] == "u" + std::to_string(i) + "@b.io");
}

TEST_CASE("the checkout page declines, pays, and then only says thank you") {
  Provider provider;
  const std::string id = provider.checkout(provider.customer());
  const std::string page = "/checkout/" + id;
  const Response shown = provider.raw("GET", page);
  CHECK(shown.status == 200);
  CHECK(shown.body.find("Pay $29.00") != std::string::npos);
  CHECK(shown.body.find("lang=\"en\"") != std::string::npos);
  const Response declined = provider.raw("POST", page, "card=4000+0000+0000+0002");
  CHECK(declined.status == 402);
  CHECK(declined.body.find("role=\"alert\"") != std::string::npos);
  CHECK(provider.raw("POST", page, "card=%3Cscript%3E").status == 402);
  CHECK(provider.call("GET", "/v1/checkouts/" + id)["status"] == "open");
  const Response paid = provider.raw("POST", page, "card=4242+4242+4242+4242");
  CHECK(paid.status == 303);
  CHECK(paid.location == "http://127.0.0.1/s?c=" + id);
  CHECK(provider.raw("POST", page, "card=4242424242424242").status == 303);  // pressed twice
  CHECK(provider.raw("GET", page).body.find("Paid, thank you") != std::string::npos);
  CHECK(provider.call("GET", "/v1/subscriptions")["items"].size() == 1);
  CHECK(provider.raw("GET", "/checkout/cs_none").status == 404);
}

TEST_CASE("a checkout is over after a day") {
  Provider provider;
  const std::string id = provider.checkout(provider.customer());
  provider.call("POST", "/test/clock/advance", {{"hours", 25}});
  CHECK(provider.call("GET", "/v1/checkouts/" + id)["status"] == "expired");
  CHECK(provider.call("POST", "/test/checkouts/" + id + "/pay", json::object(),
                      402)["error"]["code"] == "card_declined");
}

TEST_CASE("a trial ends in payment, months renew on their day, and failed payments are repeated") {
  Provider provider;
  const std::string id = provider.subscription(14);
  const auto status = [&] {
    return provider.call("GET", "/v1/subscriptions/" + id)["status"].get<std::string>();
  };
  CHECK(status() == "trialing");
  provider.call("POST", "/test/clock/advance", {{"days", 14}, {"seconds", 1}});
  CHECK(status() == "active");
  provider.call("POST", "/test/subscriptions/" + id + "/charge", {{"outcome", "fail"}});
  CHECK(status() == "past_due");
  provider.call("POST", "/test/clock/advance", {{"days", 3}});  // the retry after two days pays
  CHECK(status() == "active");
  CHECK(provider.call("GET", "/v1/subscriptions/" + id)["past_due_at"].is_null());
}

TEST_CASE("after four retries the subscription ends") {
  Provider provider;
  const std::string id =
      provider
          .call("POST", "/test/checkouts/" + provider.checkout(provider.customer()) + "/pay",
                {{"card", "4000000000000341"}})["subscription_id"]
          .get<std::string>();
  CHECK(provider.call("GET", "/v1/subscriptions/" + id)["status"] == "active");
  provider.call("POST", "/test/clock/advance", {{"days", 32}});
  CHECK(provider.call("GET", "/v1/subscriptions/" + id)["status"] == "past_due");
  provider.call("POST", "/test/clock/advance", {{"days", 22}});
  CHECK(provider.call("GET", "/v1/subscriptions/" + id)["status"] == "canceled");
  CHECK(provider.call("GET", "/v1/payments?status=failed")["items"].size() == 5);
}

TEST_CASE("months are calendar months") {
  const std::int64_t day = 86'400'000'000;
  const std::int64_t january31 = 1'769'817'600'000'000;  // 2026-01-31T00:00:00Z
  CHECK(rfc3339(january31) == "2026-01-31T00:00:00.000000Z");
  CHECK(rfc3339(addMonths(january31, 1)) == "2026-02-28T00:00:00.000000Z");
  CHECK(rfc3339(addMonths(january31, 12)) == "2027-01-31T00:00:00.000000Z");
  CHECK(rfc3339(addMonths(january31 - 1, 1)) == "2026-02-28T23:59:59.999999Z");
  CHECK(rfc3339(addMonths(january31 + day, 11)) == "2027-01-01T00:00:00.000000Z");
}

TEST_CASE("the portal belongs to one customer and lasts an hour") {
  Provider provider;
  const std::string id = provider.subscription();
  const std::string other = provider.customer("other@example.com");
  const std::string owner =
      provider.call("GET", "/v1/subscriptions/" + id)["customer_id"].get<std::string>();
  const auto open = [&](const std::string& customer) {
    return provider.call("POST", "/v1/portal-sessions", {{"customer_id", customer}}, 201)["url"]
        .get<std::string>()
        .substr(std::string("http://127.0.0.1:1").size());
  };
  const std::string portal = open(owner);
  CHECK(provider.raw("GET", portal).body.find("Cancel at the end of the period") !=
        std::string::npos);
  CHECK(provider.raw("POST", portal, "action=cancel&subscription=" + id).status == 303);
  CHECK(provider.call("GET", "/v1/subscriptions/" + id)["cancel_at_period_end"] == true);
  CHECK(provider.raw("POST", portal, "action=uncancel&subscription=" + id).status == 303);
  CHECK(provider.raw("POST", portal, "action=pause&subscription=" + id).status == 303);
  CHECK(provider.call("GET", "/v1/subscriptions/" + id)["status"] == "paused");
  CHECK(provider.raw("POST", portal, "action=resume&subscription=" + id).status == 303);
  CHECK(provider.raw("POST", open(other), "action=cancel&subscription=" + id).status == 404);
  provider.call("POST", "/test/clock/advance", {{"hours", 2}});
  CHECK(provider.raw("GET", portal).status == 404);
}

TEST_CASE("text of others is text on the pages") {
  Provider provider;
  const std::string customer =
      provider
          .call("POST", "/v1/customers", {{"email", "\"onclick=x@b.io"}, {"name", "<b>"}},
                201)["id"]
          .get<std::string>();
  const std::string id = provider
                             .call("POST", "/v1/checkouts",
                                   {{"customer_id", customer},
                                    {"price_id", "<script>alert(1)</script>"},
                                    {"success_url", "http://127.0.0.1/"},
                                    {"return_url", "javascript:alert(1)"}},
                                   201)["id"]
                             .get<std::string>();
  const std::string page = provider.raw("GET", "/checkout/" + id).body;
  CHECK(page.find("<script>") == std::string::npos);
  CHECK(page.find("javascript:") == std::string::npos);
  CHECK(page.find("\"onclick") == std::string::npos);
}

TEST_CASE("a restart keeps everything that the state file holds") {
  const auto file = std::filesystem::temp_directory_path() /
                    ("ccp-sandbox-" + std::to_string(::getpid()) + ".json");
  std::filesystem::remove(file);
  std::string id;
  {
    Provider provider(file.string());
    id = provider.subscription(14);
    provider.call("POST", "/test/clock/advance", {{"days", 3}});
  }
  Provider provider(file.string());
  CHECK(provider.call("GET", "/v1/subscriptions/" + id)["status"] == "trialing");
  CHECK(provider.call("GET", "/test/clock")["offset_s"] == 3 * 86'400);
  // What was not delivered waits for its address.
  Merchant merchant;
  provider.call("PATCH", "/v1/webhook-endpoint", {{"url", merchant.url()}});
  CHECK(eventually([&] { return provider.call("GET", "/test/webhooks")["pending"] == 0; }));
  CHECK(merchant.deliveries().size() ==
        provider.call("GET", "/v1/events?limit=100")["items"].size());
  std::filesystem::remove(file);
  std::ofstream(file) << "not json";
  CHECK_THROWS(Ledger({file.string(), json::array(), 1}));
  std::filesystem::remove(file);
}

TEST_CASE("webhooks arrive signed, in order, and again until they are acknowledged") {
  Provider provider;
  Merchant merchant;
  merchant.failures = 2;
  provider.call("PATCH", "/v1/webhook-endpoint", {{"url", merchant.url()}});
  provider.customer("first@example.com");
  REQUIRE(eventually([&] { return provider.call("GET", "/test/webhooks")["delivered"] == 1; }));
  const auto got = merchant.deliveries();
  REQUIRE(got.size() == 3);
  for (const auto& delivery : got) {
    CHECK(delivery.id == got[0].id);
    CHECK(delivery.body == got[0].body);
    CHECK(delivery.signature ==
          signWebhook(kSecret, delivery.id, std::stoll(delivery.timestamp), delivery.body));
  }
  provider.subscription();
  const std::string event = got[0].id;
  REQUIRE(eventually([&] { return provider.call("GET", "/test/webhooks")["pending"] == 0; }));
  const std::size_t before = merchant.deliveries().size();
  provider.call("POST", "/v1/events/" + event + "/redeliver", json::object(), 202);
  REQUIRE(eventually([&] { return merchant.deliveries().size() == before + 1; }));
  CHECK(merchant.deliveries().back().body == got[0].body);
}

TEST_CASE("after the last attempt an event counts as failed") {
  Provider provider;
  Merchant merchant;
  merchant.failures = 100;
  provider.call("PATCH", "/v1/webhook-endpoint", {{"url", merchant.url()}});
  provider.customer();
  CHECK(eventually([&] { return provider.call("GET", "/test/webhooks")["failed"] == 1; }));
  CHECK(merchant.deliveries().size() == 4);
  CHECK(provider.call("GET", "/v1/webhook-endpoint")["failures"] == 4);
}

TEST_CASE("faults drop, double, reorder, hold and spoil deliveries") {
  Provider provider;
  Merchant merchant;
  provider.call("PATCH", "/v1/webhook-endpoint", {{"url", merchant.url()}});
  const auto settled = [&](std::size_t count) {
    return eventually([&] {
      return merchant.deliveries().size() == count &&
             provider.call("GET", "/test/webhooks")["pending"] == 0;
    });
  };
  provider.call("POST", "/test/webhooks", {{"drop", 1}, {"duplicate", 1}});
  provider.customer("a@b.io");  // dropped
  provider.customer("b@b.io");  // twice
  REQUIRE(settled(2));
  CHECK(merchant.deliveries()[0].id == merchant.deliveries()[1].id);
  CHECK(provider.call("GET", "/test/webhooks")["dropped"] == 1);

  provider.call("POST", "/test/webhooks", {{"reorder", 2}});
  provider.customer("c@b.io");
  CHECK(provider.call("GET", "/test/webhooks")["pending"] == 1);
  provider.customer("d@b.io");
  REQUIRE(settled(4));
  CHECK(merchant.deliveries()[2].body.find("d@b.io") != std::string::npos);
  CHECK(merchant.deliveries()[3].body.find("c@b.io") != std::string::npos);

  provider.call("POST", "/test/webhooks", {{"hold", true}});
  provider.customer("e@b.io");
  CHECK(provider.call("GET", "/test/webhooks")["pending"] == 1);
  provider.call("POST", "/test/webhooks", {{"hold", false}, {"thin", true}, {"bad_signature", 1}});
  REQUIRE(settled(5));
  provider.customer("f@b.io");
  REQUIRE(settled(6));
  const auto spoiled = merchant.deliveries().back();
  CHECK(spoiled.signature !=
        signWebhook(kSecret, spoiled.id, std::stoll(spoiled.timestamp), spoiled.body));
  CHECK(json::parse(spoiled.body)["data"]["object"].size() == 2);
}
