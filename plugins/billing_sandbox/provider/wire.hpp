// Values that cross the provider's edges: HTTP requests and answers, API errors, time and ids.
// Owned by whoever holds them; no threads.
#pragma once

#include <cstdint>
#include <map>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>

namespace sandbox {

using nlohmann::json;

/// An answer other than success; thrown inside the provider and rendered by api.cpp.
struct ApiError {
  int status = 400;
  std::string code;
  std::string message;
  std::string field = {};
};

struct Request {
  std::string method;
  std::string path;                            ///< without the query
  std::map<std::string, std::string> query;    ///< decoded
  std::map<std::string, std::string> headers;  ///< names in lower case
  std::string body;
  std::string header(const std::string& name) const;
};

struct Response {
  int status = 200;
  std::string content_type = "application/json";
  std::string body;
  std::string location = {};
};

/// Microseconds since the epoch, by the machine's clock.
std::int64_t wallMicros();
/// UTC micros of "2026-01-05T09:00:00Z", with or without a fraction; ApiError names `field`.
std::int64_t parseTime(const std::string& text, const char* field);
/// RFC 3339 in UTC with microseconds.
std::string rfc3339(std::int64_t micros);
/// The same day of the month `months` later (the last day where the month is shorter).
std::int64_t addMonths(std::int64_t micros, int months);
/// `prefix_` and 24 random hexadecimal digits.
std::string newId(std::string_view prefix);
/// A fingerprint to compare two requests by.
std::string sha256Hex(std::string_view text);
/// `v1,<base64>` over `id.timestamp.body` (Standard Webhooks).
std::string signWebhook(const std::string& secret, const std::string& id, std::int64_t unix_seconds,
                        const std::string& body);
/// http://127.0.0.1:…, http://localhost:… or http://[::1]:…
bool isLoopbackUrl(std::string_view url);
bool equalConstantTime(std::string_view a, std::string_view b);

/// A stored document as the API shows it: members that start with `_` left out, integers named
/// `*_at` written as RFC 3339.
json render(const json& document);

/// Checked getters: 422 with the field's name.
std::string requireString(const json& object, const char* key, std::size_t max = 2000);
std::string optionalString(const json& object, const char* key, std::size_t max = 2000);
std::int64_t optionalInt(const json& object, const char* key, std::int64_t fallback,
                         std::int64_t min, std::int64_t max);
bool optionalBool(const json& object, const char* key, bool fallback);

std::string urlDecode(std::string_view text);
std::map<std::string, std::string> parseForm(std::string_view text);
/// Text that is safe between tags and in quoted attributes.
std::string escapeHtml(std::string_view text);
/// "$29.00", "29.00 EUR".
std::string moneyText(std::int64_t amount_minor, const std::string& currency);
/// Whole file, or throws std::runtime_error that names it.
std::string readFile(const std::string& path);
/// Replaces a file's content so that a crash leaves the old or the new one.
void replaceFile(const std::string& path, const std::string& content);

}  // namespace sandbox
