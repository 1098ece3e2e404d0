#include "core/base/log.hpp"

#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cctype>
#include <chrono>
#include <condition_variable>
#include <mutex>

#include "core/base/time.hpp"

namespace ccp::log {
namespace {

std::atomic<Level> g_level{Level::info};
std::atomic<Format> g_format{Format::json};
std::mutex g_mutex;
std::condition_variable g_collector_wake;
bool g_collecting = false;
std::string g_collected;
constexpr std::size_t kCollectBytes = 32 * 1024;
constexpr auto kCollectFor = std::chrono::milliseconds(100);
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

/// One write per line, so that lines of several processes do not mix. With g_mutex.
void put(std::string_view line) {
  if (sink()) {
    sink()(line);
    return;
  }
  [[maybe_unused]] const auto written = ::write(STDERR_FILENO, line.data(), line.size());
}

/// With g_mutex.
void flushCollected() {
  if (g_collected.empty()) return;
  put(g_collected);
  g_collected.clear();
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
  // Every prefix but "eyJ" holds one of these.
  if (text.find_first_of("_-") == std::string_view::npos && text.find("eyJ") == std::string_view::npos) return std::string(text);
  std::string out;
  out.reserve(text.size());
  for (std::size_t i = 0; i < text.size();) {
    const bool starts_word = i == 0 || !isTokenChar(text[i - 1]);
    const auto rest = text.substr(i);
    const auto hit = starts_word ? std::find_if(kCredentialPrefixes.begin(), kCredentialPrefixes.end(), [&](std::string_view p) { return rest.starts_with(p); })
                                 : kCredentialPrefixes.end();
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
  flushCollected();
  put(line);
}

Line::Line(Level level, std::string_view event) : wanted_(level >= g_level.load()) {
  if (!wanted_) return;
  line_.reserve(512);
  const auto at = formatRfc3339(SystemClock().now());
  const char* level_name = kLevelNames[static_cast<std::size_t>(level)];
  if (g_format == Format::json) {
    line_ += R"({"at":")";
    line_ += at;
    line_ += R"(","level":")";
    line_ += level_name;
    line_ += R"(","event":")";
    line_ += event;
    line_ += '"';
  } else {
    line_ += at + " " + level_name + " ";
    line_ += event;
  }
}

void Line::name(std::string_view name) {
  const bool json = g_format == Format::json;
  line_ += json ? ",\"" : " ";
  line_ += name;
  line_ += json ? "\":" : "=";
}

Line& Line::text(std::string_view name_of, std::string_view value) {
  if (!wanted_) return *this;
  const bool plain = std::all_of(value.begin(), value.end(), [](unsigned char c) { return c >= 0x20 && c < 0x7f && c != '"' && c != '\\'; });
  const std::string safe = redact(value);
  if (plain) return word(name_of, safe);
  name(name_of);
  line_ += g_format == Format::json ? Json(safe).dump() : safe;
  return *this;
}

Line& Line::word(std::string_view name_of, std::string_view value) {
  if (!wanted_) return *this;
  name(name_of);
  const bool json = g_format == Format::json;
  if (json) line_ += '"';
  line_ += value;
  if (json) line_ += '"';
  return *this;
}

Line& Line::number(std::string_view name_of, std::int64_t value) {
  if (!wanted_) return *this;
  name(name_of);
  line_ += std::to_string(value);
  return *this;
}

Line& Line::microseconds(std::string_view name_of, std::int64_t value) {
  if (!wanted_) return *this;
  name(name_of);
  line_ += std::to_string(value / 1000);
  const auto digits = std::to_string(1000 + value % 1000);
  line_ += '.';
  line_ += std::string_view(digits).substr(1);
  return *this;
}

void Line::send() {
  if (!wanted_) return;
  line_ += g_format == Format::json ? "}\n" : "\n";
  const std::lock_guard lock(g_mutex);
  if (!g_collecting || sink()) return put(line_);
  g_collected += line_;
  if (g_collected.size() >= kCollectBytes) flushCollected();
}

Collector::Collector() {
  {
    const std::lock_guard lock(g_mutex);
    g_collecting = true;
  }
  thread_ = std::thread([] {
    std::unique_lock lock(g_mutex);
    while (g_collecting) {
      g_collector_wake.wait_for(lock, kCollectFor, [] { return !g_collecting; });
      flushCollected();
    }
  });
}

Collector::~Collector() {
  {
    const std::lock_guard lock(g_mutex);
    g_collecting = false;
  }
  g_collector_wake.notify_all();
  thread_.join();
}

}  // namespace ccp::log
