#include "core/http/connection.hpp"

#include <algorithm>

#include "core/http/wire.hpp"

namespace ccp::http {
namespace {

constexpr std::size_t kSmallBody =
    16 * 1024;                               // copied behind its head, so that one write sends both
constexpr std::size_t kIdleCapacity = 4096;  // of a buffer that is kept while nothing happens
constexpr auto kNewcomerWhileDraining = std::chrono::seconds(1);

Connection::Time never() noexcept {
  return Connection::Time::max();
}

Error overBudget() {
  return Error{Errc::overloaded, "too many request bodies are on their way", {}, 2};
}

}  // namespace

Connection::Connection(ConnectionHost& host, BodyBudget& budget, const ConnectionLimits& limits,
                       Time now)
    : host_(host), budget_(budget), limits_(limits), since_(now) {
  deadline_ = now + limits_.head_timeout;
}

Connection::Time Connection::later(Time start, Duration allowed, std::size_t bytes) const noexcept {
  if (limits_.min_rate == 0) return start + allowed;
  return start + allowed + std::chrono::milliseconds(bytes * 1000 / limits_.min_rate);
}

bool Connection::wantsInput() const noexcept {
  if (peer_ended_) return false;
  switch (state_) {
    case State::waiting:
    case State::head:
    case State::body:
    case State::lingering:
      return true;
    case State::ready:
    case State::answering:
    case State::writing:
      return in_.size() < limits_.max_ahead;
    case State::done:
      break;
  }
  return false;
}

void Connection::receive(std::string_view bytes, Time now) {
  if (state_ == State::done || peer_ended_) return;
  if (state_ == State::lingering) {
    sent_ += bytes.size();  // what came after the last answer
    if (sent_ > limits_.linger_bytes) end();
    return;
  }
  in_.append(bytes);
  advance(now);
}

void Connection::receiveEnd() {
  if (peer_ended_) return;
  peer_ended_ = true;
  switch (state_) {
    case State::waiting:
    case State::head:
    case State::lingering:
      end();
      break;
    case State::body:
      host_.refuse(ticket_,
                   Error{Errc::cancelled, "the connection closed before the body was complete"});
      end();
      break;
    case State::ready:
    case State::answering:
    case State::writing:
    case State::done:
      break;
  }
}

void Connection::advance(Time now) {
  for (;;) {
    switch (state_) {
      case State::waiting:
        if (in_.empty()) return;
        state_ = State::head;
        since_ = now;
        deadline_ = now + limits_.head_timeout;
        scanner_ = HeadScanner(limits_.head);
        break;
      case State::head:
        if (!readHead(now)) return;
        break;
      case State::body:
        if (!readBody(now)) return;
        break;
      case State::ready:
      case State::answering:
      case State::writing:
      case State::lingering:
      case State::done:
        return;
    }
  }
}

/// False: more bytes are needed.
bool Connection::readHead(Time now) {
  const auto end = scanner_.find(in_);
  if (!end) {
    refuseNow(end.error(), now);
    return true;
  }
  if (*end == 0) return false;
  auto head = parseHead(std::string_view(in_).substr(scanner_.start(), *end - scanner_.start()),
                        limits_.head);
  in_.erase(0, *end);
  if (!head) {
    refuseNow(head.error(), now);
    return true;
  }
  begin(std::move(*head), now);
  return true;
}

void Connection::begin(Head head, Time now) {
  ++served_;
  framing_ = head.framing;
  left_ = head.content_length;
  head_only_ = head.request.method == "HEAD";
  consumed_ = framing_ == Framing::none || (framing_ == Framing::length && left_ == 0);
  keep_ = head.keep_alive && served_ < limits_.max_requests;
  if (draining_) {
    write(host_.reject(Error{Errc::shutting_down, "this server is going down", {}, 2}), false, now);
    return;
  }
  const bool expects_continue = head.expects_continue;
  Admission admission = host_.admit(std::move(head));
  if (auto* refusal = std::get_if<Response>(&admission)) {
    write(std::move(*refusal), keep_ && consumed_, now);
    return;
  }
  ticket_ = std::move(std::get<Ticket>(admission));
  body_.clear();
  body_wire_ = 0;
  state_ = State::body;
  since_ = now;
  deadline_ = now + limits_.body_timeout;
  if (framing_ == Framing::chunked) chunks_ = std::make_unique<ChunkedDecoder>(ticket_.max_body);
  if (expects_continue && !consumed_ && in_.empty()) out_ += "HTTP/1.1 100 Continue\r\n\r\n";
}

/// False: more bytes are needed.
bool Connection::readBody(Time now) {
  const auto refuse = [&](const Error& error) {
    chunks_.reset();
    write(host_.refuse(ticket_, error), false, now);
    return true;
  };
  if (framing_ == Framing::length) {
    const auto n = static_cast<std::size_t>(std::min<std::uint64_t>(left_, in_.size()));
    if (!hold_.grow(budget_, n)) return refuse(overBudget());
    if (body_.empty() && n == in_.size()) {
      body_.swap(in_);
    } else {
      body_.append(in_, 0, n);
      in_.erase(0, n);
    }
    left_ -= n;
    body_wire_ += n;
    consumed_ = left_ == 0;
  } else if (framing_ == Framing::chunked) {
    std::string_view input = in_;
    const auto before = chunks_->size();
    const auto fed = chunks_->feed(input);
    body_wire_ += in_.size() - input.size();
    in_.erase(0, in_.size() - input.size());
    if (!fed) return refuse(fed.error());
    if (!hold_.grow(budget_, chunks_->size() - before)) return refuse(overBudget());
    consumed_ = chunks_->done();
    if (consumed_) {
      body_ = chunks_->takeBody();
      chunks_.reset();
    }
  }
  if (!consumed_) {
    deadline_ = later(since_, limits_.body_timeout, body_wire_);
    return false;
  }
  state_ = State::ready;
  deadline_ = never();
  return true;
}

Exchange Connection::takeRequest() {
  state_ = State::answering;
  Exchange out{std::move(ticket_), std::move(body_), std::move(hold_)};
  body_ = {};
  return out;
}

void Connection::answer(Response response, Time now) {
  if (state_ != State::answering) return;
  write(std::move(response), keep_, now);
}

void Connection::turnAway(const Error& error, Time now) {
  consumed_ = false;
  refuseNow(error, now);
}

/// The answer to what is no request; the connection cannot go on, because where the next one starts
/// is not known.
void Connection::refuseNow(const Error& error, Time now) {
  head_only_ = false;
  write(host_.reject(error), false, now);
}

void Connection::write(Response response, bool keep, Time now) {
  ticket_ = Ticket();
  hold_.release();
  body_ = {};
  keep_ = keep && !draining_ && !peer_ended_;
  if (response.status == 499) {
    end();
    return;
  }
  const bool apart = !head_only_ && response.body.size() > kSmallBody;
  if (apart) {
    std::string body = std::move(response.body);
    out_ += serializeHead(response, body.size(), keep_);
    if (!isBodyless(response.status)) tail_ = std::move(body);
  } else {
    out_ += serializeResponse(response, head_only_, keep_);
  }
  sent_ = 0;
  state_ = State::writing;
  since_ = now;
  deadline_ = now + limits_.write_timeout;
  if (!keep_) in_ = {};  // there will be no next request
}

std::string_view Connection::output() const noexcept {
  return std::string_view(out_).substr(out_at_);
}

void Connection::wrote(std::size_t bytes, Time now) {
  out_at_ += bytes;
  sent_ += bytes;
  if (out_at_ < out_.size()) return;
  out_at_ = 0;
  if (!tail_.empty()) {
    out_ = std::move(tail_);
    tail_ = {};
    return;
  }
  if (out_.capacity() > kIdleCapacity) out_ = {};
  out_.clear();
  if (state_ == State::writing) finishAnswer(now);
}

void Connection::finishAnswer(Time now) {
  if (keep_ && !draining_ && !peer_ended_) {
    await(now);
    advance(now);
    return;
  }
  if (peer_ended_) {
    end();
    return;
  }
  state_ = State::lingering;
  shutdown_ = true;
  sent_ = 0;
  in_ = {};
  since_ = now;
  deadline_ = now + limits_.linger_timeout;
}

void Connection::await(Time now) {
  state_ = State::waiting;
  since_ = now;
  deadline_ = now + limits_.idle_timeout;
  if (in_.empty() && in_.capacity() > kIdleCapacity) in_ = {};
}

bool Connection::takeShutdown() noexcept {
  return std::exchange(shutdown_, false);
}

void Connection::drain(Time now) {
  if (draining_) return;
  draining_ = true;
  if (state_ != State::waiting) return;
  if (served_ > 0) {
    end();
  } else {
    deadline_ = std::min(deadline_, now + kNewcomerWhileDraining);
  }
}

void Connection::expire(Time now, std::size_t unsent) {
  if (now < deadline_) return;
  switch (state_) {
    case State::waiting:
    case State::lingering:
      end();
      break;
    case State::head:
      if (scanner_.start() == in_.size()) return end();  // nothing but empty lines
      refuseNow(Error{Errc::request_timeout, "the request head did not arrive in time"}, now);
      break;
    case State::body:
      chunks_.reset();
      write(host_.refuse(ticket_, Error{Errc::request_timeout, "the body did not arrive in time"}),
            false, now);
      break;
    case State::writing:
      // More time for what the client has really taken.
      deadline_ = later(since_, limits_.write_timeout, sent_ - std::min(unsent, sent_));
      if (now < deadline_) break;
      abandoned_ = true;
      end();
      break;
    case State::ready:
    case State::answering:
    case State::done:
      deadline_ = never();
      break;
  }
}

void Connection::end() noexcept {
  state_ = State::done;
  deadline_ = never();
  ticket_ = Ticket();
  hold_.release();
  chunks_.reset();
  in_ = {};
  body_ = {};
  out_ = {};
  tail_ = {};
  out_at_ = 0;
}

}  // namespace ccp::http
