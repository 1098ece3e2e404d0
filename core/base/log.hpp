// Structured logs: one JSON object a line on stderr (or any sink). Values that look like
// credentials, and fields named like them, are masked before they are written.
// Thread-safe. One of the two singletons of the process (docs/CONTRIBUTING: the other is sodium).
#pragma once

#include <functional>
#include <initializer_list>
#include <string>
#include <string_view>
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

/// Masks everything in `text` that has the form of a credential of ours or of a provider.
std::string redact(std::string_view text);
/// True for field names whose values never belong in a log ("authorization", "…_token", …).
bool isSecretName(std::string_view name) noexcept;

}  // namespace ccp::log
