#include "core/http/tls_acceptor.hpp"

#include "core/base/log.hpp"

namespace ccp::http {
TlsAcceptor::TlsAcceptor(const Clock& clock, Random& random, Metrics& metrics) : clock_(clock), metrics_(metrics), tickets_(clock, random) {
  for (const bool newer : {false, true}) {
    for (const bool resumed : {false, true}) {
      handshakes_[newer][resumed] = &metrics.counter("ccp_tls_handshakes_total", "TLS handshakes that succeeded",
                                                     {{"version", newer ? "1.3" : "1.2"}, {"resumed", resumed ? "true" : "false"}});
    }
  }
}

Status TlsAcceptor::use(const TlsMaterial& material) {
  CCP_TRY(auto next, TlsContext::make(material, tickets_, clock_.now()));
  const std::lock_guard lock(mutex_);
  context_.swap(next);
  return {};
}

std::shared_ptr<const TlsContext> TlsAcceptor::current() const {
  const std::lock_guard lock(mutex_);
  return context_;
}

std::unique_ptr<Transport> TlsAcceptor::accept() { return makeTlsSession(current(), *this); }

void TlsAcceptor::established(std::string_view version, bool resumed) { handshakes_[version == "TLSv1.3"][resumed]->add(); }

void TlsAcceptor::failed(std::string_view reason, std::string_view detail) {
  // The words are few and ours: no peer can make new series.
  metrics_.counter("ccp_tls_failures_total", "TLS connections that failed, by reason", {{"reason", std::string(reason)}}).add();
  // Whoever sets up clients with certificates looks for these two; the others are the internet's noise.
  const bool certificate = reason.starts_with("client_certificate");
  log::write(certificate ? log::Level::info : log::Level::debug, "tls.failed", {{"reason", std::string(reason)}, {"detail", std::string(detail)}});
}

}  // namespace ccp::http
