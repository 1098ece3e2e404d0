#include "core/crypto/jws.hpp"

#include <algorithm>

namespace ccp::crypto {
namespace {

constexpr std::size_t kMaxKid = 128;
constexpr JsonLimits kTokenJson{.max_bytes = 16384, .max_depth = 16};

tl::unexpected<Error> invalid(std::string why) { return fail(Errc::token_invalid, std::move(why)); }

Result<Json> decodeObject(std::string_view part, const char* what) {
  const auto bytes = base64UrlDecode(part);
  if (!bytes) return invalid(std::string("The ") + what + " is not canonical base64url.");
  auto value = parseJson(textOf(*bytes), kTokenJson);
  if (!value) return invalid(std::string("The ") + what + " is not strict JSON: " + value.error().detail);
  if (!value->isObject()) return invalid(std::string("The ") + what + " is no JSON object.");
  return value;
}

}  // namespace

std::string signJwsWithHeader(const SigningKey& key, const Json& header, const Json& claims) {
  std::string input = base64UrlEncode(bytesOf(header.dump())) + "." + base64UrlEncode(bytesOf(claims.dump()));
  const auto signature = key.sign(bytesOf(input));
  return input + "." + base64UrlEncode(signature);
}

std::string signJws(const SigningKey& key, std::string_view typ, const Json& claims) {
  return signJwsWithHeader(
      key, Json::object({{"alg", "EdDSA"}, {"typ", typ}, {"kid", key.publicKey().thumbprint()}}), claims);
}

Result<ParsedJws> parseJws(std::string_view token, std::size_t max_bytes) {
  if (token.empty()) return invalid("The token is empty.");
  if (token.size() > max_bytes) return invalid("The token is larger than " + std::to_string(max_bytes) + " bytes.");
  if (std::count(token.begin(), token.end(), '.') != 2) return invalid("A compact JWS has three parts.");
  const auto first = token.find('.');
  const auto second = token.find('.', first + 1);
  ParsedJws out;
  CCP_TRY(out.header, decodeObject(token.substr(0, first), "header"));
  // RFC 7515, 4.1.11: an extension we do not know must not be ignored; we know none. "b64" (RFC 7797)
  // would change what is signed.
  for (const auto* name : {"crit", "b64"}) {
    if (out.header.find(name)) return invalid(std::string("The header member \"") + name + "\" is refused.");
  }
  CCP_TRY(out.claims, decodeObject(token.substr(first + 1, second - first - 1), "payload"));
  auto signature = base64UrlDecode(token.substr(second + 1));
  if (!signature) return invalid("The signature is not canonical base64url.");
  out.signature = std::move(*signature);
  out.signing_input = std::string(token.substr(0, second));
  return out;
}

Result<Json> verifyJws(std::string_view token, std::string_view typ, const KeyLookup& keys) {
  CCP_TRY(auto parsed, parseJws(token));
  const auto found_typ = parsed.header.strOr("typ");
  if (found_typ != typ) {
    return fail(Errc::token_wrong_type, "This is a \"" + found_typ.substr(0, 64) + "\", not a \"" + std::string(typ) + "\".");
  }
  const auto alg = parsed.header.strOr("alg");
  if (alg != "EdDSA") return fail(Errc::algorithm_refused, "The algorithm \"" + alg.substr(0, 32) + "\" is refused; only EdDSA is accepted.");
  // A token that brings its own key or says where to fetch one is an attack (RFC 8725, 3.10).
  for (const auto* name : {"jwk", "jku", "x5u", "x5c"}) {
    if (parsed.header.find(name)) return invalid(std::string("The header member \"") + name + "\" is refused.");
  }
  const auto* kid = parsed.header["kid"].asString();
  if (!kid || kid->empty() || kid->size() > kMaxKid) return fail(Errc::key_unknown, "The token names no key.");
  const auto key = keys(*kid);
  if (!key) return fail(Errc::key_unknown, "No trusted key has the id \"" + *kid + "\".");
  if (!verifySignature(*key, bytesOf(parsed.signing_input), parsed.signature)) {
    return invalid("The signature does not verify.");
  }
  return std::move(parsed.claims);
}

}  // namespace ccp::crypto
