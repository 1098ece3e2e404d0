// What stands between the bytes of a socket and those of HTTP: TLS. A connection without a transport speaks
// clear text. A transport owns no socket and no buffers: bytes go in, and what becomes of them is appended to
// the caller's strings, so that one place bounds what a connection may hold.
// Threads: a transport is used by one thread at a time, the loop of its connection; accept() by any.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "core/base/error.hpp"
#include "core/http/message.hpp"

namespace ccp::http {

class Transport {
 public:
  virtual ~Transport() = default;

  /// Takes all of `bytes`, as they came from the socket, in portions of any size. Appends to `plain` what
  /// they decrypt to: at most their number and one record (16 KiB) more. Appends to `wire` what must go to
  /// the peer: handshake, tickets, alerts. After an error send `wire` and close; the transport takes
  /// nothing more. Do not feed while more waits in `wire` than you want to hold.
  virtual Status receive(std::string_view bytes, std::string& plain, std::string& wire) = 0;

  /// Encrypts `plain`, some 30 bytes more for each 16 KiB of it, and appends it to `wire`. What is sealed
  /// cannot be taken back: give what the socket will take soon. `conflict` before the handshake has ended.
  virtual Status seal(std::string_view plain, std::string& wire) = 0;

  /// Appends the farewell that says that nothing was cut off. Nothing when there is nobody to say it to.
  virtual void close(std::string& wire) = 0;

  /// The handshake has ended, and who is at the other end is known.
  virtual bool established() const noexcept = 0;
  /// The peer has said farewell: an end of the connection without it may be an attacker's.
  virtual bool closedByPeer() const noexcept = 0;
  /// Null when the client showed none. Stays the same for the life of the connection.
  virtual std::shared_ptr<const ClientCertificate> clientCertificate() const = 0;
};

/// Makes the transports of a listener's connections.
class TransportFactory {
 public:
  virtual ~TransportFactory() = default;
  virtual std::unique_ptr<Transport> accept() = 0;
};

}  // namespace ccp::http
