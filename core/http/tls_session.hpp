// One TLS connection on the server's side: OpenSSL over the caller's buffers, without a copy of its own.
// Threads: as Transport.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "core/http/tls_context.hpp"
#include "core/http/transport.hpp"

namespace ccp::http {

/// Told once per connection; on the thread that feeds it.
class TlsObserver {
 public:
  virtual ~TlsObserver() = default;
  virtual void established(std::string_view version, bool resumed) = 0;
  /// `reason` is one of few words ("malformed", "plain_http", "client_certificate_refused", …); `detail` is
  /// for people and holds nothing secret.
  virtual void failed(std::string_view reason, std::string_view detail) = 0;
};

/// More bytes than this without a byte of data end a connection: during the handshake, and of handshake
/// records after it.
inline constexpr std::size_t kTlsMaxSilentBytes = 64 * 1024;

std::unique_ptr<Transport> makeTlsSession(std::shared_ptr<const TlsContext> context, TlsObserver& observer);

}  // namespace ccp::http
