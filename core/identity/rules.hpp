// The decisions of identity as pure functions of values and `now`: what an address is, who may sign
// in, what a refresh token presented now means. No I/O here.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/error.hpp"
#include "core/base/time.hpp"

namespace ccp::identity {

// --- people --------------------------------------------------------------------------------------

/// Trimmed and in lower case; `validation_failed` unless it has the form local@domain, in ASCII, at
/// most 254 bytes, without quotes, spaces and control characters (so that no mail header is forged).
Result<std::string> normalizeEmail(std::string_view text);
/// "anna.b@acme.dev" -> "anna.b": what a personal organization is called after.
std::string localPart(std::string_view email);
/// Name of an organization or host as shown: control characters gone, at most `max` bytes of whole
/// UTF-8 characters, invalid UTF-8 refused as an empty text.
std::string displayText(std::string_view text, std::size_t max);

enum class Action {
  manage_devices_of_others,
  manage_seats,
  manage_api_keys,
  pay,
  approve_device,  ///< let a program act with one's own seat
  read,
};
/// owner and admin may all; member approves devices and reads; viewer reads.
bool roleAllows(std::string_view role, Action action) noexcept;
bool isRole(std::string_view role) noexcept;

enum class Admission { admitted, refused };
/// May this address sign in? Known users and invited addresses always, others when sign-up is open.
Admission admit(bool signup_open, bool user_exists, bool invited) noexcept;

// --- codes that people type ----------------------------------------------------------------------

/// 20 consonants: no words, no look-alikes (RFC 8628, 6.1).
inline constexpr std::string_view kCodeAlphabet = "BCDFGHJKLMNPQRSTVWXZ";
inline constexpr std::size_t kCodeLength = 8;
/// Upper case, everything but letters and digits dropped; empty unless 8 characters of the alphabet.
std::string normalizeCode(std::string_view text);
/// "WDJBMJHT" -> "WDJB-MJHT"
std::string showCode(std::string_view code);

struct LoginRequestFacts {
  Timestamp expires_at;
  bool consumed = false;
  bool same_browser = false;
  std::int64_t wrong_attempts = 0;
};
inline constexpr std::int64_t kMaxWrongLoginCodes = 5;
/// True when a right code or link may sign in now. All refusals look the same to the caller's caller.
bool loginAcceptable(const LoginRequestFacts& facts, Timestamp now) noexcept;

// --- sessions ------------------------------------------------------------------------------------

inline constexpr Duration kSessionIdle = hours(12);
inline constexpr Duration kSessionMax = hours(24 * 30);
bool sessionAlive(Timestamp created_at, Timestamp last_seen_at, Timestamp now) noexcept;
/// A path of this site to go to after log-in; "/dashboard" for anything else (no open redirect).
std::string safeNext(std::string_view next);

// --- OAuth ---------------------------------------------------------------------------------------

/// A public client (RFC 6749, 2.1). CCP has one: its own command.
struct Client {
  std::string_view id;
  std::string_view name;
};
std::optional<Client> findClient(std::string_view client_id) noexcept;

/// Requested scopes in canonical order without repetition; all of `allowed` when nothing is asked
/// for; nothing when an unknown or not allowed one is asked for.
std::optional<std::string> grantScope(std::string_view requested, std::string_view allowed);
inline constexpr std::string_view kAllScopes = "license usage billing dash";
/// What an API key may have: those, asking about tokens of its organization, and reading decisions
/// (docs/adr/0017-decision-log.md).
inline constexpr std::string_view kKeyScopes = "license usage billing dash introspect policy";
std::vector<std::string> splitScope(std::string_view scope);

enum class DeviceDecision { pending, slow_down, approved, denied, expired, invalid };
/// What one poll means once the plugin's state machine has spoken. The plugin cannot approve by
/// itself ("done" counts only after a person approved), and the core's own expiry wins.
DeviceDecision judgePoll(std::string_view plugin_status, std::string_view decision, Timestamp expires_at, Timestamp now) noexcept;

struct RefreshFacts {
  std::string state;  ///< active, rotated, revoked
  Timestamp expires_at;
  std::optional<Timestamp> rotated_at;
  bool same_key = false;
  bool same_client = false;
  bool device_active = false;
};
inline constexpr Duration kRefreshGrace = seconds(60);
enum class RefreshDecision {
  rotate,        ///< take it, give a new one
  repeat,        ///< rotated a moment ago by the same key: the answer got lost, give another one
  refuse,        ///< invalid_grant
  revoke_grant,  ///< a rotated token came back: somebody else has it
};
RefreshDecision judgeRefresh(const RefreshFacts& facts, Timestamp now) noexcept;

}  // namespace ccp::identity
