// Who signed a webhook of Stripe: one key form, several signatures, both ways of being late, both
// modes.
#include "webhook.hpp"

#include <doctest/doctest.h>

#include "ccp/error.hpp"
#include "ccp/testing/sha256.hpp"
#include "ccp/text.hpp"

namespace {

using stripe::HeaderList;

constexpr std::int64_t kNow = 1'800'000'000;
const std::string kSecret = "whsec_" + ccp::base64Encode("0123456789abcdef0123456789abcdef");
const std::string kBody =
    R"({"id":"evt_1","object":"event","type":"customer.updated","created":1800000000,"livemode":true,"data":{"object":{"id":"cus_1"}}})";

std::string signature(const std::string& key, std::int64_t at = kNow,
                      const std::string& body = kBody) {
  return ccp::hexEncode(ccp::testing::hmacSha256(key, std::to_string(at) + "." + body));
}
std::string header(const std::string& hex, std::int64_t at = kNow) {
  return "t=" + std::to_string(at) + ",v1=" + hex;
}

std::string verdict(const HeaderList& given, const std::string& body = kBody,
                    const std::string& secret = kSecret, bool livemode = true) {
  try {
    stripe::verifyWebhook(given, body, kNow, livemode, [&](std::string_view message) {
      return ccp::testing::hmacSha256(secret, message);
    });
    return "ok";
  } catch (const ccp::Error& error) {
    CHECK(error.rc() == CCP_RC_UNAUTHENTICATED);
    return error.code();
  }
}
std::string verdictOf(const std::string& value, const std::string& body = kBody,
                      const std::string& secret = kSecret) {
  return verdict({{"Stripe-Signature", value}}, body, secret);
}

}  // namespace

TEST_CASE("the key is the whole secret as displayed, and nothing else") {
  CHECK(verdictOf(header(signature(kSecret))) == "ok");
  CHECK(verdictOf(header(signature("0123456789abcdef0123456789abcdef"))) == "signature_invalid");
  CHECK(verdictOf(header(signature(kSecret.substr(6)))) == "signature_invalid");
  const std::string own = "a secret that a person chose";
  CHECK(verdictOf(header(signature(own)), kBody, own) == "ok");
}

TEST_CASE("a genuine webhook tells its event before it is parsed") {
  const auto told = [](const std::string& body) {
    return stripe::verifyWebhook(
        {{"Stripe-Signature", header(signature(kSecret, kNow, body))}}, body, kNow, true,
        [&](std::string_view message) { return ccp::testing::hmacSha256(kSecret, message); });
  };
  CHECK(told(kBody) == ccp::json{{"event_id", "evt_1"}, {"type", "customer.updated"}});
  for (const char* says_nothing : {R"({"id":7,"type":null})", R"({"data":{"id":"evt_1","type":"a"}})", "[]", "no JSON"}) {
    CAPTURE(says_nothing);
    CHECK(told(says_nothing) == ccp::json{{"event_id", ""}, {"type", ""}});
  }
}

TEST_CASE("signatures that do not count") {
  const std::string good = signature(kSecret), bad = signature("another secret");
  const std::string t = "t=" + std::to_string(kNow);
  std::string upper = good;
  for (char& c : upper) c = c >= 'a' && c <= 'f' ? static_cast<char>(c - 32) : c;
  struct Row {
    const char* name;
    std::string value;
    const char* expected;
  };
  const std::vector<Row> rows = {
      {"another key", t + ",v1=" + bad, "signature_invalid"},
      {"the second of two", t + ",v1=" + bad + ",v1=" + good, "ok"},
      {"the first of two", t + ",v1=" + good + ",v1=" + bad, "ok"},
      {"beside the test scheme", t + ",v1=" + good + ",v0=" + bad, "ok"},
      {"only the test scheme", t + ",v0=" + good, "signature_invalid"},
      {"a scheme that begins alike", t + ",v10=" + good, "signature_invalid"},
      {"a scheme that ends alike", t + ",xv1=" + good, "signature_invalid"},
      {"a scheme after a space", t + ", v1=" + good, "signature_invalid"},
      {"upper-case scheme", t + ",V1=" + good, "signature_invalid"},
      {"upper-case digits", t + ",v1=" + upper, "signature_invalid"},
      {"base64 instead of hex",
       t + ",v1=" + ccp::base64Encode(ccp::testing::hmacSha256(kSecret, "x")), "signature_invalid"},
      {"cut short", t + ",v1=" + good.substr(0, 62), "signature_invalid"},
      {"one digit more", t + ",v1=" + good + "0", "signature_invalid"},
      {"empty", "", "signature_invalid"},
      {"no time", "v1=" + good, "signature_invalid"},
      {"two times", t + ",t=1,v1=" + good, "signature_invalid"},
      {"the same time twice", t + "," + t + ",v1=" + good, "signature_invalid"},
      {"an empty time", "t=,v1=" + good, "signature_invalid"},
      {"a time with a sign", "t=+" + std::to_string(kNow) + ",v1=" + good, "signature_invalid"},
      {"a time with a fraction", t + ".0,v1=" + good, "signature_invalid"},
      {"a time beyond any clock", "t=99999999999999999999,v1=" + good, "signature_invalid"},
      {"a very long header", t + ",v1=" + good + "," + std::string(9000, 'x'), "signature_invalid"},
      {"parts without a sign of equality", t + ",v1,v1=" + good + ",,", "ok"},
  };
  for (const auto& row : rows) {
    CAPTURE(row.name);
    CHECK(verdictOf(row.value) == row.expected);
  }
}

TEST_CASE("the header must be there exactly once") {
  const std::string good = header(signature(kSecret));
  CHECK(verdict({}) == "signature_invalid");
  CHECK(verdict({{"stripe-signature", good}, {"Stripe-Signature", good}}) == "signature_invalid");
  CHECK(verdict({{"x", "y"}, {"STRIPE-SIGNATURE", good}}) == "ok");
  CHECK(verdict({{"stripe-signature2", good}}) == "signature_invalid");
}

TEST_CASE("the tolerance is 300 seconds both ways, and only a genuine signature is called late") {
  for (const std::int64_t at : {kNow - 300, kNow + 300, kNow})
    CHECK(verdictOf(header(signature(kSecret, at), at)) == "ok");
  for (const std::int64_t at : {kNow - 301, kNow + 301, std::int64_t{0}}) {
    CHECK(verdictOf(header(signature(kSecret, at), at)) == "signature_stale");
    CHECK(verdictOf(header(signature("another secret", at), at)) == "signature_invalid");
  }
  // The time is under the signature: a fresh one cannot be put in front of an old one.
  CHECK(verdictOf(header(signature(kSecret, kNow - 400), kNow)) == "signature_invalid");
}

TEST_CASE("every byte under the signature counts") {
  const std::string good = header(signature(kSecret));
  for (std::size_t i = 0; i < kBody.size(); ++i) {
    std::string changed = kBody;
    changed[i] = static_cast<char>(changed[i] ^ 1);
    CHECK(verdictOf(good, changed) == "signature_invalid");
  }
  CHECK(verdictOf(good, kBody + " ") == "signature_invalid");
}

TEST_CASE("only the outermost object says the mode") {
  const auto with = [](const std::string& body) {
    return verdictOf(header(signature(kSecret, kNow, body)), body);
  };
  CHECK(with(R"({"data":{"livemode":false},"livemode":true})") == "ok");
  CHECK(with(R"({"livemode":false,"data":{"livemode":true}})") == "livemode_mismatch");
  CHECK(with(R"({"data":[{"livemode":false}],"more":[[]],"livemode":false})") == "livemode_mismatch");
  CHECK(with(R"([{"livemode":false}])") == "ok");
  CHECK(with(R"({"livemode":{"livemode":false}})") == "ok");
  CHECK(with(R"({"livemode":null})") == "ok");
  CHECK(with(R"({"livemode":false)") == "ok");  // no JSON: for parse_webhook to say
}

TEST_CASE("a webhook of the other mode is refused, and told apart from a forged one") {
  std::string sandbox = kBody;
  sandbox.replace(sandbox.find("true"), 4, "false");
  const std::string good = header(signature(kSecret, kNow, sandbox));
  CHECK(verdict({{"stripe-signature", good}}, sandbox, kSecret, true) == "livemode_mismatch");
  CHECK(verdict({{"stripe-signature", good}}, sandbox, kSecret, false) == "ok");
  CHECK(verdict({{"stripe-signature", header(signature(kSecret))}}, kBody, kSecret, false) ==
        "livemode_mismatch");
  CHECK(verdict({{"stripe-signature", header(signature("x", kNow, sandbox))}}, sandbox, kSecret,
                true) == "signature_invalid");
  // A genuine body that is no JSON is kept by the host, and parse_webhook says what is wrong.
  CHECK(verdictOf(header(signature(kSecret, kNow, "{")), "{") == "ok");
}
