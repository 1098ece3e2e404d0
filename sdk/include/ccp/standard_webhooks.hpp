// Standard Webhooks, the receiving side, pure: reads the three headers, builds what was signed, and
// compares. The caller brings the clock and the MACs (ccp.crypto/1), so no key passes through here.
// For plugins whose provider signs that way. Threads: functions of their arguments.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "ccp/error.hpp"
#include "ccp/text.hpp"

namespace ccp {
inline namespace sdk_v1 {
namespace webhooks {

using HeaderList = std::vector<std::pair<std::string, std::string>>;

inline constexpr std::int64_t kToleranceSeconds = 300;
inline constexpr std::size_t kMacBytes = 32;
inline constexpr std::size_t kMaxSignatures = 32;

struct SignedMessage {
  std::string id;
  std::int64_t timestamp_s = 0;
  std::string content;                  ///< `id.timestamp.body`, the bytes under the MAC
  std::vector<std::string> signatures;  ///< decoded `v1` entries of 32 bytes
};

struct Reading {
  bool ok = false;     ///< the headers can be checked; otherwise `problem` says why not
  bool stale = false;  ///< outside the tolerance; report it only when the signature matches
  std::string problem;
  SignedMessage message;
};

namespace detail {

/// The one value of a header; false when it is absent or given more than once.
inline bool single(const HeaderList& headers, std::string_view name, std::string& value) {
  const auto lower = [](char c) {
    return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  };
  int found = 0;
  for (const auto& [key, content] : headers) {
    bool same = key.size() == name.size();
    for (std::size_t i = 0; same && i < name.size(); ++i) same = lower(key[i]) == name[i];
    if (!same) continue;
    ++found;
    value = content;
  }
  return found == 1;
}

}  // namespace detail

/// Reads `webhook-id`, `webhook-timestamp` and `webhook-signature`. A header that is missing or
/// given twice is a problem: which of two would have been signed is a guess.
inline Reading read(const HeaderList& headers, std::string_view body, std::int64_t now_s,
                    std::int64_t tolerance_s = kToleranceSeconds) {
  Reading out;
  const auto problem = [&out](const char* text) {
    out.problem = text;
    return out;
  };
  SignedMessage& message = out.message;
  std::string timestamp, signature;
  if (!detail::single(headers, "webhook-id", message.id) || message.id.empty() ||
      message.id.size() > 256) {
    return problem("the header webhook-id must be there exactly once");
  }
  if (!detail::single(headers, "webhook-timestamp", timestamp) || timestamp.empty() ||
      timestamp.size() > 11 || timestamp.find_first_not_of("0123456789") != std::string::npos) {
    return problem("the header webhook-timestamp must be there exactly once, in Unix seconds");
  }
  if (!detail::single(headers, "webhook-signature", signature) || signature.size() > 8192) {
    return problem("the header webhook-signature must be there exactly once");
  }
  message.timestamp_s = std::stoll(timestamp);
  std::string_view rest = signature;
  while (!rest.empty() && message.signatures.size() < kMaxSignatures) {
    const std::string_view entry = rest.substr(0, rest.find(' '));
    rest.remove_prefix(entry.size() == rest.size() ? rest.size() : entry.size() + 1);
    if (entry.substr(0, 3) != "v1,") continue;  // v1a is Ed25519 and has another key
    auto mac = base64Decode(entry.substr(3));
    if (mac && mac->size() == kMacBytes) message.signatures.push_back(std::move(*mac));
  }
  if (message.signatures.empty())
    return problem("the header webhook-signature holds no v1 signature of 32 bytes");
  message.content.reserve(message.id.size() + timestamp.size() + body.size() + 2);
  message.content.append(message.id).append(1, '.').append(timestamp).append(1, '.').append(body);
  const std::int64_t age = now_s - message.timestamp_s;
  out.stale = age > tolerance_s || age < -tolerance_s;
  out.ok = true;
  return out;
}

/// Whether any signature equals `mac`, in a time that does not depend on where they differ.
inline bool matches(const SignedMessage& message, std::string_view mac) {
  bool found = false;
  for (const auto& signature : message.signatures)
    found = equalConstantTime(signature, mac) || found;
  return found;
}

/// Throws signature_invalid or signature_stale unless one of `macs` (the MAC of message.content
/// under each key that the secret may stand for; an empty one counts as no key) was sent in time.
inline void requireGenuine(const Reading& reading, const std::vector<std::string>& macs) {
  if (!reading.ok) throw Error::signatureInvalid(reading.problem);
  bool genuine = false;
  for (const auto& mac : macs) genuine = matches(reading.message, mac) || genuine;
  if (!genuine)
    throw Error::signatureInvalid(
        "no signature of the webhook verifies with the configured secret");
  if (reading.stale)
    throw Error::signatureStale("the webhook's timestamp is more than 300 seconds off");
}

/// The id alone, for parsing after the host has verified; empty when absent or given twice.
inline std::string messageId(const HeaderList& headers) {
  std::string id;
  return detail::single(headers, "webhook-id", id) && id.size() <= 256 ? id : std::string();
}

}  // namespace webhooks
}  // namespace sdk_v1
}  // namespace ccp
