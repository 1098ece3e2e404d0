// Frames over a SOCK_SEQPACKET socket. A body beyond kInlineBytes travels in a sealed memfd beside its
// packet. Nothing here trusts the other side: lengths, descriptors and seals are checked before use.
// Threads: any number may send at once (a packet is atomic); a Receiver belongs to one thread at a time.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "core/base/error.hpp"
#include "core/base/time.hpp"
#include "core/isolation/wire.hpp"

namespace ccp::isolation {

/// A descriptor that is closed with its owner.
class Fd {
 public:
  Fd() noexcept = default;
  explicit Fd(int fd) noexcept : fd_(fd) {}
  ~Fd() { reset(); }
  Fd(Fd&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  Fd& operator=(Fd&& other) noexcept {
    if (this != &other) reset(std::exchange(other.fd_, -1));
    return *this;
  }
  Fd(const Fd&) = delete;
  Fd& operator=(const Fd&) = delete;
  void reset(int fd = -1) noexcept;
  int get() const noexcept { return fd_; }
  explicit operator bool() const noexcept { return fd_ >= 0; }

 private:
  int fd_ = -1;
};

struct Frame {
  Header header;
  std::string body;
};

/// A frame that is ready to be sent, as often as it takes. Borrows the body.
struct Packet {
  char header[kHeaderBytes];
  std::string_view body;
  Fd memfd;
};
/// `io_error` when the body needs a memfd and there is none to be had, or it is beyond kMaxBodyBytes.
Result<Packet> pack(Kind kind, std::uint64_t call, std::uint64_t sequence, std::string_view body);

enum class Io {
  ok,
  again,   ///< nothing there in time, or the other side does not read
  closed,  ///< the other side is gone
  broken,  ///< it sent what no peer of ours sends
};

/// One attempt to send; never blocks.
Io trySend(int socket, const Packet& packet) noexcept;
/// Sends, and waits while the other side does not read; Io::again when `patience` is over. Negative: for ever.
Io send(int socket, const Packet& packet, Duration patience) noexcept;

/// A pair of connected sockets, both close-on-exec.
Result<std::pair<Fd, Fd>> socketPair();
/// Receives return after this time when nothing comes. Not set: they wait for ever.
void setReceiveSlice(int socket, Duration slice) noexcept;

/// Buffers for one reader: up to `batch` frames with one system call.
class Receiver {
 public:
  /// `max_body`: larger bodies are Io::broken.
  Receiver(int socket, std::size_t batch, std::size_t max_body);
  /// Waits for at least one frame (see setReceiveSlice) and appends what is there, `most` at most. After
  /// Io::broken, why() says what was wrong.
  Io receive(std::vector<Frame>& frames, std::size_t most = static_cast<std::size_t>(-1));
  const std::string& why() const noexcept { return why_; }

 private:
  Io take(std::string_view packet, Fd memfd, std::vector<Frame>& frames);
  int socket_;
  std::size_t batch_, max_body_;
  std::unique_ptr<char[]> buffer_;
  std::string why_;
};

}  // namespace ccp::isolation
