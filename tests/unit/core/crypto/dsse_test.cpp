#include "core/crypto/dsse.hpp"

#include <doctest/doctest.h>

#include "tests/support/fakes.hpp"

using namespace ccp;
using namespace ccp::crypto;

namespace {

constexpr const char* kType = "application/vnd.ccp.test+json";

SigningKey keyOf(std::uint64_t seed) {
  test::SeededRandom random(seed);
  return SigningKey::generate(random);
}
Json envelopeOf(const std::vector<const SigningKey*>& keys) { return *parseJson(signDsse(kType, "{\"a\":1}", keys)); }
Errc verifyError(const std::string& text, const std::map<std::string, PublicKey>& trusted, std::size_t threshold = 1) {
  const auto result = verifyDsse(text, kType, trusted, threshold);
  REQUIRE_FALSE(result);
  return result.error().code;
}

}  // namespace

TEST_CASE("the signed bytes are those of the DSSE protocol's example") {
  CHECK(dssePae("http://example.com/HelloWorld", "hello world") == "DSSEv1 29 http://example.com/HelloWorld 11 hello world");
  CHECK(dssePae("", "") == "DSSEv1 0  0 ");
  // Lengths count bytes, not characters.
  CHECK(dssePae("a\xc3\xa4", "x") == "DSSEv1 3 a\xc3\xa4 1 x");
}

TEST_CASE("an envelope gives back the exact bytes that were signed") {
  const auto key = keyOf(1);
  const std::string payload("{ \"b\" : 1,\n\"a\":2 }\0\xff", 21);
  const auto text = signDsse(kType, payload, {&key});
  const auto result = verifyDsse(text, kType, {{key.publicKey().thumbprint(), key.publicKey()}});
  REQUIRE(result);
  CHECK(*result == payload);
}

TEST_CASE("malformed envelopes are refused with envelope_invalid") {
  const auto key = keyOf(1);
  const std::map<std::string, PublicKey> trusted{{key.publicKey().thumbprint(), key.publicKey()}};
  const Json good = envelopeOf({&key});
  const auto with = [&](const char* name, Json value) {
    Json changed = good;
    changed.set(name, std::move(value));
    return changed.dump();
  };
  const auto without = [&](const char* name) {
    Json changed = good;
    changed.erase(name);
    return changed.dump();
  };
  const auto signature = [](const char* keyid, std::string sig) {
    return Json::array({Json::object({{"keyid", keyid}, {"sig", std::move(sig)}})});
  };
  struct Row {
    const char* name;
    std::string text;
  };
  const Row rows[] = {
      {"no JSON", "x"},
      {"a list", "[]"},
      {"duplicate member", R"({"payload":"","payload":"","payloadType":"x","signatures":[]})"},
      {"an unknown member", with("extra", 1)},
      {"no payload", without("payload")},
      {"no payloadType", without("payloadType")},
      {"no signatures", without("signatures")},
      {"payload without padding", with("payload", "eyJhIjoxfQ")},
      {"payload in base64url", with("payload", "_-8=")},
      {"payload a number", with("payload", 1)},
      {"empty payloadType", with("payloadType", "")},
      {"long payloadType", with("payloadType", std::string(257, 't'))},
      {"other payloadType", with("payloadType", "application/other")},
      {"empty signatures", with("signatures", Json::array())},
      {"signatures an object", with("signatures", Json::object())},
      {"33 signatures", with("signatures", Json::array(Json::Array(33, good["signatures"].items()[0])))},
      {"a signature of 63 bytes", with("signatures", signature("k", base64Encode(Bytes(63))))},
      {"an empty keyid", with("signatures", signature("", base64Encode(Bytes(64))))},
      {"a signature with a third member", with("signatures", Json::array({Json::object({{"keyid", "k"}, {"sig", base64Encode(Bytes(64))}, {"alg", "x"}})}))},
      {"larger than 2 MiB", with("payload", std::string((2u << 20) + 4, 'A'))},
  };
  for (const auto& row : rows) {
    CAPTURE(row.name);
    CHECK(verifyError(row.text, trusted) == Errc::envelope_invalid);
  }
}

TEST_CASE("a signature for one type is no good for another") {
  const auto key = keyOf(1);
  Json forged = *parseJson(signDsse("application/other", "{\"a\":1}", {&key}));
  forged.set("payloadType", kType);
  CHECK(verifyError(forged.dump(), {{key.publicKey().thumbprint(), key.publicKey()}}) == Errc::signature_invalid);
}

TEST_CASE("unknown keys, changed payloads and thresholds") {
  const auto one = keyOf(1), two = keyOf(2), three = keyOf(3);
  const std::string id1 = one.publicKey().thumbprint(), id2 = two.publicKey().thumbprint();
  const std::map<std::string, PublicKey> both{{id1, one.publicKey()}, {id2, two.publicKey()}};

  CHECK(verifyError(signDsse(kType, "p", {&three}), both) == Errc::key_unknown);
  Json changed = envelopeOf({&one});
  changed.set("payload", base64Encode(bytesOf("{\"a\":2}")));
  CHECK(verifyError(changed.dump(), both) == Errc::signature_invalid);

  CHECK(verifyDsse(signDsse(kType, "p", {&one, &two}), kType, both, 2));
  CHECK(verifyDsse(signDsse(kType, "p", {&three, &one}), kType, both, 1));
  CHECK(verifyError(signDsse(kType, "p", {&one}), both, 2) == Errc::signature_invalid);
  CHECK(verifyError(signDsse(kType, "p", {&one, &three}), both, 2) == Errc::signature_invalid);
  // The same signature twice is one signer.
  CHECK(verifyError(signDsse(kType, "p", {&one, &one}), both, 2) == Errc::signature_invalid);
  // So is one key that is listed under two ids.
  const std::map<std::string, PublicKey> alias{{id1, one.publicKey()}, {"alias", one.publicKey()}};
  Json twice = envelopeOf({&one});
  Json second = twice["signatures"].items()[0];
  second.set("keyid", "alias");
  Json list = twice["signatures"];
  list.push(second);
  twice.set("signatures", list);
  CHECK(verifyDsse(twice.dump(), kType, alias, 1));
  CHECK(verifyError(twice.dump(), alias, 2) == Errc::signature_invalid);
  // A threshold of nought is one.
  CHECK(verifyError(signDsse(kType, "p", {&three}), {}, 0) == Errc::key_unknown);
}
