// A Polar that the test owns, and the plugin in front of it.
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

namespace polar_test {

using ccp::HttpRequest;
using ccp::HttpResponse;
using ccp::json;

inline const std::string kBase = "https://sandbox-api.polar.sh";
inline const std::string kCustomer = "992fae2a-2a17-4b7a-8d9e-e287cf90131b";
inline const std::string kSubscription = "e5149aae-e521-42b9-b24c-abb3d71eea2e";
inline const std::string kProduct = "d8dd2de1-21b7-4a41-8bc3-ce909c0cfe23";
inline const std::string kCheckout = "0f8e3a4e-8b8e-4f0e-9d38-1b1f2a4c7d10";
inline const std::string kOrg = "org_01jzq3v8x4m2k9w7r5t1c6b0ae";

inline json validationError(const char* field, const char* text) {
  return {{"detail",
           json::array(
               {{{"loc", json::array({"body", field})}, {"msg", text}, {"type", "value_error"}}})}};
}
inline HttpResponse answer(int status, const json& body, ccp::Headers headers = {}) {
  return {status, std::move(headers), body.dump()};
}
inline const json kNotFound = {{"error", "ResourceNotFound"}, {"detail", "Not found"}};
inline json subscriptionOf(const char* status) {
  return {{"id", kSubscription},
          {"customer_id", kCustomer},
          {"product_id", kProduct},
          {"status", status},
          {"created_at", "2026-11-01T09:00:00Z"},
          {"modified_at", nullptr},
          {"amount", 2900},
          {"currency", "usd"}};
}

inline json sentBody(const HttpRequest& request) {
  return request.body.empty() ? json() : json::parse(request.body);
}

/// Compares one request with its fixture; the path stands without the server.
inline void checkRequest(const char* name, const HttpRequest& request) {
  REQUIRE(request.url.rfind(kBase, 0) == 0);
  const json actual = {{"method", request.method},
                       {"path", request.url.substr(kBase.size())},
                       {"body", sentBody(request)}};
  const std::string path =
      std::string(CCP_SOURCE_DIR) + "/plugins/billing_polar/fixtures/requests/" + name + ".json";
  if (std::getenv("CCP_UPDATE_FIXTURES") != nullptr) std::ofstream(path) << actual.dump(1) << "\n";
  std::ifstream file(path);
  std::stringstream text;
  text << file.rdbuf();
  CAPTURE(name);
  CHECK_MESSAGE(json::parse(text.str(), nullptr, false) == actual, actual.dump());
  CHECK(request.auth.bearer == "polar/token");
  CHECK(ccp::headerOf(request.headers, "Polar-Version") == "2026-10");
  CHECK(ccp::headerOf(request.headers, "Authorization").empty());
}

struct Lab {
  ccp::testing::FakeHost host;
  std::unique_ptr<ccp::testing::FakeInstance> plugin;

  explicit Lab(json config = {{"server", "sandbox"}}) {
    host.secrets["polar/token"] = "polar_oat_test";
    host.secrets["polar/webhook"] =
        "whsec_" + ccp::base64Encode("0123456789abcdef0123456789abcdef");
    plugin = std::make_unique<ccp::testing::FakeInstance>(host, ccp_plugin_entry_v1(), "polar");
    config["access_token"] = {{"$secret", "polar/token"}};
    config["webhook_secret"] = {{"$secret", "polar/webhook"}};
    REQUIRE(plugin->configure(config).ok());
    REQUIRE(plugin->start().ok());
  }
  /// Answers one after the other; more requests than answers fail the test.
  void script(std::vector<HttpResponse> answers) {
    host.requests.clear();
    auto rest = std::make_shared<std::vector<HttpResponse>>(std::move(answers));
    host.onHttp = [rest](const HttpRequest& request) {
      if (rest->empty())
        throw ccp::Error::unavailable("unexpected request: " + request.method + " " + request.url);
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

}  // namespace polar_test
