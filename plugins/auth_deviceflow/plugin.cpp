// ccp.auth-deviceflow: the class behind the C table. It keeps its configuration and nothing else.
#include <array>

#include "ccp/identity.hpp"
#include "rules.hpp"

namespace deviceflow {
namespace {

using ccp::json;

std::string hex(std::string_view bytes) {
  static constexpr std::array<char, 16> digits{'0', '1', '2', '3', '4', '5', '6', '7', '8', '9', 'a', 'b', 'c', 'd', 'e', 'f'};
  std::string out;
  for (const char c : bytes) {
    const auto byte = static_cast<unsigned char>(c);
    out += digits[byte >> 4];
    out += digits[byte & 15];
  }
  return out;
}

json toJson(const PollState& state) {
  return {{"v", 1}, {"expires_at_us", state.expires_at_us}, {"interval_s", state.interval_s}, {"last_poll_us", state.last_poll_us}};
}

PollState fromJson(const json& state) {
  return {ccp::integer(state, "expires_at_us"), ccp::integer(state, "interval_s"), ccp::intOr(state, "last_poll_us")};
}

}  // namespace

class Plugin {
 public:
  using Provides = ccp::Provides<ccp::Identity>;

  void configure(ccp::Call&, const json& config) {
    expires_in_s_ = ccp::intOr(config, "expires_in_s", 900);
    interval_s_ = ccp::intOr(config, "interval_s", 5);
  }

  json begin(ccp::Call& call, const json&) {
    std::string letters;
    while (letters.size() < kUserCodeLetters) letters = lettersFrom(call.crypto().random(64));
    PollState state{call.clock().nowUs() + expires_in_s_ * 1'000'000, interval_s_, 0};
    return {{"user_code", displayForm(letters)},
            {"device_code", hex(call.crypto().random(32))},
            {"expires_in_s", expires_in_s_},
            {"interval_s", interval_s_},
            {"state", toJson(state)}};
  }

  json poll(ccp::Call&, const json& in) {
    const json* state = ccp::member(in, "state");
    if (state == nullptr) throw ccp::Error::invalidArgument("\"state\" is required: what begin or the last poll returned");
    const auto answer = decidePoll(fromJson(*state), ccp::strOr(in, "decision"), ccp::integer(in, "now_us"));
    return {{"status", answer.status}, {"interval_s", answer.state.interval_s}, {"state", toJson(answer.state)}};
  }

  json describe(ccp::Call&, const json&) { return {{"kind", "device"}, {"title", "Device code"}}; }

 private:
  std::int64_t expires_in_s_ = 900;
  std::int64_t interval_s_ = 5;
};

}  // namespace deviceflow

CCP_PLUGIN(deviceflow::Plugin)
