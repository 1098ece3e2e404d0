#include "core/isolation/channel.hpp"

#include <fcntl.h>
#include <poll.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <cstring>

#ifndef MFD_NOEXEC_SEAL
#define MFD_NOEXEC_SEAL 0x0008U
#endif

namespace ccp::isolation {
namespace {

constexpr std::size_t kPacketBytes = kHeaderBytes + kInlineBytes;
constexpr std::size_t kMaxBatch = 16;
constexpr int kSeals = F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE;

tl::unexpected<Error> ioError(const char* what) { return fail(Errc::io_error, std::string(what) + ": " + std::strerror(errno)); }

Result<Fd> sealedMemfd(std::string_view bytes) {
  Fd fd(::memfd_create("ccp-body", MFD_CLOEXEC | MFD_ALLOW_SEALING | MFD_NOEXEC_SEAL));
  if (!fd && errno == EINVAL) fd.reset(::memfd_create("ccp-body", MFD_CLOEXEC | MFD_ALLOW_SEALING));  // before Linux 6.3
  if (!fd) return ioError("memfd_create");
  std::size_t done = 0;
  while (done < bytes.size()) {
    const ssize_t n = ::write(fd.get(), bytes.data() + done, bytes.size() - done);
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) return ioError("write to a memfd");
    done += static_cast<std::size_t>(n);
  }
  if (::fcntl(fd.get(), F_ADD_SEALS, kSeals | F_SEAL_SEAL) != 0) return ioError("F_ADD_SEALS");
  return fd;
}

/// The bytes of a memfd that nobody can change any more; false for anything else.
bool readSealed(int fd, std::size_t size, std::string& out) {
  const int seals = ::fcntl(fd, F_GET_SEALS);
  struct stat st {};
  if (seals < 0 || (seals & kSeals) != kSeals || ::fstat(fd, &st) != 0 || static_cast<std::size_t>(st.st_size) != size) return false;
  out.resize(size);
  std::size_t done = 0;
  while (done < size) {
    const ssize_t n = ::pread(fd, out.data() + done, size - done, static_cast<off_t>(done));
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) return false;
    done += static_cast<std::size_t>(n);
  }
  return true;
}

union Control {
  char bytes[CMSG_SPACE(sizeof(int))];
  cmsghdr align;
};

/// The descriptor that came with a message. There may be two where we ask for one, for padding holds an int.
Fd takeFd(const msghdr& message, bool& too_many) {
  Fd out;
  for (cmsghdr* c = CMSG_FIRSTHDR(&message); c; c = CMSG_NXTHDR(const_cast<msghdr*>(&message), c)) {
    if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS) continue;
    const std::size_t count = (c->cmsg_len - CMSG_LEN(0)) / sizeof(int);
    for (std::size_t i = 0; i < count; ++i) {
      int fd = -1;
      std::memcpy(&fd, CMSG_DATA(c) + i * sizeof(int), sizeof fd);
      if (out) too_many = true;
      out.reset(fd);
    }
  }
  return out;
}

}  // namespace

void Fd::reset(int fd) noexcept {
  if (fd_ >= 0) ::close(fd_);
  fd_ = fd;
}

Result<Packet> pack(Kind kind, std::uint64_t call, std::uint64_t sequence, std::string_view body) {
  if (body.size() > kMaxBodyBytes) return fail(Errc::io_error, "a body of " + std::to_string(body.size()) + " bytes is too large for the plugin's process");
  Packet packet;
  Header header{static_cast<std::uint32_t>(body.size()), kind, body.size() > kInlineBytes, call, sequence};
  if (header.in_memfd) {
    CCP_TRY(packet.memfd, sealedMemfd(body));
  } else {
    packet.body = body;
  }
  encodeHeader(header, packet.header);
  return packet;
}

Io trySend(int socket, const Packet& packet) noexcept {
  iovec parts[2] = {{const_cast<char*>(packet.header), kHeaderBytes}, {const_cast<char*>(packet.body.data()), packet.body.size()}};
  msghdr message{};
  message.msg_iov = parts;
  message.msg_iovlen = packet.body.empty() ? 1 : 2;
  Control control{};
  if (packet.memfd) {
    message.msg_control = control.bytes;
    message.msg_controllen = sizeof control.bytes;
    cmsghdr* c = CMSG_FIRSTHDR(&message);
    c->cmsg_level = SOL_SOCKET;
    c->cmsg_type = SCM_RIGHTS;
    c->cmsg_len = CMSG_LEN(sizeof(int));
    const int fd = packet.memfd.get();
    std::memcpy(CMSG_DATA(c), &fd, sizeof fd);
  }
  for (;;) {
    if (::sendmsg(socket, &message, MSG_NOSIGNAL | MSG_DONTWAIT) >= 0) return Io::ok;
    if (errno == EINTR) continue;
    // ETOOMANYREFS: descriptors that nobody has received yet fill the kernel's quota; it passes.
    if (errno == EAGAIN || errno == ENOBUFS || errno == ETOOMANYREFS) return Io::again;
    return Io::closed;
  }
}

Io send(int socket, const Packet& packet, Duration patience) noexcept {
  const auto end = std::chrono::steady_clock::now() + patience;
  bool writable = false;
  for (;;) {
    const Io sent = trySend(socket, packet);
    if (sent != Io::again) return sent;
    int wait_ms = 100;
    if (patience >= Duration::zero()) {
      const auto left = std::chrono::duration_cast<milliseconds>(end - std::chrono::steady_clock::now()).count();
      if (left <= 0) return Io::again;
      wait_ms = static_cast<int>(left < wait_ms ? left : wait_ms);
    }
    // A full quota of descriptors leaves the socket writable: no busy loop.
    if (writable) ::poll(nullptr, 0, 1);
    pollfd p{socket, POLLOUT, 0};
    ::poll(&p, 1, wait_ms);
    writable = (p.revents & POLLOUT) != 0;
  }
}

Result<std::pair<Fd, Fd>> socketPair() {
  int fds[2];
  if (::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, fds) != 0) return ioError("socketpair");
  return std::pair<Fd, Fd>(Fd(fds[0]), Fd(fds[1]));
}

void setReceiveSlice(int socket, Duration slice) noexcept {
  const auto whole = std::chrono::duration_cast<seconds>(slice);
  const timeval value{static_cast<time_t>(whole.count()), static_cast<suseconds_t>((slice - whole).count())};
  ::setsockopt(socket, SOL_SOCKET, SO_RCVTIMEO, &value, sizeof value);
}

Receiver::Receiver(int socket, std::size_t batch, std::size_t max_body)
    : socket_(socket), batch_(batch < kMaxBatch ? batch : kMaxBatch), max_body_(max_body), buffer_(new char[batch_ * kPacketBytes]) {}

Io Receiver::receive(std::vector<Frame>& frames, std::size_t most) {
  std::array<mmsghdr, kMaxBatch> messages;
  std::array<iovec, kMaxBatch> parts;
  std::array<Control, kMaxBatch> controls;
  const std::size_t batch = std::min(most, batch_);
  for (std::size_t i = 0; i < batch; ++i) {
    messages[i] = {};
    parts[i] = {buffer_.get() + i * kPacketBytes, kPacketBytes};
    msghdr& h = messages[i].msg_hdr;
    h.msg_iov = &parts[i];
    h.msg_iovlen = 1;
    h.msg_control = controls[i].bytes;
    h.msg_controllen = sizeof controls[i].bytes;
  }
  int count = 0;
  do {
    count = ::recvmmsg(socket_, messages.data(), static_cast<unsigned>(batch), MSG_WAITFORONE | MSG_CMSG_CLOEXEC, nullptr);
  } while (count < 0 && errno == EINTR);
  if (count < 0) return errno == EAGAIN ? Io::again : Io::closed;
  Io end = Io::ok;
  for (std::size_t i = 0; i < static_cast<std::size_t>(count); ++i) {
    const msghdr& h = messages[i].msg_hdr;
    bool too_many = false;
    Fd memfd = takeFd(h, too_many);
    if (end != Io::ok) continue;  // the descriptors of the rest are closed all the same
    if (messages[i].msg_len == 0) {
      end = Io::closed;
    } else if (too_many || (h.msg_flags & (MSG_TRUNC | MSG_CTRUNC)) != 0) {
      why_ = "it sent a packet that is too large";
      end = Io::broken;
    } else {
      end = take({buffer_.get() + i * kPacketBytes, messages[i].msg_len}, std::move(memfd), frames);
    }
  }
  return end;
}

Io Receiver::take(std::string_view packet, Fd memfd, std::vector<Frame>& frames) {
  const auto refuse = [this](std::string why) {
    why_ = std::move(why);
    return Io::broken;
  };
  auto header = decodeHeader(packet);
  if (!header) return refuse(std::move(header).error().detail);
  if (header->body_bytes > max_body_) return refuse("it announced a body of " + std::to_string(header->body_bytes) + " bytes");
  if (header->in_memfd != static_cast<bool>(memfd)) return refuse("it sent a descriptor where none belongs, or none where one does");
  Frame frame{*header, {}};
  if (header->in_memfd) {
    if (!readSealed(memfd.get(), header->body_bytes, frame.body)) return refuse("it sent a body that is not sealed or not as long as it says");
  } else {
    frame.body.assign(packet.substr(kHeaderBytes));
  }
  frames.push_back(std::move(frame));
  return Io::ok;
}

}  // namespace ccp::isolation
