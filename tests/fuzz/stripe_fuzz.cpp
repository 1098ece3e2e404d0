// Webhooks of billing_stripe: the header and the body from outside, before and after the signature.
// Input: the value of Stripe-Signature, a line feed, the body; without a line feed all of it is the
// body.
#include <string>

#include "ccp/error.hpp"
#include "ccp/text.hpp"
#include "plugins/billing_stripe/events.hpp"
#include "plugins/billing_stripe/webhook.hpp"
#include "tests/fuzz/require.hpp"

namespace {

using ccp::json;

constexpr std::int64_t kNow = 1'800'000'000;

/// Stands for HMAC, which the fuzzer could not find anyway: it depends on every byte.
std::string macOf(std::string_view message) {
  std::string out;
  std::uint64_t state = 14695981039346656037ULL;
  while (out.size() < 32) {
    for (const char c : message) state = (state ^ static_cast<unsigned char>(c)) * 1099511628211ULL;
    out += static_cast<char>(state >> 32 & 0xFF);
  }
  return out;
}

/// "" when the webhook is genuine, else the refusal's code.
std::string verdict(const std::string& header, std::string_view body) {
  try {
    stripe::verifyWebhook({{"stripe-signature", header}}, body, kNow, true, macOf);
    return {};
  } catch (const ccp::Error& error) {
    CCP_REQUIRE(error.rc() == CCP_RC_UNAUTHENTICATED);
    return error.code();
  }
}

void checkTime(const json& at) {
  CCP_REQUIRE(at.is_null() || ccp::parseRfc3339(at.get<std::string>()).has_value());
}

/// What the plugin hands to the host is whole, bounded and writable, whatever came in.
void checkEvent(const json& event) {
  const std::string kind = event.at("kind").get<std::string>();
  CCP_REQUIRE(kind == "subscription" || kind == "payment" || kind == "refund" ||
              kind == "dispute" || kind == "customer" || kind == "checkout" || kind == "fetch" ||
              kind == "ignored");
  CCP_REQUIRE(!event.at("event_id").get<std::string>().empty() &&
              event.at("event_id").get<std::string>().size() <= 200);
  CCP_REQUIRE(ccp::strOr(event, "customer_id").size() <= 200 &&
              ccp::strOr(event, "subscription_id").size() <= 200);
  checkTime(event.at("occurred_at"));
  if (kind == "subscription") {
    const json& snapshot = event.at("subscription");
    CCP_REQUIRE(!ccp::strOr(snapshot, "id").empty() &&
                !ccp::strOr(snapshot, "customer_id").empty());
    CCP_REQUIRE(ccp::integer(snapshot, "quantity") >= 1);
    for (const char* key : {"period_start_at", "period_end_at", "trial_end_at", "ends_at",
                            "past_due_at", "resumes_at", "modified_at"}) {
      checkTime(snapshot.at(key));
    }
  }
  if (kind == "fetch") {
    CCP_REQUIRE(event.at("fetch").is_object());
    const std::string type = event.at("fetch").at("type").get<std::string>();
    if (type == "refund" || type == "dispute") {
      // Whatever the invoice says: the outcome is one of the words, the ids are bounded.
      const json resolved = stripe::resolvedMoneyBack(event.at("fetch"), event, "cus_1");
      const std::string outcome = resolved.at("outcome").get<std::string>();
      CCP_REQUIRE(outcome == "full" || outcome == "partial" || outcome == "opened" ||
                  outcome == "won" || outcome == "lost");
      checkEvent(resolved);
    }
  }
}

/// What `read` makes of the text; "refused" for none.
json outcome(json (*read)(std::string_view), std::string_view text) {
  try {
    return read(text);
  } catch (const ccp::Error&) {
    return "refused";
  }
}

/// An operation's input is read as parseJson reads it, also when it is long and has a long member.
void checkInput(std::string_view text) {
  CCP_REQUIRE(outcome(&ccp::parseInput, text) == outcome(&ccp::parseJson, text));
  if (text.empty() || text.front() != '{') return;
  const std::string longer = "{\"body\":\"" + std::string(1100, 'x') + "\"," + std::string(text.substr(1));
  CCP_REQUIRE(outcome(&ccp::parseInput, longer) == outcome(&ccp::parseJson, longer));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size > std::size_t{1} << 18) return 0;
  const std::string_view input(reinterpret_cast<const char*>(data), size);
  const auto end = input.find('\n');
  const std::string header(end == std::string_view::npos ? std::string_view()
                                                         : input.substr(0, end));
  const std::string_view body = end == std::string_view::npos ? input : input.substr(end + 1);

  if (verdict(header, body).empty()) {
    // Genuine: then the MAC of what stands there is in the header.
    const auto t = header.find("t=");
    CCP_REQUIRE(t != std::string::npos);
    const std::string at = header.substr(t + 2, header.find(',', t) - t - 2);
    CCP_REQUIRE(header.find(ccp::hexEncode(macOf(at + "." + std::string(body)))) !=
                std::string::npos);
  }
  // Signed by the holder of the key: accepted as it is or of the other mode, refused with a byte
  // more.
  const std::string mac = ccp::hexEncode(macOf("1800000000." + std::string(body)));
  const std::string genuine = "t=1800000000,v1=00,v1=" + mac;
  const std::string said = verdict(genuine, body);
  CCP_REQUIRE(said.empty() || said == "livemode_mismatch");
  CCP_REQUIRE(verdict(genuine, std::string(body) + "x") == "signature_invalid");

  checkInput(body);
  try {
    const json parsed = stripe::parseWebhook(body);
    CCP_REQUIRE(parsed.at("events").size() == 1);
    if (said.empty()) {
      // What is told before anything is parsed is what is found when it is.
      const json facts =
          stripe::verifyWebhook({{"stripe-signature", genuine}}, body, kNow, true, macOf);
      CCP_REQUIRE(facts.at("event_id") == parsed.at("events")[0].at("event_id"));
      CCP_REQUIRE(facts.at("type") == parsed.at("events")[0].at("type"));
    }
    checkEvent(parsed.at("events")[0]);
    CCP_REQUIRE(json::parse(ccp::dumpJson(parsed), nullptr, false).is_object());
  } catch (const ccp::Error& error) {
    CCP_REQUIRE(error.rc() == CCP_RC_INVALID_ARGUMENT);
  }
  return 0;
}
