#include "core/http/channel.hpp"

namespace ccp::http {
namespace {

constexpr std::size_t kStretch = 64 * 1024;      // of an answer, sealed at once
constexpr std::size_t kMaxUnsent = 64 * 1024;    // of handshakes and alerts, for a client that does not read
constexpr std::size_t kIdleCapacity = 4096;      // of a buffer that is kept while nothing happens

}  // namespace

Channel::Channel(ConnectionHost& host, BodyBudget& budget, const ConnectionLimits& limits, std::unique_ptr<Transport> transport, Time now)
    : connection_(host, budget, limits, now), transport_(std::move(transport)) {}

void Channel::fail() {
  broken_ = true;
  connection_.receiveEnd();
}

void Channel::receive(std::string_view bytes, Time now) {
  if (!transport_) return connection_.receive(bytes, now);
  if (broken_) return;
  // One for each thread: what it holds is understood before the next connection has its turn.
  thread_local std::string plain;
  plain.clear();
  const auto taken = transport_->receive(bytes, plain, wire_);
  if (!plain.empty()) connection_.receive(plain, now);
  if (!taken) {
    fail();
  } else if (transport_->closedByPeer()) {
    connection_.receiveEnd();
  }
}

void Channel::receiveEnd() {
  connection_.receiveEnd();
  // Nobody gets an answer who left before the handshake was over.
  if (transport_ && !transport_->established()) broken_ = true;
}

bool Channel::wantsInput() const noexcept { return !broken_ && connection_.wantsInput() && wire_.size() - wire_at_ < kMaxUnsent; }

std::string_view Channel::output() {
  if (!transport_) return connection_.output();
  if (wire_.empty() && !broken_ && transport_->established()) {
    if (const auto plain = connection_.output().substr(0, kStretch); !plain.empty()) {
      if (transport_->seal(plain, wire_)) {
        sealed_ = plain.size();
      } else {
        fail();
      }
    } else if (connection_.takeShutdown()) {
      transport_->close(wire_);
      shutdown_ = true;
    }
  }
  return std::string_view(wire_).substr(wire_at_);
}

void Channel::wrote(std::size_t bytes, Time now) {
  if (!transport_) return connection_.wrote(bytes, now);
  wire_at_ += bytes;
  if (wire_at_ < wire_.size()) return;
  wire_at_ = 0;
  if (wire_.capacity() > kIdleCapacity) wire_ = {};
  wire_.clear();
  if (const auto sent = std::exchange(sealed_, 0); sent > 0) connection_.wrote(sent, now);
}

bool Channel::takeShutdown() noexcept {
  if (!transport_) return connection_.takeShutdown();
  return wire_.empty() && std::exchange(shutdown_, false);
}

std::string_view Channel::farewell() {
  // In the middle of a record it would be the end of that one.
  if (!transport_ || broken_ || !wire_.empty()) return {};
  transport_->close(wire_);
  return wire_;
}

}  // namespace ccp::http
