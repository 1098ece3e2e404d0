#include "tests/support/tls_workshop.hpp"

#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

#include <array>
#include <atomic>
#include <stdexcept>

namespace ccp::test {
namespace {

template <auto F>
struct Free {
  template <class T>
  void operator()(T* p) const {
    F(p);
  }
};
using BioPtr = std::unique_ptr<BIO, Free<BIO_free>>;
using CertPtr = std::unique_ptr<X509, Free<X509_free>>;
using KeyPtr = std::unique_ptr<EVP_PKEY, Free<EVP_PKEY_free>>;

void require(bool holds, const char* what) {
  if (!holds) throw std::runtime_error(std::string("tls workshop: ") + what);
}

std::string taken(BIO* bio) {
  char* data = nullptr;
  const long size = BIO_get_mem_data(bio, &data);
  std::string out(data, static_cast<std::size_t>(size));
  (void)BIO_reset(bio);
  return out;
}

KeyPtr newKey(int rsa_bits) {
  return KeyPtr(rsa_bits > 0 ? EVP_RSA_gen(static_cast<unsigned>(rsa_bits)) : EVP_EC_gen("P-256"));
}

std::string pemOf(X509* certificate) {
  const BioPtr bio(BIO_new(BIO_s_mem()));
  require(PEM_write_bio_X509(bio.get(), certificate) == 1, "certificate");
  return taken(bio.get());
}
std::string pemOf(EVP_PKEY* key, const char* passphrase = nullptr) {
  const BioPtr bio(BIO_new(BIO_s_mem()));
  require(PEM_write_bio_PKCS8PrivateKey(bio.get(), key, passphrase == nullptr ? nullptr : EVP_aes_256_cbc(), passphrase,
                                        passphrase == nullptr ? 0 : static_cast<int>(std::string_view(passphrase).size()), nullptr, nullptr) == 1,
          "key");
  return taken(bio.get());
}
CertPtr certificateFrom(const std::string& pem) {
  const BioPtr bio(BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size())));
  CertPtr out(PEM_read_bio_X509(bio.get(), nullptr, nullptr, nullptr));
  require(out != nullptr, "reading a certificate");
  return out;
}
KeyPtr keyFrom(const std::string& pem) {
  const BioPtr bio(BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size())));
  KeyPtr out(PEM_read_bio_PrivateKey(bio.get(), nullptr, nullptr, nullptr));
  require(out != nullptr, "reading a key");
  return out;
}

void extend(X509* certificate, X509* issuer, int nid, const std::string& value) {
  X509V3_CTX context;
  X509V3_set_ctx(&context, issuer, certificate, nullptr, nullptr, 0);
  X509_EXTENSION* extension = X509V3_EXT_conf_nid(nullptr, &context, nid, value.c_str());
  require(extension != nullptr, "extension");
  X509_add_ext(certificate, extension, -1);
  X509_EXTENSION_free(extension);
}

CertPtr newCertificate(const std::string& subject, EVP_PKEY* key, long from_s, long until_s) {
  static std::atomic<long> serial{1000};
  CertPtr out(X509_new());
  X509_set_version(out.get(), 2);
  ASN1_INTEGER_set(X509_get_serialNumber(out.get()), ++serial);
  X509_gmtime_adj(X509_getm_notBefore(out.get()), from_s);
  X509_gmtime_adj(X509_getm_notAfter(out.get()), until_s);
  X509_set_pubkey(out.get(), key);
  X509_NAME_add_entry_by_txt(X509_get_subject_name(out.get()), "O", MBSTRING_UTF8, reinterpret_cast<const unsigned char*>("Acme"), -1, -1, 0);
  X509_NAME_add_entry_by_txt(X509_get_subject_name(out.get()), "CN", MBSTRING_UTF8, reinterpret_cast<const unsigned char*>(subject.c_str()), -1, -1, 0);
  return out;
}

}  // namespace

struct TestCa::Impl {
  KeyPtr key;
  CertPtr certificate;
};

TestCa::TestCa(const std::string& name) : impl_(std::make_unique<Impl>()) {
  impl_->key = newKey(0);
  impl_->certificate = newCertificate(name, impl_->key.get(), -86400, 365 * 86400);
  X509* certificate = impl_->certificate.get();
  X509_set_issuer_name(certificate, X509_get_subject_name(certificate));
  extend(certificate, certificate, NID_basic_constraints, "critical,CA:TRUE");
  extend(certificate, certificate, NID_key_usage, "critical,keyCertSign,cRLSign");
  require(X509_sign(certificate, impl_->key.get(), EVP_sha256()) > 0, "signing");
  certificate_ = pemOf(certificate);
}
TestCa::~TestCa() = default;

Issued TestCa::issue(const Wanted& wanted) {
  const auto key = newKey(wanted.rsa_bits);
  const auto certificate = newCertificate(wanted.subject, key.get(), wanted.from_s, wanted.until_s);
  X509* issuer = impl_->certificate.get();
  X509_set_issuer_name(certificate.get(), X509_get_subject_name(issuer));
  extend(certificate.get(), issuer, NID_basic_constraints, "critical,CA:FALSE");
  std::string names;
  for (const auto& name : wanted.names) names += (names.empty() ? "" : ",") + name;
  if (!names.empty()) extend(certificate.get(), issuer, NID_subject_alt_name, names);
  if (!wanted.usage.empty()) extend(certificate.get(), issuer, NID_ext_key_usage, wanted.usage);
  require(X509_sign(certificate.get(), impl_->key.get(), EVP_sha256()) > 0, "signing");
  return {pemOf(certificate.get()), pemOf(key.get())};
}

std::string TestCa::revoke(const Issued& issued) {
  const auto certificate = certificateFrom(issued.certificate);
  X509_CRL* list = X509_CRL_new();
  X509_CRL_set_version(list, 1);
  X509_CRL_set_issuer_name(list, X509_get_subject_name(impl_->certificate.get()));
  ASN1_TIME* now = X509_gmtime_adj(nullptr, -60);
  ASN1_TIME* next = X509_gmtime_adj(nullptr, 86400);
  X509_CRL_set1_lastUpdate(list, now);
  X509_CRL_set1_nextUpdate(list, next);
  X509_REVOKED* entry = X509_REVOKED_new();
  X509_REVOKED_set_serialNumber(entry, X509_get_serialNumber(certificate.get()));
  X509_REVOKED_set_revocationDate(entry, now);
  X509_CRL_add0_revoked(list, entry);
  require(X509_CRL_sign(list, impl_->key.get(), EVP_sha256()) > 0, "signing a list");
  const BioPtr bio(BIO_new(BIO_s_mem()));
  require(PEM_write_bio_X509_CRL(bio.get(), list) == 1, "list");
  ASN1_TIME_free(now);
  ASN1_TIME_free(next);
  X509_CRL_free(list);
  return taken(bio.get());
}

std::string fingerprintOf(X509* certificate) {
  std::array<unsigned char, EVP_MAX_MD_SIZE> digest{};
  unsigned size = 0;
  X509_digest(certificate, EVP_sha256(), digest.data(), &size);
  std::string out;
  for (unsigned i = 0; i < size; ++i) {
    constexpr const char* kDigits = "0123456789abcdef";
    out += kDigits[digest[i] >> 4];
    out += kDigits[digest[i] & 15];
  }
  return out;
}
std::string fingerprintOf(const std::string& certificate_pem) { return fingerprintOf(certificateFrom(certificate_pem).get()); }
std::string encryptedKey(const std::string& key_pem) { return pemOf(keyFrom(key_pem).get(), "a passphrase"); }

struct TlsClient::Impl {
  std::unique_ptr<SSL_CTX, Free<SSL_CTX_free>> context{SSL_CTX_new(TLS_client_method())};
  std::unique_ptr<SSL, Free<SSL_free>> ssl;
  BIO* in = nullptr;   // the SSL's
  BIO* out = nullptr;  // the SSL's
};

struct SessionTaker {
  static int take(SSL* ssl, SSL_SESSION* session) {
    auto* client = static_cast<TlsClient*>(SSL_get_app_data(ssl));
    const int size = i2d_SSL_SESSION(session, nullptr);
    client->session_.resize(static_cast<std::size_t>(size));
    auto* at = reinterpret_cast<unsigned char*>(client->session_.data());
    i2d_SSL_SESSION(session, &at);
    return 0;
  }
};

TlsClient::TlsClient(const Options& options) : impl_(std::make_unique<Impl>()) {
  SSL_CTX* context = impl_->context.get();
  SSL_CTX_set_security_level(context, 0);  // the server is tested, not the client
  if (options.tls12) SSL_CTX_set_max_proto_version(context, TLS1_2_VERSION);
  if (options.tls13) SSL_CTX_set_min_proto_version(context, TLS1_3_VERSION);
  if (options.tls11) {
    SSL_CTX_set_min_proto_version(context, TLS1_VERSION);
    SSL_CTX_set_max_proto_version(context, TLS1_1_VERSION);
  }
  if (!options.ciphers12.empty()) require(SSL_CTX_set_cipher_list(context, options.ciphers12.c_str()) == 1, "ciphers");
  if (!options.alpn.empty()) {
    std::string list;
    for (const auto& name : options.alpn) list += static_cast<char>(name.size()) + name;
    SSL_CTX_set_alpn_protos(context, reinterpret_cast<const unsigned char*>(list.data()), static_cast<unsigned>(list.size()));
  }
  if (!options.ca.empty()) {
    X509_STORE_add_cert(SSL_CTX_get_cert_store(context), certificateFrom(options.ca).get());
    SSL_CTX_set_verify(context, SSL_VERIFY_PEER, nullptr);
  }
  if (!options.certificate.certificate.empty()) {
    require(SSL_CTX_use_certificate(context, certificateFrom(options.certificate.certificate).get()) == 1, "client certificate");
    require(SSL_CTX_use_PrivateKey(context, keyFrom(options.certificate.key).get()) == 1, "client key");
  }
  SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL);
  SSL_CTX_sess_set_new_cb(context, SessionTaker::take);
  impl_->ssl.reset(SSL_new(context));
  SSL* ssl = impl_->ssl.get();
  SSL_set_app_data(ssl, this);
  SSL_set_tlsext_host_name(ssl, options.host.c_str());
  if (!options.ca.empty()) SSL_set1_host(ssl, options.host.c_str());
  impl_->in = BIO_new(BIO_s_mem());
  impl_->out = BIO_new(BIO_s_mem());
  SSL_set_bio(ssl, impl_->in, impl_->out);
  if (!options.session.empty()) {
    const auto* at = reinterpret_cast<const unsigned char*>(options.session.data());
    SSL_SESSION* session = d2i_SSL_SESSION(nullptr, &at, static_cast<long>(options.session.size()));
    require(session != nullptr && SSL_set_session(ssl, session) == 1, "session");
    SSL_SESSION_free(session);
  }
  SSL_set_connect_state(ssl);
  drive();
}
TlsClient::~TlsClient() { ERR_clear_error(); }

void TlsClient::drive() {
  if (failed_ || saw_farewell_) return;
  ERR_clear_error();
  SSL* ssl = impl_->ssl.get();
  std::array<char, 16384> buffer;
  for (;;) {
    std::size_t got = 0;
    const int done = SSL_is_init_finished(ssl) ? SSL_read_ex(ssl, buffer.data(), buffer.size(), &got) : SSL_do_handshake(ssl);
    if (done == 1) {
      plain_.append(buffer.data(), got);
      continue;
    }
    switch (SSL_get_error(ssl, done)) {
      case SSL_ERROR_WANT_READ:
        return;
      case SSL_ERROR_ZERO_RETURN:
        saw_farewell_ = true;
        return;
      default:
        failed_ = true;
        ERR_clear_error();
        return;
    }
  }
}

void TlsClient::receive(std::string_view bytes) {
  if (!bytes.empty()) BIO_write(impl_->in, bytes.data(), static_cast<int>(bytes.size()));
  drive();
}
std::string TlsClient::take() { return taken(impl_->out); }
void TlsClient::write(std::string_view plain) {
  std::size_t written = 0;
  require(SSL_write_ex(impl_->ssl.get(), plain.data(), plain.size(), &written) == 1, "writing");
}
void TlsClient::sayFarewell() { SSL_shutdown(impl_->ssl.get()); }
void TlsClient::renegotiate() {
  require(SSL_renegotiate(impl_->ssl.get()) == 1, "renegotiating");
  drive();
}
void TlsClient::updateKeys() {
  require(SSL_key_update(impl_->ssl.get(), SSL_KEY_UPDATE_REQUESTED) == 1, "updating keys");
  SSL_do_handshake(impl_->ssl.get());
}
bool TlsClient::established() const { return !failed_ && SSL_is_init_finished(impl_->ssl.get()) == 1; }
bool TlsClient::resumed() const { return SSL_session_reused(impl_->ssl.get()) == 1; }
std::string TlsClient::protocol() const {
  const unsigned char* name = nullptr;
  unsigned size = 0;
  SSL_get0_alpn_selected(impl_->ssl.get(), &name, &size);
  return size == 0 ? std::string() : std::string(reinterpret_cast<const char*>(name), size);
}
std::string TlsClient::version() const { return SSL_get_version(impl_->ssl.get()); }
std::string TlsClient::serverFingerprint() const {
  const CertPtr peer(SSL_get1_peer_certificate(impl_->ssl.get()));
  return peer ? fingerprintOf(peer.get()) : std::string();
}

}  // namespace ccp::test
