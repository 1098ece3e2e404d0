// One connection of a client as a pure state machine: bytes in, a request out; an answer in, bytes
// out. It knows no socket and no clock; whoever holds it (loop.cpp, a test, the fuzzer) moves the
// bytes and says what time it is. One request at a time: what a client sends ahead waits in a
// bounded buffer, and beyond that wantsInput() is false until the answer is out. Every wait has an
// end that a steady drip does not move. Not thread-safe: one thread holds it.
#pragma once

#include <chrono>
#include <cstddef>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "core/http/body_budget.hpp"
#include "core/http/chunked.hpp"
#include "core/http/head_parser.hpp"
#include "core/http/ticket.hpp"

namespace ccp::http {

struct ConnectionLimits {
  HeadLimits head = {};
  Duration idle_timeout = seconds(60);   ///< between requests
  Duration head_timeout = seconds(10);   ///< first byte to the empty line, and for the first byte
  Duration body_timeout = seconds(30);   ///< whole body, and what its bytes take at `min_rate`
  Duration write_timeout = seconds(30);  ///< whole answer, and what its bytes take at `min_rate`
  Duration linger_timeout = seconds(3);  ///< for the client to take the last answer
  std::size_t min_rate = 4096;           ///< bytes a second; 0: the times hold for any length
  std::size_t max_ahead = 16 * 1024;     ///< bytes kept of what comes after the request at hand
  std::size_t linger_bytes = 256 * 1024;
  int max_requests = 10'000;  ///< then the connection closes
};

/// What a connection asks of its surroundings. Called from within its methods.
class ConnectionHost {
 public:
  virtual ~ConnectionHost() = default;
  virtual Admission admit(Head head) = 0;
  virtual Response reject(const Error& error) = 0;
  virtual Response refuse(Ticket& ticket, const Error& error) = 0;
};

/// A complete request, on its way to its handler.
struct Exchange {
  Ticket ticket;
  std::string body;
  BodyBudget::Hold hold;  ///< keeps the body's share of the budget until it is dropped
};

class Connection {
 public:
  using Time = std::chrono::steady_clock::time_point;

  /// `host` and `budget` outlive it.
  Connection(ConnectionHost& host, BodyBudget& budget, const ConnectionLimits& limits, Time now);
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  // --- what the client does ---
  void receive(std::string_view bytes, Time now);
  /// The client sends no more (it may still read).
  void receiveEnd();
  /// False: leave its bytes where they are.
  bool wantsInput() const noexcept;

  // --- requests and answers ---
  bool hasRequest() const noexcept { return state_ == State::ready; }
  Exchange takeRequest();
  /// The answer to the request that was taken. Status 499: nobody is there to read it.
  void answer(Response response, Time now);
  /// Instead of any request: answers this error and closes. For connections beyond a limit.
  void turnAway(const Error& error, Time now);
  /// From now on requests get 503 `shutting_down`, and every answer is the last.
  void drain(Time now);

  // --- bytes for the client ---
  std::string_view output() const noexcept;
  void wrote(std::size_t bytes, Time now);
  /// Bytes that the client has not taken.
  std::size_t pending() const noexcept { return out_.size() - out_at_ + tail_.size(); }
  /// True once, when the last answer is out: send no more, and go on reading until finished().
  bool takeShutdown() noexcept;

  // --- time and end ---
  /// When expire() is to be called; Time::max(): not while nothing else happens.
  Time deadline() const noexcept { return deadline_; }
  /// `unsent`: of what was written, what the system still has in its hands.
  void expire(Time now, std::size_t unsent = 0);
  /// Close the socket.
  bool finished() const noexcept { return state_ == State::done; }
  /// The client did not take what it asked for: close without leaving the rest to the system.
  bool abandoned() const noexcept { return abandoned_; }
  /// Between two requests, or before the first.
  bool idle() const noexcept { return state_ == State::waiting; }
  /// Somebody waits for an answer, or for the rest of one.
  bool engaged() const noexcept {
    return state_ == State::body || state_ == State::ready || state_ == State::answering ||
           state_ == State::writing;
  }
  bool clientLeft() const noexcept { return peer_ended_; }
  /// Bytes that it keeps; bounded by the limits and the budget, but for the answer.
  std::size_t held() const noexcept {
    return in_.size() + body_.size() + out_.size() + tail_.size();
  }

 private:
  enum class State { waiting, head, body, ready, answering, writing, lingering, done };

  void advance(Time now);
  bool readHead(Time now);
  bool readBody(Time now);
  void begin(Head head, Time now);
  void refuseNow(const Error& error, Time now);
  void finishAnswer(Time now);
  void write(Response response, bool keep, Time now);
  void await(Time now);
  void end() noexcept;
  Time later(Time start, Duration allowed, std::size_t bytes) const noexcept;

  ConnectionHost& host_;
  BodyBudget& budget_;
  const ConnectionLimits& limits_;
  State state_ = State::waiting;
  Time deadline_;
  Time since_;  ///< when the present state began
  HeadScanner scanner_;
  std::string in_;  ///< received, not understood yet
  Ticket ticket_;
  Framing framing_ = Framing::none;
  std::uint64_t left_ = 0;
  std::unique_ptr<ChunkedDecoder> chunks_;
  std::string body_;
  std::size_t body_wire_ = 0;  ///< bytes of the body as they came, for the rate
  BodyBudget::Hold hold_;
  std::string out_;   ///< to be sent, from out_at_ on
  std::string tail_;  ///< to be sent after it: a large body
  std::size_t out_at_ = 0;
  std::size_t sent_ = 0;
  int served_ = 0;
  bool head_only_ = false;
  bool keep_ = false;     ///< after this answer, as far as the request goes
  bool consumed_ = true;  ///< the whole request has been read
  bool peer_ended_ = false;
  bool draining_ = false;
  bool shutdown_ = false;
  bool abandoned_ = false;
};

}  // namespace ccp::http
