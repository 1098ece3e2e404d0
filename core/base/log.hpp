// Structured logs: one JSON object a line on stderr (or any sink). Values that look like
// credentials, and fields named like them, are masked before they are written.
// Thread-safe. One of the two singletons of the process (docs/CONTRIBUTING: the other is sodium).
#pragma once

#include <cstdint>
#include <functional>
#include <initializer_list>
#include <string>
#include <string_view>
#include <thread>
#include <utility>

#include "core/base/json.hpp"

namespace ccp::log {

enum class Level { debug, info, warn, error };
enum class Format { json, text };

using Fields = std::initializer_list<std::pair<std::string_view, Json>>;

void setLevel(Level level) noexcept;
void setFormat(Format format) noexcept;
/// Replaces stderr as the sink; an empty function restores it.
void setSink(std::function<void(std::string_view line)> sink);

void write(Level level, std::string_view event, Fields fields = {});
inline void debug(std::string_view event, Fields fields = {}) { write(Level::debug, event, fields); }
inline void info(std::string_view event, Fields fields = {}) { write(Level::info, event, fields); }
inline void warn(std::string_view event, Fields fields = {}) { write(Level::warn, event, fields); }
inline void error(std::string_view event, Fields fields = {}) { write(Level::error, event, fields); }

/// A line that is written at every request: put together without the detours of write(), and collected
/// for a moment while a Collector lives. Names are the caller's own words, none of them of a secret.
class Line {
 public:
  Line(Level level, std::string_view event);
  /// What a client may have sent: masked.
  Line& text(std::string_view name, std::string_view value);
  /// Words and ids of ours: letters, digits and -_.:/{} only.
  Line& word(std::string_view name, std::string_view value);
  Line& number(std::string_view name, std::int64_t value);
  /// As milliseconds with three digits.
  Line& microseconds(std::string_view name, std::int64_t value);
  void send();

 private:
  void name(std::string_view name);
  const bool wanted_;
  std::string line_;
};

/// While it lives, Lines are written together, by a thread of its own: every 100 ms, at 128 KiB,
/// and before any other line. Beyond 4 MiB whoever adds a line waits for the output. One at most;
/// main() makes it. What was collected is lost if the process is killed, other lines never are.
class Collector {
 public:
  Collector();
  ~Collector();
  Collector(const Collector&) = delete;
  Collector& operator=(const Collector&) = delete;

 private:
  std::thread thread_;
};

/// Masks everything in `text` that has the form of a credential of ours or of a provider.
std::string redact(std::string_view text);
/// True for field names whose values never belong in a log ("authorization", "…_token", …).
bool isSecretName(std::string_view name) noexcept;

}  // namespace ccp::log
