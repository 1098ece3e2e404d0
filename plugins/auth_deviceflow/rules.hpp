// RFC 8628 as pure functions: what a code looks like, what a poll is told.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace deviceflow {

/// 20 letters without vowels (no words) and without look-alikes: RFC 8628, section 6.1.
inline constexpr std::string_view kAlphabet = "BCDFGHJKLMNPQRSTVWXZ";
inline constexpr std::size_t kUserCodeLetters = 8;  // 20^8 = 2.5e10 codes
/// How early a poll may come without counting as too fast: clocks and networks jitter.
inline constexpr std::int64_t kPollToleranceUs = 250'000;
inline constexpr std::int64_t kSlowDownStepS = 5;

/// One letter per accepted byte; bytes beyond the last multiple of 20 are skipped, so that no letter is
/// likelier than another. Returns fewer than eight letters when the bytes run out.
std::string lettersFrom(std::string_view random_bytes);
/// "WDJBMJHT" as people read it: "WDJB-MJHT".
std::string displayForm(std::string_view letters);

struct PollState {
  std::int64_t expires_at_us = 0;
  std::int64_t interval_s = 5;
  std::int64_t last_poll_us = 0;  ///< 0: not polled yet
};

struct PollAnswer {
  std::string status;  ///< pending, slow_down, done, denied, expired
  PollState state;
};

/// `decision`: "" (none yet), "approved" or "denied". A poll before its interval is over is told to slow
/// down and gets five seconds more for this and later polls (RFC 8628, section 3.5).
PollAnswer decidePoll(PollState state, std::string_view decision, std::int64_t now_us);

}  // namespace deviceflow
