// The TLS of a listener while it runs: hands a transport to each new connection, and takes a new certificate at
// any time. Counts handshakes and failures.
// Threads: thread-safe. Must outlive its transports.
#pragma once

#include <array>
#include <memory>
#include <mutex>

#include "core/base/metrics.hpp"
#include "core/http/tls_session.hpp"

namespace ccp::http {

class TlsAcceptor final : public TransportFactory, private TlsObserver {
 public:
  TlsAcceptor(const Clock& clock, Random& random, Metrics& metrics);

  /// Connections from now on get this certificate; those that are open go on with theirs. On an error
  /// (TlsContext::make) nothing changes.
  Status use(const TlsMaterial& material);
  /// `use` has succeeded before.
  std::unique_ptr<Transport> accept() override;
  /// What new connections get; null before the first `use`.
  std::shared_ptr<const TlsContext> current() const;

 private:
  void established(std::string_view version, bool resumed) override;
  void failed(std::string_view reason, std::string_view detail) override;

  const Clock& clock_;
  Metrics& metrics_;
  TicketKeys tickets_;
  mutable std::mutex mutex_;
  std::shared_ptr<const TlsContext> context_;
  std::array<std::array<Counter*, 2>, 2> handshakes_{};  ///< by version, then whether resumed
};

}  // namespace ccp::http
