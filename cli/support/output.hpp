// How commands speak to people: lines on stdout, hints and progress on stderr. Nothing of it
// appears with --json. One thread.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "cli/support/context.hpp"

namespace ccp::cli {

/// A line of the answer.
void say(const Context& context, std::string_view line);
/// A line on stderr; silent with --quiet too.
void hint(const Context& context, std::string_view line);
/// Text from outside as it may be shown on a terminal: control characters become '?'.
std::string printable(std::string_view text);

/// How far a long piece of work is: drawn over itself on a terminal once it has taken a second;
/// without one, a plain line every five seconds.
class Progress {
 public:
  Progress(const Context& context, std::string what);
  ~Progress() { clear(); }
  Progress(const Progress&) = delete;
  Progress& operator=(const Progress&) = delete;

  /// `total` 0: unknown.
  void update(std::int64_t done, std::int64_t total, std::string_view unit);
  void update(std::string_view state);
  void clear();

 private:
  const Context& context_;
  std::string what_;
  std::uint64_t begun_ns_, drawn_ns_;
  bool on_screen_ = false;
};

}  // namespace ccp::cli
