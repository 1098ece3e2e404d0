// Properties of the sandbox provider's refunds: never more than was paid, in the currency that was paid.
#include <doctest/doctest.h>

#include <map>
#include <random>

#include "ledger.hpp"

using namespace sandbox;

TEST_CASE("whatever is asked for, refunds never exceed the payment and keep its currency") {
  for (unsigned seed = 0; seed < 200; ++seed) {
    CAPTURE(seed);
    std::mt19937_64 random(seed);
    const auto below = [&](std::uint64_t n) { return random() % n; };
    Ledger ledger({"", json::array({{{"id", "p"}, {"product_id", "p"}, {"name", "P"}, {"amount_minor", 2900}, {"currency", seed % 2 ? "EUR" : "USD"}}}), 2900});
    ledger.setPublicUrl("http://127.0.0.1:1");
    const std::string customer = ledger.createCustomer({{"email", "ada@example.com"}}).at("id").get<std::string>();
    const std::string checkout = ledger.createCheckout({{"customer_id", customer}, {"price_id", "p"}, {"success_url", "http://127.0.0.1/"}}).at("id").get<std::string>();
    REQUIRE(ledger.payCheckout(checkout, "4242424242424242").accepted);
    const std::string subscription = ledger.checkout(checkout).at("subscription_id").get<std::string>();
    std::map<std::string, std::int64_t> refunded;
    for (auto n = 1 + below(12); n > 0; --n) {
      json body = {{"subscription_id", subscription}, {"end_subscription", false}};
      if (below(4) != 0) body["amount_minor"] = 1 + below(4000);
      try {
        const json refund = ledger.createRefund(body);
        const std::int64_t amount = refund.at("amount").at("amount_minor").get<std::int64_t>();
        REQUIRE(amount > 0);
        REQUIRE(refund.at("amount").at("currency") == (seed % 2 ? "EUR" : "USD"));
        auto& sum = refunded[refund.at("payment_id").get<std::string>()];
        sum += amount;
        REQUIRE(sum <= 2900);
        REQUIRE((refund.at("outcome") == "full") == (sum == 2900));
      } catch (const ApiError& refusal) {
        REQUIRE((refusal.status == 409 || refusal.status == 422));
      }
    }
  }
}
