// Webhooks of both billing plugins: headers and bodies from outside, before and after the
// signature. Input: header lines, an empty line, the body; without an empty line all of it is the
// body.
#include <string>

#include "ccp/error.hpp"
#include "ccp/text.hpp"
#include "plugins/billing_polar/webhook.hpp"
#include "plugins/billing_sandbox/mapping.hpp"
#include "tests/fuzz/require.hpp"

namespace {

using ccp::json;
using Headers = ccp::webhooks::HeaderList;

constexpr std::int64_t kNow = 1'800'000'000;

/// Stands for the HMAC, which the fuzzer could not find anyway: it depends on every byte.
std::string macOf(std::string_view key, std::string_view message) {
  std::string out;
  std::uint64_t state = 14695981039346656037ULL;
  const auto mix = [&state](std::string_view bytes) {
    for (const char c : bytes) state = (state ^ static_cast<unsigned char>(c)) * 1099511628211ULL;
  };
  while (out.size() < ccp::webhooks::kMacBytes) {
    mix(key);
    mix(message);
    out += static_cast<char>(state >> 32 & 0xFF);
  }
  return out;
}

const polar::Macs& keys() {
  static const polar::Macs macs = {[](std::string_view m) { return macOf("raw", m); },
                                   [](std::string_view) { return std::string(); }};
  return macs;
}

/// "" when the webhook is genuine, else the refusal's code.
std::string verdict(const Headers& headers, std::string_view body) {
  try {
    polar::verifyWebhook(headers, body, kNow, keys());
    return {};
  } catch (const ccp::Error& error) {
    CCP_REQUIRE(error.rc() == CCP_RC_UNAUTHENTICATED);
    return error.code();
  }
}

/// What a plugin hands to the host is whole, bounded and writable, whatever came in.
void checkEvents(const json& parsed) {
  CCP_REQUIRE(parsed.at("events").size() == 1);
  const json& event = parsed.at("events")[0];
  const std::string kind = event.at("kind").get<std::string>();
  CCP_REQUIRE(kind == "subscription" || kind == "payment" || kind == "refund" ||
              kind == "dispute" || kind == "customer" || kind == "checkout" || kind == "fetch" ||
              kind == "ignored");
  CCP_REQUIRE(!event.at("event_id").get<std::string>().empty());
  CCP_REQUIRE(ccp::strOr(event, "customer_id").size() <= 200 &&
              ccp::strOr(event, "subscription_id").size() <= 200);
  if (kind == "subscription") {
    const json& snapshot = event.at("subscription");
    CCP_REQUIRE(!ccp::strOr(snapshot, "id").empty() &&
                !ccp::strOr(snapshot, "customer_id").empty());
    CCP_REQUIRE(ccp::integer(snapshot, "quantity") >= 1);
    for (const char* key : {"period_start_at", "period_end_at", "trial_end_at", "ends_at",
                            "past_due_at", "modified_at"}) {
      CCP_REQUIRE(snapshot.at(key).is_null() ||
                  ccp::parseRfc3339(snapshot.at(key).get<std::string>()).has_value());
    }
  }
  if (kind == "refund")
    CCP_REQUIRE(event.at("outcome") == "full" || event.at("outcome") == "partial");
  if (kind == "fetch") CCP_REQUIRE(event.at("fetch").is_object());
  CCP_REQUIRE(json::parse(ccp::dumpJson(parsed), nullptr, false).is_object());
}

template <class Parse>
void parses(Parse parse) {
  try {
    checkEvents(parse());
  } catch (const ccp::Error& error) {
    CCP_REQUIRE(error.rc() == CCP_RC_INVALID_ARGUMENT);
  }
}

Headers headersOf(std::string_view block) {
  Headers out;
  while (!block.empty()) {
    const auto line = block.substr(0, block.find('\n'));
    block.remove_prefix(line.size() == block.size() ? line.size() : line.size() + 1);
    const auto colon = line.find(": ");
    if (colon != std::string_view::npos)
      out.emplace_back(line.substr(0, colon), line.substr(colon + 2));
  }
  return out;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size > std::size_t{1} << 18) return 0;
  const std::string_view input(reinterpret_cast<const char*>(data), size);
  const auto blank = input.find("\n\n");
  const bool has_headers = blank != std::string_view::npos;
  const std::string_view body = has_headers ? input.substr(blank + 2) : input;

  Headers headers = has_headers
                        ? headersOf(input.substr(0, blank))
                        : Headers{{"webhook-id", "evt_1"}, {"webhook-timestamp", "1800000000"}};
  if (verdict(headers, body).empty()) {
    const auto reading = ccp::webhooks::read(headers, body, kNow);
    CCP_REQUIRE(reading.ok && !reading.stale &&
                ccp::webhooks::matches(reading.message, macOf("raw", reading.message.content)));
  }

  // Signed by the holder of the key: accepted as it is, refused with one byte more.
  const std::string id =
      ccp::webhooks::messageId(headers).empty() ? "evt_1" : ccp::webhooks::messageId(headers);
  Headers genuine = {{"Webhook-Id", id}, {"webhook-timestamp", "1800000000"}};
  const std::string mac = macOf("raw", id + ".1800000000." + std::string(body));
  genuine.emplace_back("webhook-signature", "v1,AAAA v1," + ccp::base64Encode(mac));
  CCP_REQUIRE(verdict(genuine, body).empty());
  CCP_REQUIRE(verdict(genuine, std::string(body) + "x") == "signature_invalid");

  parses([&] { return polar::parseWebhook(genuine, body, true); });
  parses([&] { return sandbox_billing::parseWebhook(genuine, body); });
  return 0;
}
