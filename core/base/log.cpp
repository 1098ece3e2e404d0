#include "core/base/log.hpp"

#include <poll.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cctype>
#include <cerrno>
#include <chrono>
#include <condition_variable>
#include <mutex>
#include <optional>

#include "core/base/short_lock.hpp"
#include "core/base/time.hpp"

namespace ccp::log {
namespace {

std::atomic<Level> g_level{Level::info};
std::atomic<Format> g_format{Format::json};
/// Whoever writes; taken before g_mutex. Threads that collect lines do not wait for it, or on a busy machine
/// one of them would hold up all the others for as long as a write takes.
std::mutex g_output;
std::mutex g_mutex;  ///< g_collected and what wakes the collector
std::condition_variable g_collector_wake;
bool g_ending = false;
std::string g_collected;
std::string g_writing;  ///< with g_output
std::atomic<bool> g_collecting{false};
std::atomic<bool> g_has_sink{false};
constexpr std::size_t kCollectBytes = 128 * 1024;
constexpr std::size_t kMostCollected = 4u << 20;
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

/// One write per line, so that lines of several processes do not mix. With g_output.
void put(std::string_view line) {
  if (sink()) {
    sink()(line);
    return;
  }
  while (!line.empty()) {
    const auto written = ::write(STDERR_FILENO, line.data(), line.size());
    if (written < 0 && errno == EINTR) continue;
    if (written < 0 && errno == EAGAIN) {  // somebody made what we write to non-blocking
      pollfd output{STDERR_FILENO, POLLOUT, 0};
      ::poll(&output, 1, -1);
      continue;
    }
    if (written <= 0) return;  // nobody is there to be told
    line.remove_prefix(static_cast<std::size_t>(written));
  }
}

/// With g_output.
void flushCollected() {
  {
    const std::lock_guard lock(g_mutex);
    g_writing.swap(g_collected);
  }
  if (!g_writing.empty()) put(g_writing);
  g_writing.clear();
}

/// What has the form of a credential in a text.
struct Credential {
  std::size_t at, prefix, length;  ///< `prefix`: how much of it says whose it is
};

/// The first from `from` on.
std::optional<Credential> findCredential(std::string_view text, std::size_t from = 0) noexcept {
  for (std::size_t i = from; i < text.size(); ++i) {
    // Only these letters begin one; most of a line is skipped here.
    switch (text[i]) {
      case 'c': case 'w': case 'p': case 's': case 'r': case 'x': case 'g': case 'e':
        break;
      default:
        continue;
    }
    if (i != 0 && isTokenChar(text[i - 1])) continue;
    const auto rest = text.substr(i);
    const auto prefix = std::find_if(kCredentialPrefixes.begin(), kCredentialPrefixes.end(),
                                     [&](std::string_view p) { return rest.starts_with(p); });
    if (prefix == kCredentialPrefixes.end()) continue;
    std::size_t end = prefix->size();
    while (end < rest.size() && isTokenChar(rest[end])) ++end;
    if (end >= prefix->size() + 6) return Credential{i, prefix->size(), end};
  }
  return std::nullopt;
}

}  // namespace

void setLevel(Level level) noexcept { g_level = level; }
void setFormat(Format format) noexcept { g_format = format; }
void setSink(std::function<void(std::string_view)> next) {
  const std::lock_guard lock(g_output);
  sink() = std::move(next);
  g_has_sink = static_cast<bool>(sink());
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
  std::size_t done = 0;
  while (const auto found = findCredential(text, done)) {
    out += text.substr(done, found->at + found->prefix - done);
    out += kMask;
    done = found->at + found->length;
  }
  out += text.substr(done);
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
  const std::lock_guard lock(g_output);
  flushCollected();
  put(line);
}

Line::Line(Level level, std::string_view event) : wanted_(level >= g_level.load()) {
  if (!wanted_) return;
  line_.reserve(512);
  const auto now = SystemClock().now();
  const char* level_name = kLevelNames[static_cast<std::size_t>(level)];
  if (g_format == Format::json) {
    line_ += R"({"at":")";
    appendRfc3339(line_, now);
    line_ += R"(","level":")";
    line_ += level_name;
    line_ += R"(","event":")";
    line_ += event;
    line_ += '"';
  } else {
    appendRfc3339(line_, now);
    line_ += ' ';
    line_ += level_name;
    line_ += ' ';
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
  if (plain && !findCredential(value)) return word(name_of, value);
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
  if (!g_collecting || g_has_sink) {
    const std::lock_guard lock(g_output);
    return put(line_);
  }
  std::size_t before = 0, after = 0;
  {
    const ShortLock lock(g_mutex);
    before = g_collected.size();
    g_collected += line_;
    after = g_collected.size();
  }
  if (before < kCollectBytes && after >= kCollectBytes) g_collector_wake.notify_one();
  if (after < kMostCollected) return;
  // Whoever reads the log is slower than we are: nothing is lost, and memory is bounded.
  const std::lock_guard lock(g_output);
  flushCollected();
}

Collector::Collector() {
  g_ending = false;
  g_collecting = true;
  thread_ = std::thread([] {
    for (bool ending = false; !ending;) {
      {
        std::unique_lock lock(g_mutex);
        g_collector_wake.wait_for(lock, kCollectFor, [] { return g_ending || g_collected.size() >= kCollectBytes; });
        ending = g_ending;
      }
      const std::lock_guard lock(g_output);
      flushCollected();
    }
  });
}

Collector::~Collector() {
  {
    const std::lock_guard lock(g_mutex);
    g_collecting = false;
    g_ending = true;
  }
  g_collector_wake.notify_all();
  thread_.join();
  // A line that was being collected while collecting ended.
  const std::lock_guard lock(g_output);
  flushCollected();
}

}  // namespace ccp::log
