#include "core/plugin/output_lines.hpp"

#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <utility>

namespace ccp::plugin {

bool OutputLines::hungry(Instant now) {
  if (now - second_ >= std::chrono::seconds(1)) {
    second_ = now;
    lines_ = 0;
    bytes_ = 0;
  }
  return bytes_ < kBytesPerSecond;
}

bool OutputLines::read(int fd, Instant now) {
  std::array<char, 8192> buffer;
  while (hungry(now)) {
    const ssize_t n = ::read(fd, buffer.data(), buffer.size());
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return errno == EAGAIN;
    if (n == 0) return false;
    bytes_ += static_cast<std::size_t>(n);
    add({buffer.data(), static_cast<std::size_t>(n)});
  }
  return true;
}

void OutputLines::add(std::string_view bytes) {
  while (!bytes.empty()) {
    const std::size_t end = bytes.find('\n');
    const std::string_view piece = bytes.substr(0, end);
    const std::size_t room = kLineBytes - partial_.size();
    partial_.append(piece.substr(0, std::min(room, piece.size())));
    if (end == std::string_view::npos) return;
    emit();
    bytes.remove_prefix(end + 1);
  }
}

void OutputLines::emit() {
  const std::string line = std::exchange(partial_, {});
  if (line.empty()) return;
  if (++lines_ > kLinesPerSecond) {
    ++dropped_;
    return;
  }
  line_(line);
}

void OutputLines::flush() { emit(); }

int OutputLines::takeDropped() noexcept { return std::exchange(dropped_, 0); }

}  // namespace ccp::plugin
