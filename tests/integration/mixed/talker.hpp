// An HTTP client on one connection, in clear text or over TLS, that tells apart how a request
// ended: tests of a server under load ask for exactly that.
#pragma once

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <chrono>
#include <cstdint>
#include <cstdlib>
#include <memory>
#include <string>
#include <string_view>

#include "tests/support/tls_workshop.hpp"

namespace ccp::test {

/// Where a server answers.
struct Door {
  std::string address;  ///< "127.0.0.1:port"
  std::string ca;       ///< PEM; empty: clear text
};

struct Answer {
  enum class End {
    whole,   ///< an answer with all of its bytes
    closed,  ///< no byte of an answer, and nobody is there any more
    torn,    ///< a part of an answer
    late,    ///< nothing for longer than anything may take
  };
  End end = End::closed;
  int status = 0;
  std::string body;
  bool last = true;  ///< the server takes no more on this connection
};

class Talker {
 public:
  explicit Talker(const Door& door) : fd_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    const int yes = 1;
    const timeval patience{30, 0};
    ::setsockopt(fd_, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
    ::setsockopt(fd_, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience);
    const auto colon = door.address.rfind(':');
    sockaddr_in to{};
    to.sin_family = AF_INET;
    to.sin_port = htons(static_cast<std::uint16_t>(std::stoi(door.address.substr(colon + 1))));
    ::inet_pton(AF_INET, door.address.substr(0, colon).c_str(), &to.sin_addr);
    there_ = ::connect(fd_, reinterpret_cast<const sockaddr*>(&to), sizeof to) == 0;
    if (!door.ca.empty()) tls_ = std::make_unique<TlsClient>(TlsClient::Options{.ca = door.ca});
  }
  ~Talker() { ::close(fd_); }
  Talker(const Talker&) = delete;
  Talker& operator=(const Talker&) = delete;

  /// False when nobody takes it.
  bool send(std::string_view bytes) {
    if (!shakeHands()) return false;
    if (!tls_) return sendRaw(bytes);
    tls_->write(bytes);
    return sendRaw(tls_->take());
  }
  /// Past TLS, if there is any.
  bool sendRaw(std::string_view bytes) {
    while (there_ && !bytes.empty()) {
      const auto n = ::send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
      if (n <= 0) return there_ = false;
      bytes.remove_prefix(static_cast<std::size_t>(n));
    }
    return there_;
  }
  /// The first half of a TLS handshake's first flight.
  std::string halfHello() {
    const std::string all = tls_ ? tls_->take() : std::string();
    return all.substr(0, all.size() / 2);
  }

  Answer answer(std::chrono::milliseconds patience = std::chrono::seconds(60)) {
    const auto until = std::chrono::steady_clock::now() + patience;
    Answer out;
    while (!parse(out)) {
      // What came before the end counts, also when a later send of ours has failed.
      if (!receive(until)) {
        out.end = late_               ? Answer::End::late
                  : pending().empty() ? Answer::End::closed
                                      : Answer::End::torn;
        return out;
      }
    }
    return out;
  }
  Answer ask(std::string_view request) {
    send(request);
    return answer();
  }

  void stopSending() const { ::shutdown(fd_, SHUT_WR); }
  /// Closing becomes a reset.
  void reset() const {
    const linger now{1, 0};
    ::setsockopt(fd_, SOL_SOCKET, SO_LINGER, &now, sizeof now);
  }

 private:
  bool shakeHands() {
    const auto until = std::chrono::steady_clock::now() + std::chrono::seconds(60);
    while (there_ && tls_ && !tls_->established()) {
      if (!sendRaw(tls_->take())) return false;
      if (tls_->established()) break;
      if (tls_->failed() || !receive(until)) return there_ = false;
    }
    return there_;
  }
  bool receive(std::chrono::steady_clock::time_point until) {
    const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(
                          until - std::chrono::steady_clock::now())
                          .count();
    pollfd waiting{fd_, POLLIN, 0};
    if (left <= 0 || ::poll(&waiting, 1, static_cast<int>(left)) <= 0) {
      late_ = true;
      return false;
    }
    std::array<char, 16384> chunk;
    const auto n = ::recv(fd_, chunk.data(), chunk.size(), 0);
    if (n <= 0) return false;
    const std::string_view bytes(chunk.data(), static_cast<std::size_t>(n));
    if (!tls_) {
      clear_ += bytes;
    } else {
      tls_->receive(bytes);
      const std::string reply = tls_->take();
      if (!reply.empty()) sendRaw(reply);
    }
    return true;
  }
  std::string_view pending() const {
    return std::string_view(tls_ ? tls_->plain() : clear_).substr(taken_);
  }
  /// True: `out` is the next answer, taken from what has come.
  bool parse(Answer& out) {
    const auto text = pending();
    const auto end = text.find("\r\n\r\n");
    if (end == std::string_view::npos || text.size() < 12) return false;
    out.status = std::atoi(std::string(text.substr(9, 3)).c_str());
    std::string head(text.substr(0, end + 2));
    std::transform(head.begin(), head.end(), head.begin(),
                   [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
    constexpr std::string_view kLength = "\r\ncontent-length: ";
    std::size_t length = 0;
    if (const auto at = head.find(kLength); at != std::string::npos)
      length = std::strtoul(head.c_str() + at + kLength.size(), nullptr, 10);
    if (out.status == 304 || out.status == 204) length = 0;
    if (text.size() < end + 4 + length) return false;
    out.body = std::string(text.substr(end + 4, length));
    out.last = head.find("\r\nconnection: close\r\n") != std::string::npos;
    out.end = Answer::End::whole;
    taken_ += end + 4 + length;
    return true;
  }

  const int fd_;
  bool there_ = false;
  bool late_ = false;
  std::unique_ptr<TlsClient> tls_;
  std::string clear_;
  std::size_t taken_ = 0;
};

}  // namespace ccp::test
