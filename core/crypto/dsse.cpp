#include "core/crypto/dsse.hpp"

#include <algorithm>

namespace ccp::crypto {
namespace {

constexpr std::size_t kMaxSignatures = 32;
constexpr std::size_t kMaxKeyId = 128;
constexpr std::size_t kMaxType = 256;

tl::unexpected<Error> invalid(std::string why) { return fail(Errc::envelope_invalid, std::move(why)); }

Result<DsseSignature> parseSignature(const Json& item) {
  if (!item.isObject() || item.size() != 2) return invalid("A signature has exactly the members keyid and sig.");
  const auto* keyid = item["keyid"].asString();
  const auto* sig = item["sig"].asString();
  if (!keyid || keyid->empty() || keyid->size() > kMaxKeyId || !sig) return invalid("A signature needs keyid and sig.");
  auto bytes = base64Decode(*sig);
  if (!bytes || bytes->size() != 64) return invalid("sig must be 64 bytes in padded base64.");
  return DsseSignature{*keyid, std::move(*bytes)};
}

}  // namespace

std::string dssePae(std::string_view payload_type, std::string_view payload) {
  std::string out = "DSSEv1 ";
  out.append(std::to_string(payload_type.size())).append(" ").append(payload_type);
  out.append(" ").append(std::to_string(payload.size())).append(" ").append(payload);
  return out;
}

Result<DsseEnvelope> parseDsse(std::string_view text, std::size_t max_bytes) {
  auto json = parseJson(text, {.max_bytes = max_bytes, .max_depth = 4});
  if (!json) return invalid("The envelope: " + json.error().detail);
  if (!json->isObject() || json->size() != 3) {
    return invalid("An envelope has exactly the members payloadType, payload and signatures.");
  }
  const auto* type = (*json)["payloadType"].asString();
  const auto* payload = (*json)["payload"].asString();
  const auto* signatures = (*json)["signatures"].asArray();
  if (!type || type->empty() || type->size() > kMaxType) return invalid("payloadType must have 1 to 256 bytes.");
  if (!payload || !signatures) return invalid("payload and signatures are missing or of the wrong type.");
  if (signatures->empty() || signatures->size() > kMaxSignatures) return invalid("An envelope has 1 to 32 signatures.");
  DsseEnvelope out;
  out.payload_type = *type;
  auto bytes = base64Decode(*payload);
  if (!bytes) return invalid("payload is not canonical padded base64.");
  out.payload = std::string(textOf(*bytes));
  for (const auto& item : *signatures) {
    CCP_TRY(auto signature, parseSignature(item));
    out.signatures.push_back(std::move(signature));
  }
  return out;
}

std::string signDsse(std::string_view payload_type, std::string_view payload, const std::vector<const SigningKey*>& keys) {
  const std::string signed_bytes = dssePae(payload_type, payload);
  Json signatures = Json::array();
  for (const auto* key : keys) {
    signatures.push(Json::object({{"keyid", key->publicKey().thumbprint()}, {"sig", base64Encode(key->sign(bytesOf(signed_bytes)))}}));
  }
  return Json::object({{"payloadType", payload_type}, {"payload", base64Encode(bytesOf(payload))}, {"signatures", signatures}}).dump();
}

Result<std::string> verifyDsse(std::string_view envelope, std::string_view payload_type,
                               const std::map<std::string, PublicKey>& trusted, std::size_t threshold) {
  CCP_TRY(auto parsed, parseDsse(envelope));
  if (parsed.payload_type != payload_type) {
    return invalid("payloadType is \"" + parsed.payload_type + "\", not \"" + std::string(payload_type) + "\".");
  }
  const std::string signed_bytes = dssePae(parsed.payload_type, parsed.payload);
  bool any_known = false;
  // Counted by key, not by keyid: a key listed under two ids is still one signer.
  std::vector<PublicKey> signers;
  for (const auto& signature : parsed.signatures) {
    const auto it = trusted.find(signature.keyid);
    if (it == trusted.end()) continue;
    any_known = true;
    if (!verifySignature(it->second, bytesOf(signed_bytes), signature.signature)) continue;
    if (std::find(signers.begin(), signers.end(), it->second) == signers.end()) signers.push_back(it->second);
  }
  if (!any_known) return fail(Errc::key_unknown, "No trusted key has signed this envelope.");
  const std::size_t needed = std::max<std::size_t>(threshold, 1);
  if (signers.size() < needed) {
    return fail(Errc::signature_invalid, std::to_string(signers.size()) + " of " + std::to_string(needed) + " needed signatures verify.");
  }
  return std::move(parsed.payload);
}

}  // namespace ccp::crypto
