#include "policy/pack/signing.hpp"

#include <algorithm>

#include "core/crypto/dsse.hpp"

namespace ccp::policy {
namespace {

Result<crypto::DsseEnvelope> opened(std::string_view envelope) {
  auto parsed = crypto::parseDsse(envelope);
  if (!parsed) return fail(Errc::policy_document_invalid, "It is no whole signed envelope: " + parsed.error().detail);
  return parsed;
}

}  // namespace

Result<std::string> addSignature(std::string_view envelope, const crypto::SigningKey& key) {
  CCP_TRY(auto parsed, opened(envelope));
  const auto made = key.sign(bytesOf(crypto::dssePae(parsed.payload_type, parsed.payload)));
  const auto keyid = key.publicKey().thumbprint();
  std::erase_if(parsed.signatures, [&](const auto& signature) { return signature.keyid == keyid; });
  parsed.signatures.push_back({keyid, Bytes(made.begin(), made.end())});
  Json signatures = Json::array();
  for (const auto& signature : parsed.signatures) {
    signatures.push(Json::object({{"keyid", signature.keyid}, {"sig", base64Encode(signature.signature)}}));
  }
  return Json::object({{"payloadType", parsed.payload_type}, {"payload", base64Encode(bytesOf(parsed.payload))}, {"signatures", signatures}}).dump();
}

Result<Unverified> peek(std::string_view envelope) {
  CCP_TRY(auto parsed, opened(envelope));
  Unverified out{std::move(parsed.payload_type), std::move(parsed.payload), {}};
  for (const auto& signature : parsed.signatures) out.keyids.push_back(signature.keyid);
  return out;
}

}  // namespace ccp::policy
