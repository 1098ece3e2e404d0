// What TLS on a listener is made of: the server's certificate and key, who issues certificates of clients, and
// the rules: TLS 1.2 and 1.3, forward secrecy, authenticated encryption, no renegotiation, no compression, ALPN
// http/1.1, sessions resumed by tickets alone. A context never changes; a new certificate is a new context, and
// running connections keep theirs. Poco's Context and OpenSSL stand behind tls_context.cpp.
// Threads: thread-safe once made.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/error.hpp"
#include "core/base/secret.hpp"
#include "core/base/time.hpp"
#include "core/config/settings.hpp"
#include "core/http/tls_tickets.hpp"

struct ssl_ctx_st;  // OpenSSL's SSL_CTX

namespace ccp::http {

/// Texts in PEM, with the names that errors call them by.
struct TlsMaterial {
  std::string certificates;  ///< the server's, then its intermediates
  std::string certificates_name = "cert_file";
  SecretBytes key = {};
  std::string key_name = "key_file";
  std::string client_ca = {};  ///< certificates, and revocation lists if there are any; empty: nobody is asked
  std::string client_ca_name = "client_ca_file";
  config::ClientAuth client_auth = config::ClientAuth::none;
  bool tls12 = true;  ///< false: TLS 1.3 only
};

/// What operators are told of a server's certificate.
struct CertificateInfo {
  std::string subject;             ///< RFC 2253
  std::vector<std::string> names;  ///< DNS names and addresses that it is good for
  std::string fingerprint;         ///< SHA-256, lower-case hex
  Timestamp not_before;
  Timestamp not_after;
};

class TlsContext {
 public:
  /// `config_invalid` says which text is wrong and why: no certificate, a key with a passphrase, a key of
  /// another certificate, a time that is over or has not come, a certificate that is not for servers.
  /// `tickets` must outlive the context and every connection made with it.
  static Result<std::shared_ptr<const TlsContext>> make(const TlsMaterial& material, TicketKeys& tickets, Timestamp now);
  ~TlsContext();
  TlsContext(const TlsContext&) = delete;
  TlsContext& operator=(const TlsContext&) = delete;

  const CertificateInfo& certificate() const noexcept { return info_; }
  /// The certificate is good for this host (a name or an address).
  bool covers(const std::string& host) const;
  /// For tls_session.cpp.
  ssl_ctx_st* handle() const noexcept;

 private:
  struct Impl;
  explicit TlsContext(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
  CertificateInfo info_;
};

}  // namespace ccp::http
