// A client that sends exactly the bytes it is told to: what no HTTP library would.
#pragma once

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <chrono>
#include <stdexcept>
#include <string>
#include <string_view>

namespace ccp::test {

class RawClient {
 public:
  /// `address` is "127.0.0.1:port". `receive_buffer`: of the socket, for clients that do not read.
  explicit RawClient(const std::string& address, int receive_buffer = 0)
      : fd_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    if (receive_buffer > 0)
      ::setsockopt(fd_, SOL_SOCKET, SO_RCVBUF, &receive_buffer, sizeof receive_buffer);
    sockaddr_in to{};
    to.sin_family = AF_INET;
    to.sin_port =
        htons(static_cast<std::uint16_t>(std::stoi(address.substr(address.rfind(':') + 1))));
    if (::inet_pton(AF_INET, address.substr(0, address.rfind(':')).c_str(), &to.sin_addr) != 1)
      throw std::runtime_error(address + " is no IPv4 address");
    if (::connect(fd_, reinterpret_cast<const sockaddr*>(&to), sizeof to) != 0)
      throw std::runtime_error("connect failed");
  }
  ~RawClient() { ::close(fd_); }
  RawClient(const RawClient&) = delete;
  RawClient& operator=(const RawClient&) = delete;

  /// False when the server has closed or reset the connection.
  bool send(std::string_view bytes) {
    while (!bytes.empty()) {
      const auto n = ::send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
      if (n <= 0) return false;
      bytes.remove_prefix(static_cast<std::size_t>(n));
    }
    return true;
  }

  /// Everything until the server closes, or until `text` has come, or until time is up.
  std::string readUntil(std::string_view text,
                        std::chrono::milliseconds patience = std::chrono::seconds(20)) {
    const auto until = std::chrono::steady_clock::now() + patience;
    while (text.empty() || buffer_.find(text) == std::string::npos) {
      const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(
                            until - std::chrono::steady_clock::now())
                            .count();
      pollfd waiting{fd_, POLLIN, 0};
      if (left <= 0 || ::poll(&waiting, 1, static_cast<int>(left)) <= 0) break;
      std::array<char, 65536> chunk;
      const auto n = ::recv(fd_, chunk.data(), chunk.size(), 0);
      if (n <= 0) {
        closed_ = true;
        break;
      }
      buffer_.append(chunk.data(), static_cast<std::size_t>(n));
    }
    return buffer_;
  }
  std::string readAll(std::chrono::milliseconds patience = std::chrono::seconds(20)) {
    return readUntil({}, patience);
  }
  bool closed() const noexcept { return closed_; }
  /// What has been read so far is no longer looked at.
  void forget() noexcept { buffer_.clear(); }
  void stopSending() const noexcept { ::shutdown(fd_, SHUT_WR); }
  /// Closing becomes a reset.
  void reset() const noexcept {
    const linger now{1, 0};
    ::setsockopt(fd_, SOL_SOCKET, SO_LINGER, &now, sizeof now);
  }

 private:
  int fd_;
  std::string buffer_;
  bool closed_ = false;
};

/// "HTTP/1.1 404 …" -> 404; 0 for no answer.
inline int statusOf(std::string_view answer) {
  return answer.starts_with("HTTP/1.1 ") && answer.size() > 12
             ? std::stoi(std::string(answer.substr(9, 3)))
             : 0;
}

}  // namespace ccp::test
