// What a plugin's process writes to standard output and error, line by line, at a bounded rate. A plugin
// should log through ccp.log/1; this is what a crash or a careless library leaves behind.
// Not thread-safe: the supervisor's thread owns it.
#pragma once

#include <chrono>
#include <functional>
#include <string>
#include <string_view>

namespace ccp::plugin {

class OutputLines {
 public:
  static constexpr std::size_t kLineBytes = 1000;
  static constexpr int kLinesPerSecond = 50;
  static constexpr std::size_t kBytesPerSecond = 256 * 1024;
  using Instant = std::chrono::steady_clock::time_point;

  /// `line` gets each whole line, or its first kLineBytes.
  explicit OutputLines(std::function<void(std::string_view line)> line) : line_(std::move(line)) {}

  /// Reads what is there (non-blocking), within this second's bounds. False when the other end is closed.
  bool read(int fd, Instant now);
  /// Whether read() would take more in this second; if not, leave the writer waiting.
  bool hungry(Instant now);
  /// The last line, when it has no end.
  void flush();
  /// Lines that were not passed on since this was asked last.
  int takeDropped() noexcept;

 private:
  void add(std::string_view bytes);
  void emit();
  const std::function<void(std::string_view)> line_;
  std::string partial_;
  Instant second_{};
  int lines_ = 0;
  std::size_t bytes_ = 0;
  int dropped_ = 0;
};

}  // namespace ccp::plugin
