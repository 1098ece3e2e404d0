// RS256 against OpenSSL's own verifier, and the keys that it refuses. Keys are made here: none lies around.
#include "core/crypto/rsa.hpp"

#include <doctest/doctest.h>
#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>

#include <memory>
#include <string>

using namespace ccp;

namespace {

using Key = std::unique_ptr<EVP_PKEY, decltype(&EVP_PKEY_free)>;

Key rsaKey(unsigned bits) { return {EVP_RSA_gen(bits), &EVP_PKEY_free}; }

std::string pemOf(EVP_PKEY* key, const char* passphrase = nullptr) {
  BIO* bio = BIO_new(BIO_s_mem());
  PEM_write_bio_PrivateKey(bio, key, passphrase ? EVP_aes_256_cbc() : nullptr, nullptr, 0, nullptr, const_cast<char*>(passphrase));
  char* data = nullptr;
  const long n = BIO_get_mem_data(bio, &data);
  std::string out(data, static_cast<std::size_t>(n));
  BIO_free(bio);
  return out;
}

bool verifies(EVP_PKEY* key, const Bytes& signature, std::string_view message) {
  const std::unique_ptr<EVP_MD_CTX, decltype(&EVP_MD_CTX_free)> context(EVP_MD_CTX_new(), &EVP_MD_CTX_free);
  return EVP_DigestVerifyInit(context.get(), nullptr, EVP_sha256(), nullptr, key) == 1 &&
         EVP_DigestVerify(context.get(), signature.data(), signature.size(), bytesOf(message).data(), message.size()) == 1;
}

}  // namespace

TEST_CASE("an RSA key in PEM signs what its public half verifies") {
  const Key key = rsaKey(2048);
  const SecretBytes pem(std::string_view(pemOf(key.get())));
  const auto signature = crypto::signRs256(pem, bytesOf("header.payload"));
  REQUIRE_MESSAGE(signature.has_value(), signature.error().detail);
  CHECK(signature->size() == 256);
  CHECK(verifies(key.get(), *signature, "header.payload"));
  CHECK_FALSE(verifies(key.get(), *signature, "header.paYload"));
  // PKCS#1 v1.5 is deterministic: the same text has the same signature.
  CHECK(*signature == crypto::signRs256(pem, bytesOf("header.payload")).value());
}

TEST_CASE("what is no RSA key of a sound size is refused, without a passphrase prompt, without naming the key") {
  const Key small = rsaKey(1024);
  const Key whole = rsaKey(2048);
  const Key curve(EVP_EC_gen("P-256"), &EVP_PKEY_free);
  struct Case {
    const char* name;
    std::string pem;
    const char* says;
  };
  const Case cases[] = {{"empty", "", "PEM"},
                        {"no PEM", "hunter2", "PEM"},
                        {"cut off", pemOf(whole.get()).substr(0, 400), "PEM"},
                        {"with a passphrase", pemOf(whole.get(), "sesame"), "PEM"},
                        {"of another kind", pemOf(curve.get()), "another kind"},
                        {"too short", pemOf(small.get()), "1024 bits"}};
  for (const auto& c : cases) {
    CAPTURE(c.name);
    const auto refused = crypto::signRs256(SecretBytes(std::string_view(c.pem)), bytesOf("m"));
    REQUIRE_FALSE(refused.has_value());
    CHECK(refused.error().code == Errc::validation_failed);
    CHECK(refused.error().detail.find(c.says) != std::string::npos);
    CHECK(refused.error().detail.find("hunter2") == std::string::npos);
  }
}
