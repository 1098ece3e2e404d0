#include "core/http/tls_session.hpp"

#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>

#include <array>
#include <new>

#include "core/http/tls_x509.hpp"

namespace ccp::http {
namespace {

constexpr std::size_t kRecord = 16384;
constexpr std::size_t kMaxSubject = 1024;
constexpr std::string_view kPlainHttp =
    "HTTP/1.1 400 Bad Request\r\nContent-Type: text/plain\r\nConnection: close\r\nContent-Length: 36\r\n\r\n"
    "This port speaks TLS: use https://.\n";

/// Where OpenSSL reads and writes during one call.
struct Ends {
  std::string_view in;
  std::string* out = nullptr;
};

// A BIO over the caller's buffers. OpenSSL keeps what it has of an unfinished record itself, so that all input
// is taken by the end of a call.
int bioWrite(BIO* bio, const char* data, int size) {
  BIO_clear_retry_flags(bio);
  auto* ends = static_cast<Ends*>(BIO_get_data(bio));
  if (ends == nullptr || ends->out == nullptr || size <= 0) return -1;
  try {
    ends->out->append(data, static_cast<std::size_t>(size));
  } catch (const std::bad_alloc&) {  // nothing may be thrown through C
    return -1;
  }
  return size;
}
int bioRead(BIO* bio, char* data, int size) {
  BIO_clear_retry_flags(bio);
  auto* ends = static_cast<Ends*>(BIO_get_data(bio));
  if (ends == nullptr || size <= 0) return -1;
  if (ends->in.empty()) {
    BIO_set_retry_read(bio);
    return -1;
  }
  const auto n = ends->in.copy(data, static_cast<std::size_t>(size));
  ends->in.remove_prefix(n);
  return static_cast<int>(n);
}
long bioControl(BIO*, int command, long, void*) {
  return command == BIO_CTRL_FLUSH || command == BIO_CTRL_DUP ? 1 : 0;
}

BIO_METHOD* bioMethod() {
  static BIO_METHOD* const method = [] {
    BIO_METHOD* made = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "buffers of a connection");
    if (made == nullptr) throw std::bad_alloc();
    BIO_meth_set_write(made, bioWrite);
    BIO_meth_set_read(made, bioRead);
    BIO_meth_set_ctrl(made, bioControl);
    return made;
  }();
  return method;
}

struct Failure {
  std::string_view reason;
  std::string detail;
};

std::string_view reasonOf(int code) noexcept {
  switch (code) {
    case SSL_R_HTTP_REQUEST:
    case SSL_R_HTTPS_PROXY_REQUEST:
      return "plain_http";
    case SSL_R_UNSUPPORTED_PROTOCOL:
    case SSL_R_VERSION_TOO_LOW:
    case SSL_R_INAPPROPRIATE_FALLBACK:
      return "protocol";
    case SSL_R_NO_SHARED_CIPHER:
    case SSL_R_NO_SUITABLE_KEY_SHARE:
    case SSL_R_NO_SHARED_GROUPS:
    case SSL_R_NO_SUITABLE_SIGNATURE_ALGORITHM:
    case SSL_R_NO_SHARED_SIGNATURE_ALGORITHMS:
      return "no_shared_cipher";
    case SSL_R_NO_APPLICATION_PROTOCOL:
      return "alpn";
    case SSL_R_PEER_DID_NOT_RETURN_A_CERTIFICATE:
      return "client_certificate_missing";
    case SSL_R_CERTIFICATE_VERIFY_FAILED:
      return "client_certificate_refused";
    default:
      // Alerts of the peer are numbered from here on.
      return code >= SSL_AD_REASON_OFFSET ? "peer_alert" : "malformed";
  }
}

Failure takeFailure(SSL* ssl) {
  const auto first = ERR_peek_error();
  Failure out{"malformed", "the peer broke the TLS protocol"};
  if (first != 0) {
    std::array<char, 256> text{};
    ERR_error_string_n(first, text.data(), text.size());
    out = {reasonOf(ERR_GET_REASON(first)), text.data()};
    if (const char* words = ERR_reason_error_string(first); words != nullptr) out.detail = words;
    if (out.reason == "client_certificate_refused")
      out.detail = X509_verify_cert_error_string(SSL_get_verify_result(ssl));
  }
  ERR_clear_error();
  return out;
}

std::shared_ptr<const ClientCertificate> certificateOf(SSL* ssl) {
  const std::unique_ptr<X509, decltype(&X509_free)> peer(SSL_get1_peer_certificate(ssl), X509_free);
  if (!peer || SSL_get_verify_result(ssl) != X509_V_OK) return nullptr;
  auto out = std::make_shared<ClientCertificate>();
  out->fingerprint = fingerprintOf(peer.get());
  if (out->fingerprint.empty()) return nullptr;
  out->subject = subjectOf(peer.get()).substr(0, kMaxSubject);
  return out;
}

bool certificateExpired(SSL* ssl) {
  const std::unique_ptr<X509, decltype(&X509_free)> peer(SSL_get1_peer_certificate(ssl), X509_free);
  return peer && X509_cmp_current_time(X509_get0_notAfter(peer.get())) <= 0;
}

class TlsSession final : public Transport {
 public:
  TlsSession(std::shared_ptr<const TlsContext> context, TlsObserver& observer)
      : context_(std::move(context)), observer_(observer), ssl_(SSL_new(context_->handle())) {
    BIO* bio = ssl_ == nullptr ? nullptr : BIO_new(bioMethod());
    if (bio == nullptr) {
      SSL_free(ssl_);
      throw std::bad_alloc();
    }
    BIO_set_data(bio, &ends_);
    BIO_set_init(bio, 1);
    SSL_set_bio(ssl_, bio, bio);
    SSL_set_accept_state(ssl_);
  }
  ~TlsSession() override { SSL_free(ssl_); }
  TlsSession(const TlsSession&) = delete;
  TlsSession& operator=(const TlsSession&) = delete;

  Status receive(std::string_view bytes, std::string& plain, std::string& wire) override {
    if (failed_) return fail(Errc::conflict, "the TLS connection has failed");
    if (closed_by_peer_) return {};  // what follows a farewell is not of the connection any more
    silent_ += bytes.size();
    ends_ = {bytes, &wire};
    ERR_clear_error();
    Status status = established_ ? Status() : shakeHands(wire);
    if (status && established_) status = decrypt(plain);
    ends_ = {};
    if (status && silent_ > kTlsMaxSilentBytes)
      return refuse({"too_much", "more than " + std::to_string(kTlsMaxSilentBytes) + " bytes without data"});
    return status;
  }

  Status seal(std::string_view plain, std::string& wire) override {
    if (failed_ || !established_ || said_farewell_) return fail(Errc::conflict, "the TLS connection is not open");
    if (plain.empty()) return {};
    ends_ = {{}, &wire};
    ERR_clear_error();
    std::size_t written = 0;
    const int done = SSL_write_ex(ssl_, plain.data(), plain.size(), &written);
    ends_ = {};
    if (done != 1 || written != plain.size()) return refuse(takeFailure(ssl_));
    return {};
  }

  void close(std::string& wire) override {
    if (failed_ || !established_ || said_farewell_) return;
    said_farewell_ = true;
    ends_ = {{}, &wire};
    ERR_clear_error();
    SSL_shutdown(ssl_);
    ERR_clear_error();
    ends_ = {};
  }

  bool established() const noexcept override { return established_; }
  bool closedByPeer() const noexcept override { return closed_by_peer_; }
  std::shared_ptr<const ClientCertificate> clientCertificate() const override { return certificate_; }

 private:
  Status shakeHands(std::string& wire) {
    const int done = SSL_do_handshake(ssl_);
    if (done == 1) {
      // A resumed session carries the verdict of its first handshake; dates go on.
      if (SSL_session_reused(ssl_) == 1 && certificateExpired(ssl_))
        return refuse({"client_certificate_refused", "the client's certificate has expired since its first handshake"});
      established_ = true;
      silent_ = 0;
      certificate_ = certificateOf(ssl_);
      observer_.established(SSL_get_version(ssl_), SSL_session_reused(ssl_) == 1);
      return {};
    }
    if (SSL_get_error(ssl_, done) == SSL_ERROR_WANT_READ) return {};
    auto failure = takeFailure(ssl_);
    // A person with http:// in front of this port's address gets an answer that can be read.
    if (failure.reason == "plain_http") wire += kPlainHttp;
    return refuse(std::move(failure));
  }

  Status decrypt(std::string& plain) {
    std::array<char, kRecord> buffer;
    for (;;) {
      std::size_t got = 0;
      const int done = SSL_read_ex(ssl_, buffer.data(), buffer.size(), &got);
      if (done == 1) {
        plain.append(buffer.data(), got);
        silent_ = 0;
        continue;
      }
      switch (SSL_get_error(ssl_, done)) {
        case SSL_ERROR_WANT_READ:
          return {};
        case SSL_ERROR_ZERO_RETURN:
          closed_by_peer_ = true;
          return {};
        default:
          return refuse(takeFailure(ssl_));
      }
    }
  }

  Status refuse(Failure failure) {
    failed_ = true;
    observer_.failed(failure.reason, failure.detail);
    return fail(Errc::bad_request, "TLS: " + std::string(failure.reason) + ": " + failure.detail);
  }

  std::shared_ptr<const TlsContext> context_;
  TlsObserver& observer_;
  Ends ends_;
  SSL* ssl_;
  std::size_t silent_ = 0;  ///< bytes since the last data
  bool established_ = false;
  bool failed_ = false;
  bool closed_by_peer_ = false;
  bool said_farewell_ = false;
  std::shared_ptr<const ClientCertificate> certificate_;
};

}  // namespace

std::unique_ptr<Transport> makeTlsSession(std::shared_ptr<const TlsContext> context, TlsObserver& observer) {
  return std::make_unique<TlsSession>(std::move(context), observer);
}

}  // namespace ccp::http
