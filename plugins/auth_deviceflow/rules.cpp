#include "rules.hpp"

namespace deviceflow {

std::string lettersFrom(std::string_view random_bytes) {
  constexpr unsigned kLimit = 256 - 256 % static_cast<unsigned>(kAlphabet.size());
  std::string out;
  for (const char c : random_bytes) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte < kLimit && out.size() < kUserCodeLetters) out += kAlphabet[byte % kAlphabet.size()];
  }
  return out;
}

std::string displayForm(std::string_view letters) {
  return std::string(letters.substr(0, 4)) + "-" + std::string(letters.substr(4));
}

PollAnswer decidePoll(PollState state, std::string_view decision, std::int64_t now_us) {
  if (now_us >= state.expires_at_us) return {"expired", state};
  if (decision == "denied") return {"denied", state};
  if (decision == "approved") return {"done", state};
  const bool too_fast = state.last_poll_us != 0 && now_us - state.last_poll_us < state.interval_s * 1'000'000 - kPollToleranceUs;
  state.last_poll_us = now_us;
  if (too_fast) {
    state.interval_s += kSlowDownStepS;
    return {"slow_down", state};
  }
  return {"pending", state};
}

}  // namespace deviceflow
