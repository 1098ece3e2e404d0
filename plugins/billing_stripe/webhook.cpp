#include "webhook.hpp"

#include "ccp/json.hpp"
#include "ccp/text.hpp"
#include "events.hpp"

namespace stripe {
namespace {

constexpr std::size_t kMaxHeader = 8192, kMaxSignatures = 32, kHexMac = 64;
constexpr const char* kHeader = "the header Stripe-Signature must be there exactly once";

struct Signed {
  std::string timestamp;
  std::int64_t at_s = 0;
  std::vector<std::string> signatures;  ///< lower-case hex, 64 digits
};

/// The one value of the header; a second one would leave open which of them was meant.
std::string single(const HeaderList& headers) {
  constexpr std::string_view kName = "stripe-signature";
  const auto lower = [](char c) {
    return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  };
  const std::string* found = nullptr;
  for (const auto& [key, content] : headers) {
    bool same = key.size() == kName.size();
    for (std::size_t i = 0; same && i < kName.size(); ++i) same = lower(key[i]) == kName[i];
    if (!same) continue;
    if (found != nullptr) throw ccp::Error::signatureInvalid(kHeader);
    found = &content;
  }
  if (found == nullptr || found->empty() || found->size() > kMaxHeader)
    throw ccp::Error::signatureInvalid(kHeader);
  return *found;
}

Signed read(const std::string& header) {
  Signed out;
  std::string_view rest = header;
  while (!rest.empty()) {
    const std::string_view part = rest.substr(0, rest.find(','));
    rest.remove_prefix(part.size() == rest.size() ? rest.size() : part.size() + 1);
    const auto equals = part.find('=');
    if (equals == std::string_view::npos) continue;
    const std::string_view scheme = part.substr(0, equals), value = part.substr(equals + 1);
    if (scheme == "t") {
      if (!out.timestamp.empty() || value.empty() || value.size() > 11 ||
          value.find_first_not_of("0123456789") != std::string_view::npos) {
        throw ccp::Error::signatureInvalid(
            "the header Stripe-Signature must hold one time \"t\" in Unix seconds");
      }
      out.timestamp = std::string(value);
    } else if (scheme == "v1" && value.size() == kHexMac &&
               value.find_first_not_of("0123456789abcdef") == std::string_view::npos &&
               out.signatures.size() < kMaxSignatures) {
      out.signatures.emplace_back(value);
    }
  }
  if (out.timestamp.empty())
    throw ccp::Error::signatureInvalid("the header Stripe-Signature holds no time \"t\"");
  if (out.signatures.empty())
    throw ccp::Error::signatureInvalid("the header Stripe-Signature holds no v1 signature");
  out.at_s = std::stoll(out.timestamp);
  return out;
}

}  // namespace

ccp::json verifyWebhook(const HeaderList& headers, std::string_view body, std::int64_t now_s,
                        bool livemode, const Mac& mac) {
  const Signed given = read(single(headers));
  std::string content;
  content.reserve(given.timestamp.size() + 1 + body.size());
  content.append(given.timestamp).append(1, '.').append(body);
  const std::string expected = mac(content);
  if (expected.size() != kHexMac / 2)
    throw ccp::Error::internal("the host's HMAC is not 32 bytes long");
  const std::string hex = ccp::hexEncode(expected);
  bool genuine = false;
  for (const auto& signature : given.signatures)
    genuine = ccp::equalConstantTime(signature, hex) || genuine;
  if (!genuine)
    throw ccp::Error::signatureInvalid(
        "no signature of the webhook verifies with the configured secret");
  const std::int64_t age = now_s - given.at_s;
  if (age > kToleranceSeconds || age < -kToleranceSeconds)
    throw ccp::Error::signatureStale("the webhook's timestamp is more than 300 seconds off");
  // Of what is no JSON nothing is known. It is genuine all the same; parse_webhook says what is wrong.
  const ccp::json facts = ccp::peekJson(body, {"id", "type", "livemode"});
  const ccp::json* mode = ccp::member(facts, "livemode");
  if (mode != nullptr && mode->is_boolean() && mode->get<bool>() != livemode) {
    throw ccp::Error::unauthenticated(
        livemode ? "the webhook is of a sandbox, and this instance is live (`livemode: true`)"
                 : "the webhook is live, and this instance is a sandbox (`livemode: false`)")
        .withCode("livemode_mismatch");
  }
  return {{"event_id", ccp::strOr(facts, "id")}, {"type", ccp::strOr(facts, "type")}};
}

ccp::json parseWebhook(std::string_view body) {
  return {{"events", ccp::json::array({event(ccp::parseJson(body))})}};
}

}  // namespace stripe
