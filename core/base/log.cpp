#include "core/base/log.hpp"

#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cctype>
#include <mutex>

#include "core/base/time.hpp"

namespace ccp::log {
namespace {

std::atomic<Level> g_level{Level::info};
std::atomic<Format> g_format{Format::json};
std::mutex g_mutex;
std::function<void(std::string_view)>& sink() {
  static std::function<void(std::string_view)> instance;
  return instance;
}

constexpr std::array kLevelNames{"debug", "info", "warn", "error"};
constexpr std::string_view kMask = "[redacted]";

// Prefixes of credentials, ours and those of the providers that CCP speaks to.
constexpr std::array<std::string_view, 15> kCredentialPrefixes{
    "ccp_sk_", "ccp_op_", "ccp_in_", "whsec_", "polar_oat_", "polar_whs_", "polar_cst_", "sk_live_", "sk_test_",
    "rk_live_", "xoxb-", "xoxp-", "ghs_", "ghp_", "eyJ"};

bool isTokenChar(char c) noexcept {
  return std::isalnum(static_cast<unsigned char>(c)) || c == '_' || c == '-' || c == '.' || c == '=' || c == '+' || c == '/';
}

Json masked(const Json& value, std::string_view name) {
  if (isSecretName(name) && !value.isNull() && !value.isBool()) return kMask;
  if (const auto* s = value.asString()) return redact(*s);
  if (value.isArray()) {
    Json out = Json::array();
    for (const auto& item : value.items()) out.push(masked(item, {}));
    return out;
  }
  if (value.isObject()) {
    Json out = Json::object();
    for (const auto& [key, item] : value.members()) out.set(key, masked(item, key));
    return out;
  }
  return value;
}

}  // namespace

void setLevel(Level level) noexcept { g_level = level; }
void setFormat(Format format) noexcept { g_format = format; }
void setSink(std::function<void(std::string_view)> next) {
  const std::lock_guard lock(g_mutex);
  sink() = std::move(next);
}

bool isSecretName(std::string_view name) noexcept {
  std::string lower(name);
  std::transform(lower.begin(), lower.end(), lower.begin(), [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  if (lower == "token_version" || lower == "expires_in") return false;
  for (const std::string_view part : {"authorization", "secret", "password", "passwd", "cookie", "token", "private_key",
                                      "api_key", "credential", "device_code", "user_code", "dpop", "client_secret"}) {
    if (lower.find(part) != std::string::npos) return true;
  }
  return false;
}

std::string redact(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  for (std::size_t i = 0; i < text.size();) {
    const bool starts_word = i == 0 || !isTokenChar(text[i - 1]);
    const auto rest = text.substr(i);
    const auto hit = std::find_if(kCredentialPrefixes.begin(), kCredentialPrefixes.end(),
                                  [&](std::string_view p) { return starts_word && rest.starts_with(p); });
    std::size_t end = i;
    if (hit != kCredentialPrefixes.end()) {
      end = i + hit->size();
      while (end < text.size() && isTokenChar(text[end])) ++end;
    }
    if (hit != kCredentialPrefixes.end() && end - i >= hit->size() + 6) {
      out += *hit;
      out += kMask;
      i = end;
    } else {
      out += text[i++];
    }
  }
  return out;
}

void write(Level level, std::string_view event, Fields fields) {
  if (level < g_level.load()) return;
  const auto now = formatRfc3339(SystemClock().now());
  std::string line;
  if (g_format == Format::json) {
    Json object = Json::object({{"at", now}, {"level", kLevelNames[static_cast<std::size_t>(level)]}, {"event", redact(event)}});
    for (const auto& [name, value] : fields) object.set(name, masked(value, name));
    line = object.dump();
  } else {
    line = now + " " + kLevelNames[static_cast<std::size_t>(level)] + " " + redact(event);
    for (const auto& [name, value] : fields) {
      const Json safe = masked(value, name);
      line += " " + std::string(name) + "=" + (safe.isString() ? *safe.asString() : safe.dump());
    }
  }
  line += '\n';
  const std::lock_guard lock(g_mutex);
  if (sink()) {
    sink()(line);
    return;
  }
  // One write per line, so that lines of several processes do not mix.
  [[maybe_unused]] const auto written = ::write(STDERR_FILENO, line.data(), line.size());
}

}  // namespace ccp::log
