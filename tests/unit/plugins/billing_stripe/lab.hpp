// A Stripe that the test owns, and the plugin in front of it.
#pragma once

#include <doctest/doctest.h>

#include <cstdlib>
#include <fstream>
#include <sstream>

#include "ccp/billing.hpp"
#include "ccp/testing/fake_host.hpp"
#include "ccp/text.hpp"
#include "tests/support/billing_schemas.hpp"

extern "C" const ccp_plugin* ccp_plugin_entry_v1(void);

namespace stripe_test {

using ccp::HttpRequest;
using ccp::HttpResponse;
using ccp::json;

inline const std::string kBase = "https://api.stripe.com";
inline const std::string kCustomer = "cus_R1customer";
inline const std::string kSubscription = "sub_1QxSubscription";
inline const std::string kOrg = "org_01jzq3v8x4m2k9w7r5t1c6b0ae";
inline const std::string kVersion = "2026-07-29.dahlia";

inline HttpResponse answer(int status, const json& body, ccp::Headers headers = {}) {
  return {status, std::move(headers), body.dump()};
}
inline json problem(const char* type, const char* code, const char* message) {
  return {{"error", {{"type", type}, {"code", code}, {"message", message}}}};
}
inline json listOf(json items, bool more = false) {
  return {{"object", "list"}, {"data", std::move(items)}, {"has_more", more}};
}
inline json subscriptionOf(const char* status) {
  return {{"id", kSubscription},
          {"object", "subscription"},
          {"customer", kCustomer},
          {"status", status},
          {"cancel_at_period_end", false},
          {"cancel_at", nullptr},
          {"items", listOf(json::array({{{"id", "si_1"},
                                         {"quantity", 3},
                                         {"current_period_start", 1793523600},
                                         {"current_period_end", 1796115600},
                                         {"price",
                                          {{"id", "price_team"},
                                           {"product", "prod_team"},
                                           {"unit_amount", 2500},
                                           {"currency", "usd"},
                                           {"recurring", {{"usage_type", "licensed"}}}}}}}))}};
}

inline std::string decoded(std::string_view text) {
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '%' && i + 2 < text.size()) {
      out += ccp::hexDecode(text.substr(i + 1, 2)).value_or("?");
      i += 2;
    } else {
      out += text[i];
    }
  }
  return out;
}
/// {"line_items[0][price]": "price_x", …}
inline json pairsOf(std::string_view text) {
  json out = json::object();
  while (!text.empty()) {
    const auto pair = text.substr(0, text.find('&'));
    text.remove_prefix(pair.size() == text.size() ? text.size() : pair.size() + 1);
    const auto equals = pair.find('=');
    out[decoded(pair.substr(0, equals))] =
        equals == std::string_view::npos ? "" : decoded(pair.substr(equals + 1));
  }
  return out;
}
inline json sentForm(const HttpRequest& request) {
  return pairsOf(request.body);
}

/// Compares one request with its fixture; the path stands without the server.
inline void checkRequest(const char* name, const HttpRequest& request) {
  REQUIRE(request.url.rfind(kBase, 0) == 0);
  const std::string rest = request.url.substr(kBase.size());
  const auto mark = rest.find('?');
  json actual = {
      {"method", request.method},
      {"path", rest.substr(0, mark)},
      {"query", mark == std::string::npos ? json::object() : pairsOf(rest.substr(mark + 1))},
      {"form", sentForm(request)}};
  const std::string path =
      std::string(CCP_SOURCE_DIR) + "/plugins/billing_stripe/fixtures/requests/" + name + ".json";
  if (std::getenv("CCP_UPDATE_FIXTURES") != nullptr) std::ofstream(path) << actual.dump(1) << "\n";
  std::ifstream file(path);
  std::stringstream text;
  text << file.rdbuf();
  CAPTURE(name);
  CHECK_MESSAGE(json::parse(text.str(), nullptr, false) == actual, actual.dump());
  CHECK(request.auth.bearer == "stripe/key");
  CHECK(ccp::headerOf(request.headers, "Stripe-Version") == kVersion);
  CHECK(ccp::headerOf(request.headers, "Authorization").empty());
  CHECK(ccp::headerOf(request.headers, "Idempotency-Key").empty() == (request.method != "POST"));
}

struct Lab {
  ccp::testing::FakeHost host;
  std::unique_ptr<ccp::testing::FakeInstance> plugin;

  explicit Lab(json config = json::object()) {
    host.secrets["stripe/key"] = "sk_test_lab";
    host.secrets["stripe/webhook"] = "whsec_MDEyMzQ1Njc4OWFiY2RlZg==";
    plugin = std::make_unique<ccp::testing::FakeInstance>(host, ccp_plugin_entry_v1(), "stripe");
    config["api_key"] = {{"$secret", "stripe/key"}};
    config["webhook_secret"] = {{"$secret", "stripe/webhook"}};
    if (!config.contains("livemode")) config["livemode"] = false;
    if (!config.contains("retries")) config["retries"] = 0;
    REQUIRE(plugin->configure(config).ok());
    REQUIRE(plugin->start().ok());
  }
  /// Answers one after the other; more requests than answers fail the test.
  void script(std::vector<HttpResponse> answers) {
    host.requests.clear();
    auto rest = std::make_shared<std::vector<HttpResponse>>(std::move(answers));
    host.onHttp = [rest](const HttpRequest& request) {
      if (rest->empty())
        throw ccp::Error::internal("unexpected request: " + request.method + " " + request.url);
      HttpResponse next = rest->front();
      rest->erase(rest->begin());
      return next;
    };
  }
  ccp::testing::OpResult call(ccp_op ccp_billing_v1::*op, const json& in) {
    auto result = plugin->call(op, in);
    if (result.ok()) ccp::test::checkShapes(op, in, result.out);
    return result;
  }
};

inline const json kEnsure = {{"org_id", kOrg}, {"email", "ada@example.com"}, {"name", "Ada's org"}};

}  // namespace stripe_test
