// Who signed a webhook of Polar: both forms of the key, several signatures, both ways of being
// late.
#include <doctest/doctest.h>

#include <functional>

#include "ccp/error.hpp"
#include "ccp/testing/sha256.hpp"
#include "ccp/text.hpp"
#include "webhook.hpp"

namespace {

using Headers = ccp::webhooks::HeaderList;

constexpr std::int64_t kNow = 1'800'000'000;
const std::string kSecret = "whsec_" + ccp::base64Encode("0123456789abcdef0123456789abcdef");
const std::string kBody =
    R"({"type":"customer.updated","timestamp":"2026-11-01T09:00:00Z","data":{"id":"x"}})";

std::string macOf(const std::string& key, std::string_view message) {
  return ccp::testing::hmacSha256(key, message);
}

polar::Macs keysOf(const std::string& secret) {
  return {[secret](std::string_view message) { return macOf(secret, message); },
          [secret](std::string_view message) -> std::string {
            const auto key =
                ccp::base64Decode(secret.rfind("whsec_", 0) == 0 ? secret.substr(6) : secret);
            return key ? macOf(*key, message) : std::string();
          }};
}

std::string signature(const std::string& key, std::int64_t at = kNow,
                      const std::string& id = "msg_1", const std::string& body = kBody) {
  return "v1," + ccp::base64Encode(macOf(key, id + "." + std::to_string(at) + "." + body));
}

Headers headers(const std::string& signed_as, std::int64_t at = kNow) {
  return {{"webhook-id", "msg_1"},
          {"webhook-timestamp", std::to_string(at)},
          {"webhook-signature", signed_as}};
}

std::string verdict(const Headers& given, const std::string& body = kBody,
                    const std::string& secret = kSecret) {
  try {
    polar::verifyWebhook(given, body, kNow, keysOf(secret));
    return "ok";
  } catch (const ccp::Error& error) {
    CHECK(error.rc() == CCP_RC_UNAUTHENTICATED);
    return error.code();
  }
}

const std::string kStandardKey = "0123456789abcdef0123456789abcdef";

}  // namespace

TEST_CASE("a genuine webhook tells its event before it is parsed") {
  const std::string body = R"({"data":{"type":"inner"},"type":"order.paid"})";
  CHECK(polar::verifyWebhook(headers(signature(kSecret, kNow, "msg_1", body)), body, kNow, keysOf(kSecret)) ==
        ccp::json{{"event_id", "msg_1"}, {"type", "order.paid"}});
}

TEST_CASE("both forms of the key are accepted") {
  CHECK(verdict(headers(signature(kSecret))) == "ok");
  CHECK(verdict(headers(signature(kStandardKey))) == "ok");
  const std::string newer = "polar_whs_5f2b9c";
  CHECK(verdict(headers(signature(newer)), kBody, newer) == "ok");
  const std::string own = "a secret that a person chose";
  CHECK(verdict(headers(signature(own)), kBody, own) == "ok");
}

TEST_CASE("signatures that do not count") {
  const std::string good = signature(kSecret), bad = signature("another secret");
  struct Row {
    const char* name;
    std::string signed_as;
    const char* expected;
  };
  const std::vector<Row> rows = {
      {"another key", bad, "signature_invalid"},
      {"the second of two", bad + " " + good, "ok"},
      {"the first of two", good + " " + bad, "ok"},
      {"beside another version", "v1a,AAAA " + good, "ok"},
      {"only another version", "v1a," + good.substr(3), "signature_invalid"},
      {"no version", good.substr(3), "signature_invalid"},
      {"upper case version", "V1" + good.substr(2), "signature_invalid"},
      {"empty", "", "signature_invalid"},
      {"spaces", "   ", "signature_invalid"},
      {"joined by a comma", good + "," + good, "signature_invalid"},
      {"short", "v1,AAAA", "signature_invalid"},
      {"without padding", good.substr(0, good.size() - 1), "signature_invalid"},
      {"base64url", "v1," + ccp::base64UrlEncode(macOf(kSecret, "x")) + "=", "signature_invalid"},
      {"double space between", bad + "  " + good, "ok"},
      {"very long", std::string(9000, 'A'), "signature_invalid"},
  };
  for (const auto& row : rows) {
    CAPTURE(row.name);
    CHECK(verdict(headers(row.signed_as)) == row.expected);
  }
}

TEST_CASE("bits that no encoder sets are not ignored") {
  // 32 bytes leave two spare bits in the last digit before the padding.
  std::string changed = signature(kSecret);
  const std::string digits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  char& last = changed[changed.size() - 2];
  last = digits[digits.find(last) + 1];
  CHECK(verdict(headers(changed)) == "signature_invalid");
}

TEST_CASE("the tolerance is 300 seconds both ways, and only a genuine signature is called late") {
  for (const std::int64_t at : {kNow - 300, kNow + 300, kNow})
    CHECK(verdict(headers(signature(kSecret, at), at)) == "ok");
  for (const std::int64_t at : {kNow - 301, kNow + 301, std::int64_t{0}}) {
    CHECK(verdict(headers(signature(kSecret, at), at)) == "signature_stale");
    CHECK(verdict(headers(signature("another secret", at), at)) == "signature_invalid");
  }
}

TEST_CASE("a header that is missing, doubled or malformed is refused") {
  const std::string good = signature(kSecret), at = std::to_string(kNow);
  const std::vector<std::pair<const char*, Headers>> rows = {
      {"no id", {{"webhook-timestamp", at}, {"webhook-signature", good}}},
      {"no timestamp", {{"webhook-id", "msg_1"}, {"webhook-signature", good}}},
      {"no signature", {{"webhook-id", "msg_1"}, {"webhook-timestamp", at}}},
      {"id twice",
       {{"webhook-id", "msg_1"},
        {"Webhook-Id", "msg_1"},
        {"webhook-timestamp", at},
        {"webhook-signature", good}}},
      {"timestamp twice",
       {{"webhook-id", "msg_1"},
        {"webhook-timestamp", at},
        {"webhook-timestamp", at},
        {"webhook-signature", good}}},
      {"signature twice",
       {{"webhook-id", "msg_1"},
        {"webhook-timestamp", at},
        {"webhook-signature", good},
        {"WEBHOOK-SIGNATURE", good}}},
      {"empty id", {{"webhook-id", ""}, {"webhook-timestamp", at}, {"webhook-signature", good}}},
      {"timestamp with a sign",
       {{"webhook-id", "msg_1"}, {"webhook-timestamp", "+" + at}, {"webhook-signature", good}}},
      {"timestamp with a fraction",
       {{"webhook-id", "msg_1"}, {"webhook-timestamp", at + ".0"}, {"webhook-signature", good}}},
      {"timestamp beyond any clock",
       {{"webhook-id", "msg_1"},
        {"webhook-timestamp", "99999999999999999999"},
        {"webhook-signature", good}}},
  };
  for (const auto& row : rows) {
    CAPTURE(row.first);
    CHECK(verdict(row.second) == "signature_invalid");
  }
  CHECK(
      verdict({{"WEBHOOK-ID", "msg_1"}, {"Webhook-Timestamp", at}, {"wEbHoOk-SiGnAtUrE", good}}) ==
      "ok");
}

TEST_CASE("every byte under the signature counts") {
  const std::string good = signature(kSecret);
  for (std::size_t i = 0; i < kBody.size(); ++i) {
    std::string changed = kBody;
    changed[i] = static_cast<char>(changed[i] ^ 1);
    CHECK(verdict(headers(good), changed) == "signature_invalid");
  }
  CHECK(verdict(headers(good), kBody + " ") == "signature_invalid");
  CHECK(verdict({{"webhook-id", "msg_2"},
                 {"webhook-timestamp", std::to_string(kNow)},
                 {"webhook-signature", good}}) == "signature_invalid");
  CHECK(verdict(headers(good, kNow + 1)) == "signature_invalid");
}
