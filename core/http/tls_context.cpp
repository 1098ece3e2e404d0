#include "core/http/tls_context.hpp"

#include <Poco/Exception.h>
#include <Poco/Net/Context.h>
#include <Poco/Net/SSLManager.h>
#include <openssl/bio.h>
#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <ctime>
#include <optional>

#include "core/base/encoding.hpp"
#include "core/http/tls_x509.hpp"

namespace ccp::http {
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
using NamesPtr = std::unique_ptr<GENERAL_NAMES, Free<GENERAL_NAMES_free>>;

constexpr std::size_t kMaxPem = 256 * 1024;
constexpr int kVerifyDepth = 5;
constexpr int kSecurityLevel = 2;  // 112 bits: RSA from 2048, no SHA-1
constexpr const char* kCiphers12 =
    "ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-RSA-AES128-GCM-SHA256:ECDHE-ECDSA-AES256-GCM-SHA384:"
    "ECDHE-RSA-AES256-GCM-SHA384:ECDHE-ECDSA-CHACHA20-POLY1305:ECDHE-RSA-CHACHA20-POLY1305";
constexpr const char* kCiphers13 = "TLS_AES_128_GCM_SHA256:TLS_AES_256_GCM_SHA384:TLS_CHACHA20_POLY1305_SHA256";
constexpr const char* kGroups = "X25519:P-256:P-384";
constexpr const char* kSignatures =
    "ECDSA+SHA256:ed25519:RSA-PSS+SHA256:ECDSA+SHA384:ECDSA+SHA512:RSA-PSS+SHA384:RSA-PSS+SHA512:"
    "RSA+SHA256:RSA+SHA384:RSA+SHA512";
constexpr std::string_view kAlpn = "http/1.1";

std::string takeError() {
  const auto code = ERR_peek_last_error();
  const char* words = code == 0 ? nullptr : ERR_reason_error_string(code);
  std::string out = words == nullptr ? "unknown reason" : words;
  ERR_clear_error();
  return out;
}

tl::unexpected<Error> wrong(const std::string& name, const std::string& why) {
  ERR_clear_error();
  return fail(Errc::config_invalid, name + ": " + why);
}

Result<BioPtr> reader(std::string_view pem, const std::string& name) {
  if (pem.size() > kMaxPem) return wrong(name, "is larger than " + std::to_string(kMaxPem) + " bytes.");
  BioPtr bio(BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size())));
  if (!bio) throw std::bad_alloc();
  return bio;
}

/// A key with a passphrase is refused: nobody is there to type it.
int noPassphrase(char*, int, int, void* asked) {
  *static_cast<bool*>(asked) = true;
  return -1;
}

Result<std::vector<CertPtr>> readCertificates(const std::string& pem, const std::string& name) {
  CCP_TRY(auto bio, reader(pem, name));
  std::vector<CertPtr> out;
  while (X509* one = PEM_read_bio_X509(bio.get(), nullptr, nullptr, nullptr)) out.emplace_back(one);
  const auto last = ERR_peek_last_error();
  const bool ended = ERR_GET_LIB(last) == ERR_LIB_PEM && ERR_GET_REASON(last) == PEM_R_NO_START_LINE;
  if (!ended) return wrong(name, "holds a certificate that cannot be read (" + takeError() + ").");
  ERR_clear_error();
  if (out.empty()) return wrong(name, "holds no certificate in PEM (-----BEGIN CERTIFICATE-----).");
  return out;
}

Result<KeyPtr> readKey(const SecretBytes& pem, const std::string& name) {
  CCP_TRY(auto bio, reader(pem.text(), name));
  bool asked = false;
  KeyPtr key(PEM_read_bio_PrivateKey(bio.get(), nullptr, noPassphrase, &asked));
  if (asked) return wrong(name, "is encrypted with a passphrase; store the key without one (openssl pkey -in KEY -out PLAIN), readable by ccpd only.");
  if (!key) return wrong(name, "holds no private key in PEM (-----BEGIN PRIVATE KEY-----).");
  ERR_clear_error();
  return key;
}

Timestamp timeOf(const ASN1_TIME* time) {
  std::tm parts{};
  if (ASN1_TIME_to_tm(time, &parts) != 1) return Timestamp{};
  return fromUnixSeconds(static_cast<std::int64_t>(::timegm(&parts)));
}

std::string addressText(const ASN1_OCTET_STRING* ip) {
  const auto* bytes = ASN1_STRING_get0_data(ip);
  const auto size = ASN1_STRING_length(ip);
  std::string out;
  if (size == 4) {
    for (int i = 0; i < 4; ++i) out += (i == 0 ? "" : ".") + std::to_string(bytes[i]);
  } else {
    out = hexEncode(std::span(bytes, static_cast<std::size_t>(std::max(size, 0))));
  }
  return out;
}

CertificateInfo describe(X509* certificate) {
  CertificateInfo out;
  out.subject = subjectOf(certificate);
  out.not_before = timeOf(X509_get0_notBefore(certificate));
  out.not_after = timeOf(X509_get0_notAfter(certificate));
  out.fingerprint = fingerprintOf(certificate);
  const NamesPtr names(static_cast<GENERAL_NAMES*>(X509_get_ext_d2i(certificate, NID_subject_alt_name, nullptr, nullptr)));
  for (int i = 0; names && i < sk_GENERAL_NAME_num(names.get()); ++i) {
    const GENERAL_NAME* name = sk_GENERAL_NAME_value(names.get(), i);
    if (name->type == GEN_DNS) {
      out.names.emplace_back(reinterpret_cast<const char*>(ASN1_STRING_get0_data(name->d.dNSName)),
                             static_cast<std::size_t>(ASN1_STRING_length(name->d.dNSName)));
    } else if (name->type == GEN_IPADD) {
      out.names.push_back(addressText(name->d.iPAddress));
    }
  }
  ERR_clear_error();
  return out;
}

Status checkTimes(const CertificateInfo& info, Timestamp now, const std::string& name) {
  if (now >= info.not_after)
    return wrong(name, "has expired at " + formatRfc3339(info.not_after) + "; renew it.");
  if (now < info.not_before)
    return wrong(name, "is not valid before " + formatRfc3339(info.not_before) + ", and it is " + formatRfc3339(now) + " here; check the clock.");
  return {};
}

int chooseProtocol(SSL*, const unsigned char** out, unsigned char* out_size, const unsigned char* offered, unsigned int size, void*) {
  for (unsigned int at = 0; at < size;) {
    const unsigned int length = offered[at];
    if (length > size - at - 1) break;
    const std::string_view name(reinterpret_cast<const char*>(offered + at + 1), length);
    if (name == kAlpn) {
      *out = offered + at + 1;
      *out_size = static_cast<unsigned char>(length);
      return SSL_TLSEXT_ERR_OK;
    }
    at += 1 + length;
  }
  return SSL_TLSEXT_ERR_ALERT_FATAL;
}

int ticketsIndex() {
  static const int index = SSL_CTX_get_ex_new_index(0, nullptr, nullptr, nullptr, nullptr);
  return index;
}

bool setMac(EVP_MAC_CTX* mac, TicketKeys::Key& key) {
  std::array<char, 7> digest{"SHA256"};
  const std::array<OSSL_PARAM, 3> parameters{
      OSSL_PARAM_construct_octet_string(OSSL_MAC_PARAM_KEY, key.mac.data(), key.mac.size()),
      OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, digest.data(), 0), OSSL_PARAM_construct_end()};
  return EVP_MAC_CTX_set_params(mac, parameters.data()) == 1;
}

/// Seals and opens tickets. 0: a full handshake; 1: resumed; 2: resumed, with a new ticket.
int ticketKey(SSL* ssl, unsigned char* name, unsigned char* iv, EVP_CIPHER_CTX* cipher, EVP_MAC_CTX* mac, int seal) {
  auto* keys = static_cast<TicketKeys*>(SSL_CTX_get_ex_data(SSL_get_SSL_CTX(ssl), ticketsIndex()));
  if (keys == nullptr) return -1;
  try {
    if (seal != 0) {
      auto key = keys->current();
      std::memcpy(name, key.name.data(), key.name.size());
      if (RAND_bytes(iv, EVP_CIPHER_get_iv_length(EVP_aes_256_cbc())) != 1) return -1;
      return EVP_EncryptInit_ex(cipher, EVP_aes_256_cbc(), nullptr, key.cipher.data(), iv) == 1 && setMac(mac, key) ? 1 : -1;
    }
    auto found = keys->find(std::span<const std::uint8_t>(name, 16));
    if (!found) return 0;
    if (!setMac(mac, found->key) || EVP_DecryptInit_ex(cipher, EVP_aes_256_cbc(), nullptr, found->key.cipher.data(), iv) != 1) return -1;
    return found->seals ? 1 : 2;
  } catch (...) {  // nothing may be thrown through C
    return -1;
  }
}

/// Who issues certificates of clients: into the store that verifies, and into the list that clients are sent.
Status addClientAuthorities(SSL_CTX* context, const std::string& pem, const std::string& name) {
  CCP_TRY(auto bio, reader(pem, name));
  const auto clear = [](STACK_OF(X509_INFO) * list) { sk_X509_INFO_pop_free(list, X509_INFO_free); };
  const std::unique_ptr<STACK_OF(X509_INFO), decltype(clear)> items(PEM_X509_INFO_read_bio(bio.get(), nullptr, nullptr, nullptr), clear);
  if (!items) return wrong(name, "cannot be read (" + takeError() + ").");
  X509_STORE* store = SSL_CTX_get_cert_store(context);
  int authorities = 0;
  bool lists = false;
  for (int i = 0; i < sk_X509_INFO_num(items.get()); ++i) {
    const X509_INFO* item = sk_X509_INFO_value(items.get(), i);
    if (item->crl != nullptr) lists = X509_STORE_add_crl(store, item->crl) == 1 || lists;
    if (item->x509 == nullptr) continue;
    if (X509_check_ca(item->x509) == 0)
      return wrong(name, "holds \"" + subjectOf(item->x509) + "\", which is no certificate authority.");
    if (X509_STORE_add_cert(store, item->x509) != 1 || SSL_CTX_add_client_CA(context, item->x509) != 1)
      return wrong(name, "cannot be used (" + takeError() + ").");
    ++authorities;
  }
  if (authorities == 0) return wrong(name, "holds no certificate in PEM (-----BEGIN CERTIFICATE-----).");
  if (lists) X509_STORE_set_flags(store, X509_V_FLAG_CRL_CHECK);
  return {};
}

}  // namespace

struct TlsContext::Impl {
  Poco::Net::Context::Ptr context;
  CertPtr leaf;
};

TlsContext::TlsContext(std::unique_ptr<Impl> impl) : impl_(std::move(impl)), info_(describe(impl_->leaf.get())) {}
TlsContext::~TlsContext() = default;
ssl_ctx_st* TlsContext::handle() const noexcept { return impl_->context->sslContext(); }

bool TlsContext::covers(const std::string& host) const {
  X509* leaf = impl_->leaf.get();
  if (X509_check_ip_asc(leaf, host.c_str(), 0) == 1) return true;
  return X509_check_host(leaf, host.data(), host.size(), 0, nullptr) == 1;
}

Result<std::shared_ptr<const TlsContext>> TlsContext::make(const TlsMaterial& material, TicketKeys& tickets, Timestamp now) {
  ERR_clear_error();
  auto impl = std::make_unique<Impl>();
  try {
    Poco::Net::initializeSSL();
    Poco::Net::Context::Params parameters;
    parameters.verificationMode = Poco::Net::Context::VERIFY_NONE;
    parameters.loadDefaultCAs = false;  // clients are known by client_ca alone
    parameters.cipherList = kCiphers12;
    impl->context = new Poco::Net::Context(Poco::Net::Context::TLS_SERVER_USE, parameters);
    impl->context->requireMinimumProtocol(material.tls12 ? Poco::Net::Context::PROTO_TLSV1_2 : Poco::Net::Context::PROTO_TLSV1_3);
    impl->context->preferServerCiphers();
  } catch (const Poco::Exception& error) {
    return fail(Errc::internal, "OpenSSL cannot be set up: " + error.displayText());
  }
  SSL_CTX* context = impl->context->sslContext();
  SSL_CTX_set_options(context, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION | SSL_OP_PRIORITIZE_CHACHA);
  SSL_CTX_clear_options(context, SSL_OP_NO_TICKET | SSL_OP_LEGACY_SERVER_CONNECT);
  SSL_CTX_set_mode(context, SSL_MODE_RELEASE_BUFFERS);  // an idle connection holds no record buffers
  SSL_CTX_set_security_level(context, kSecurityLevel);
  SSL_CTX_set_max_cert_list(context, 32 * 1024);
  SSL_CTX_set_quiet_shutdown(context, 0);
  if (SSL_CTX_set_ciphersuites(context, kCiphers13) != 1 || SSL_CTX_set1_groups_list(context, kGroups) != 1 ||
      SSL_CTX_set1_sigalgs_list(context, kSignatures) != 1)
    return fail(Errc::internal, "OpenSSL cannot be set up: " + takeError());
  SSL_CTX_set_alpn_select_cb(context, chooseProtocol, nullptr);

  // Sessions live in tickets alone: no client can fill a cache of ours. What they prove about a client holds for
  // this way of asking only, so that a changed authority ends them.
  SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_SERVER | SSL_SESS_CACHE_NO_INTERNAL);
  SSL_CTX_set_timeout(context, static_cast<long>(std::chrono::duration_cast<std::chrono::seconds>(TicketKeys::kLifetime).count()));
  SSL_CTX_set_num_tickets(context, 1);
  const auto asked = sha256(bytesOf(std::to_string(static_cast<int>(material.client_auth)) + "\n" + material.client_ca));
  SSL_CTX_set_session_id_context(context, asked.data(), static_cast<unsigned>(asked.size()));
  SSL_CTX_set_ex_data(context, ticketsIndex(), &tickets);
  SSL_CTX_set_tlsext_ticket_key_evp_cb(context, ticketKey);

  CCP_TRY(auto chain, readCertificates(material.certificates, material.certificates_name));
  CCP_TRY(const auto key, readKey(material.key, material.key_name));
  impl->leaf = std::move(chain.front());
  X509* leaf = impl->leaf.get();
  if (X509_check_private_key(leaf, key.get()) != 1)
    return wrong(material.key_name, "is not the key of the certificate in " + material.certificates_name + " (the server's own certificate comes first there).");
  CCP_CHECK_OK(checkTimes(describe(leaf), now, material.certificates_name));
  if (X509_check_purpose(leaf, X509_PURPOSE_SSL_SERVER, 0) != 1)
    return wrong(material.certificates_name, "is not a certificate for servers (extended key usage).");
  if (SSL_CTX_use_certificate(context, leaf) != 1 || SSL_CTX_use_PrivateKey(context, key.get()) != 1)
    return wrong(material.certificates_name, "cannot be used (" + takeError() + ").");
  for (std::size_t i = 1; i < chain.size(); ++i) {
    if (SSL_CTX_add1_chain_cert(context, chain[i].get()) != 1)
      return wrong(material.certificates_name, "cannot be used (" + takeError() + ").");
  }

  int verify = SSL_VERIFY_NONE;
  if (material.client_auth != config::ClientAuth::none) {
    CCP_CHECK_OK(addClientAuthorities(context, material.client_ca, material.client_ca_name));
    verify = SSL_VERIFY_PEER;
    if (material.client_auth == config::ClientAuth::required) verify |= SSL_VERIFY_FAIL_IF_NO_PEER_CERT;
  }
  // Without a callback: OpenSSL's own verdict, not Poco's manager's.
  SSL_CTX_set_verify(context, verify, nullptr);
  SSL_CTX_set_verify_depth(context, kVerifyDepth);
  ERR_clear_error();
  return std::shared_ptr<const TlsContext>(new TlsContext(std::move(impl)));
}

}  // namespace ccp::http
