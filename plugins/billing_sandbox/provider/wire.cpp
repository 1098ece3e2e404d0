#include "wire.hpp"

#include <fcntl.h>
#include <sodium.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdio>
#include <fstream>
#include <sstream>
#include <stdexcept>

namespace sandbox {
namespace {

std::string base64(const unsigned char* data, std::size_t size) {
  std::string out(sodium_base64_ENCODED_LEN(size, sodium_base64_VARIANT_ORIGINAL), '\0');
  sodium_bin2base64(out.data(), out.size(), data, size, sodium_base64_VARIANT_ORIGINAL);
  out.resize(out.find('\0'));
  return out;
}

/// Key of a Standard Webhooks secret: base64 after `whsec_`; a secret without the prefix is used as
/// it stands.
std::string webhookKey(const std::string& secret) {
  constexpr std::string_view kPrefix = "whsec_";
  if (secret.rfind(kPrefix, 0) != 0) return secret;
  const std::string_view text = std::string_view(secret).substr(kPrefix.size());
  std::string key(text.size(), '\0');
  std::size_t length = 0;
  if (sodium_base642bin(reinterpret_cast<unsigned char*>(key.data()), key.size(), text.data(),
                        text.size(), nullptr, &length, nullptr,
                        sodium_base64_VARIANT_ORIGINAL) != 0) {
    throw std::runtime_error("the webhook secret is not base64 after whsec_");
  }
  key.resize(length);
  return key;
}

}  // namespace

std::string Request::header(const std::string& name) const {
  const auto found = headers.find(name);
  return found == headers.end() ? std::string() : found->second;
}

std::int64_t wallMicros() {
  return std::chrono::duration_cast<std::chrono::microseconds>(
             std::chrono::system_clock::now().time_since_epoch())
      .count();
}

std::int64_t parseTime(const std::string& text, const char* field) {
  using namespace std::chrono;
  int y = 0, used = 0;
  unsigned mo = 0, d = 0, h = 0, mi = 0, s = 0;
  const bool read = std::sscanf(text.c_str(), "%4d-%2u-%2uT%2u:%2u:%2u%n", &y, &mo, &d, &h, &mi, &s,
                                &used) == 6;
  std::string rest = read ? text.substr(static_cast<std::size_t>(used)) : std::string();
  std::int64_t fraction = 0;
  if (rest.size() > 2 && rest[0] == '.' && rest.size() <= 8) {
    std::string digits = rest.substr(1, rest.size() - 2);
    if (digits.find_first_not_of("0123456789") == std::string::npos) {
      digits.resize(6, '0');
      fraction = std::stoll(digits);
      rest = rest.back();
    }
  }
  const year_month_day date{year(y), month(mo), day(d)};
  if (rest != "Z" || !date.ok() || h > 23 || mi > 59 || s > 59)
    throw ApiError{422, "invalid_time", std::string(field) + " must be a time in RFC 3339, in UTC",
                   field};
  return (sys_time<microseconds>(sys_days(date)) + hours(h) + minutes(mi) + seconds(s))
             .time_since_epoch()
             .count() +
         fraction;
}

std::string rfc3339(std::int64_t micros) {
  using namespace std::chrono;
  const sys_time<microseconds> when{microseconds(micros)};
  const auto day = floor<days>(when);
  const year_month_day date(day);
  const hh_mm_ss<microseconds> clock(when - day);
  std::array<char, 64> out{};
  std::snprintf(
      out.data(), out.size(), "%04d-%02u-%02uT%02d:%02d:%02d.%06dZ", static_cast<int>(date.year()),
      static_cast<unsigned>(date.month()), static_cast<unsigned>(date.day()),
      static_cast<int>(clock.hours().count()), static_cast<int>(clock.minutes().count()),
      static_cast<int>(clock.seconds().count()), static_cast<int>(clock.subseconds().count()));
  return out.data();
}

std::int64_t addMonths(std::int64_t micros, int months) {
  using namespace std::chrono;
  const sys_time<microseconds> when{microseconds(micros)};
  const auto day = floor<days>(when);
  const year_month_day date(day);
  const year_month_day moved = date + std::chrono::months(months);
  const sys_days target =
      moved.ok() ? sys_days(moved) : sys_days(moved.year() / moved.month() / last);
  return (sys_time<microseconds>(target) + (when - day)).time_since_epoch().count();
}

std::string newId(std::string_view prefix) {
  std::array<unsigned char, 12> bytes{};
  randombytes_buf(bytes.data(), bytes.size());
  std::array<char, 25> hex{};
  sodium_bin2hex(hex.data(), hex.size(), bytes.data(), bytes.size());
  return std::string(prefix) + "_" + hex.data();
}

std::string sha256Hex(std::string_view text) {
  std::array<unsigned char, crypto_hash_sha256_BYTES> digest{};
  crypto_hash_sha256(digest.data(), reinterpret_cast<const unsigned char*>(text.data()),
                     text.size());
  std::array<char, crypto_hash_sha256_BYTES * 2 + 1> hex{};
  sodium_bin2hex(hex.data(), hex.size(), digest.data(), digest.size());
  return hex.data();
}

std::string signWebhook(const std::string& secret, const std::string& id, std::int64_t unix_seconds,
                        const std::string& body) {
  const std::string key = webhookKey(secret);
  const std::string content = id + "." + std::to_string(unix_seconds) + "." + body;
  crypto_auth_hmacsha256_state state;
  crypto_auth_hmacsha256_init(&state, reinterpret_cast<const unsigned char*>(key.data()),
                              key.size());
  crypto_auth_hmacsha256_update(&state, reinterpret_cast<const unsigned char*>(content.data()),
                                content.size());
  std::array<unsigned char, crypto_auth_hmacsha256_BYTES> mac{};
  crypto_auth_hmacsha256_final(&state, mac.data());
  return "v1," + base64(mac.data(), mac.size());
}

bool isLoopbackUrl(std::string_view url) {
  for (const std::string_view host : {"http://127.0.0.1", "http://localhost", "http://[::1]"}) {
    if (url.substr(0, host.size()) != host) continue;
    const auto rest = url.substr(host.size());
    if (rest.empty() || rest.front() == ':' || rest.front() == '/')
      return rest.find('@') == std::string_view::npos;
  }
  return false;
}

bool equalConstantTime(std::string_view a, std::string_view b) {
  return a.size() == b.size() && sodium_memcmp(a.data(), b.data(), a.size()) == 0;
}

json render(const json& document) {
  if (document.is_array()) {
    json out = json::array();
    for (const auto& item : document) out.push_back(render(item));
    return out;
  }
  if (!document.is_object()) return document;
  json out = json::object();
  for (const auto& [key, value] : document.items()) {
    if (!key.empty() && key.front() == '_') continue;
    const bool time = key.size() > 3 && key.compare(key.size() - 3, 3, "_at") == 0;
    out[key] = time && value.is_number_integer() ? json(rfc3339(value.get<std::int64_t>()))
                                                 : render(value);
  }
  return out;
}

std::string requireString(const json& object, const char* key, std::size_t max) {
  std::string value = optionalString(object, key, max);
  if (value.empty()) throw ApiError{422, "missing_field", std::string(key) + " is required", key};
  return value;
}

std::string optionalString(const json& object, const char* key, std::size_t max) {
  const auto found = object.find(key);
  if (found == object.end() || found->is_null()) return {};
  if (!found->is_string())
    throw ApiError{422, "wrong_type", std::string(key) + " must be a string", key};
  auto value = found->get<std::string>();
  if (value.size() > max) throw ApiError{422, "too_long", std::string(key) + " is too long", key};
  return value;
}

std::int64_t optionalInt(const json& object, const char* key, std::int64_t fallback,
                         std::int64_t min, std::int64_t max) {
  const auto found = object.find(key);
  if (found == object.end() || found->is_null()) return fallback;
  // Unsigned numbers beyond int64 would wrap in get<int64_t>.
  const bool fits = found->is_number_integer() &&
                    (!found->is_number_unsigned() ||
                     found->get<std::uint64_t>() <= static_cast<std::uint64_t>(INT64_MAX));
  if (!fits) throw ApiError{422, "wrong_type", std::string(key) + " must be an integer", key};
  const auto value = found->get<std::int64_t>();
  if (value < min || value > max) {
    throw ApiError{422, "out_of_range",
                   std::string(key) + " must be between " + std::to_string(min) + " and " +
                       std::to_string(max),
                   key};
  }
  return value;
}

bool optionalBool(const json& object, const char* key, bool fallback) {
  const auto found = object.find(key);
  if (found == object.end() || found->is_null()) return fallback;
  if (!found->is_boolean())
    throw ApiError{422, "wrong_type", std::string(key) + " must be true or false", key};
  return found->get<bool>();
}

std::string urlDecode(std::string_view text) {
  const auto hex = [](char c) -> int {
    if (c >= '0' && c <= '9') return c - '0';
    if (c >= 'a' && c <= 'f') return c - 'a' + 10;
    if (c >= 'A' && c <= 'F') return c - 'A' + 10;
    return -1;
  };
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '+') {
      out += ' ';
    } else if (text[i] == '%' && i + 2 < text.size() && hex(text[i + 1]) >= 0 &&
               hex(text[i + 2]) >= 0) {
      out += static_cast<char>(hex(text[i + 1]) * 16 + hex(text[i + 2]));
      i += 2;
    } else {
      out += text[i];
    }
  }
  return out;
}

std::map<std::string, std::string> parseForm(std::string_view text) {
  std::map<std::string, std::string> out;
  while (!text.empty()) {
    const auto end = std::min(text.find('&'), text.size());
    const auto pair = text.substr(0, end);
    const auto equals = pair.find('=');
    if (equals != std::string_view::npos) {
      out[urlDecode(pair.substr(0, equals))] = urlDecode(pair.substr(equals + 1));
    } else if (!pair.empty()) {
      out[urlDecode(pair)] = "";
    }
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return out;
}

std::string escapeHtml(std::string_view text) {
  std::string out;
  for (const char c : text) {
    switch (c) {
      case '&':
        out += "&amp;";
        break;
      case '<':
        out += "&lt;";
        break;
      case '>':
        out += "&gt;";
        break;
      case '"':
        out += "&quot;";
        break;
      case '\'':
        out += "&#39;";
        break;
      default:
        out += c;
    }
  }
  return out;
}

std::string moneyText(std::int64_t amount_minor, const std::string& currency) {
  std::array<char, 48> number{};
  std::snprintf(number.data(), number.size(), "%lld.%02lld",
                static_cast<long long>(amount_minor / 100),
                static_cast<long long>(amount_minor % 100));
  return currency == "USD" ? std::string("$") + number.data()
                           : std::string(number.data()) + " " + currency;
}

std::string readFile(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  if (!file) throw std::runtime_error("cannot read " + path);
  std::stringstream content;
  content << file.rdbuf();
  return content.str();
}

void replaceFile(const std::string& path, const std::string& content) {
  const std::string fresh = path + ".new";
  const int fd = ::open(fresh.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
  if (fd < 0) throw std::runtime_error("cannot write " + fresh);
  std::size_t done = 0;
  while (done < content.size()) {
    const ssize_t wrote = ::write(fd, content.data() + done, content.size() - done);
    if (wrote <= 0) {
      ::close(fd);
      throw std::runtime_error("cannot write " + fresh);
    }
    done += static_cast<std::size_t>(wrote);
  }
  const bool synced = ::fsync(fd) == 0;
  if (::close(fd) != 0 || !synced || ::rename(fresh.c_str(), path.c_str()) != 0) {
    throw std::runtime_error("cannot write " + path);
  }
}

}  // namespace sandbox
