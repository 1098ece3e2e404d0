// A connection and what its bytes are wrapped in: the Connection's own interface for whoever holds a socket, with
// TLS in between or with nothing. What waits for the socket is bounded: a stretch of the answer is sealed when the
// one before has left. Knows no socket and no clock, as Connection. Not thread-safe: one thread holds it.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "core/http/connection.hpp"
#include "core/http/transport.hpp"

namespace ccp::http {

class Channel {
 public:
  using Time = Connection::Time;

  /// Without a transport it speaks clear text. `host` and `budget` outlive it.
  Channel(ConnectionHost& host, BodyBudget& budget, const ConnectionLimits& limits, std::unique_ptr<Transport> transport, Time now);

  // --- bytes of the socket ---
  void receive(std::string_view bytes, Time now);
  /// The client sends no more (it may still read).
  void receiveEnd();
  /// False: leave its bytes where they are.
  bool wantsInput() const noexcept;
  /// What the socket should take next; valid until the next call.
  std::string_view output();
  void wrote(std::size_t bytes, Time now);
  /// Bytes that the client has not taken.
  std::size_t pending() const noexcept { return connection_.pending() + (wire_.size() - wire_at_); }
  /// True once, when the last answer and the farewell are out: send no more, and go on reading until finished().
  bool takeShutdown() noexcept;
  /// Right before the socket is closed: a farewell to send if it goes out at once. Empty when there is none.
  std::string_view farewell();

  // --- requests and answers, time: as Connection ---
  bool hasRequest() const noexcept { return !broken_ && connection_.hasRequest(); }
  Exchange takeRequest() { return connection_.takeRequest(); }
  void answer(Response response, Time now) { connection_.answer(std::move(response), now); }
  void turnAway(const Error& error, Time now) { connection_.turnAway(error, now); }
  void drain(Time now) { connection_.drain(now); }
  Time deadline() const noexcept { return connection_.deadline(); }
  void expire(Time now, std::size_t unsent = 0) { connection_.expire(now, unsent); }
  bool finished() const noexcept { return broken_ || connection_.finished(); }
  bool abandoned() const noexcept { return connection_.abandoned(); }
  bool idle() const noexcept { return connection_.idle(); }
  bool engaged() const noexcept { return connection_.engaged(); }
  bool clientLeft() const noexcept { return connection_.clientLeft(); }
  std::size_t held() const noexcept { return connection_.held() + (wire_.size() - wire_at_); }

  /// What the client proved in its handshake; null without TLS or without a certificate.
  std::shared_ptr<const ClientCertificate> clientCertificate() const { return transport_ ? transport_->clientCertificate() : nullptr; }

 private:
  void fail();

  Connection connection_;
  std::unique_ptr<Transport> transport_;
  std::string wire_;         ///< to be sent, from wire_at_ on
  std::size_t wire_at_ = 0;
  std::size_t sealed_ = 0;   ///< bytes of the connection's output that are in wire_
  bool broken_ = false;      ///< TLS has failed; an alert may be left in wire_
  bool shutdown_ = false;    ///< the farewell is in wire_
};

}  // namespace ccp::http
