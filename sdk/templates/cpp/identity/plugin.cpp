// @ID@: log-in by device code. It makes codes and decides what a poll is told; it stores nothing: the host keeps
// the state and hands it back.
#include "ccp/identity.hpp"

namespace {

using ccp::json;

/// 20 letters without vowels and look-alikes; bytes beyond the last multiple of 20 are skipped, so that no
/// letter is likelier than another.
std::string letters(const std::string& random) {
  static constexpr char kAlphabet[] = "BCDFGHJKLMNPQRSTVWXZ";
  std::string out;
  for (const char c : random) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte < 240 && out.size() < 8) out += kAlphabet[byte % 20];
  }
  return out;
}

class @CLASS@ {
 public:
  using Provides = ccp::Provides<ccp::Identity>;

  void configure(ccp::Call&, const json& config) {
    expires_in_s_ = ccp::intOr(config, "expires_in_s", 600);
    interval_s_ = ccp::intOr(config, "interval_s", 5);
  }

  json begin(ccp::Call& call, const json&) {
    const std::string code = letters(call.crypto().random(64));
    if (code.size() < 8) throw ccp::Error::unavailable("the random bytes held too few letters");
    return {{"user_code", code.substr(0, 4) + "-" + code.substr(4)},
            {"device_code", ccp::hexEncode(call.crypto().random(32))},
            {"expires_in_s", expires_in_s_},
            {"interval_s", interval_s_},
            {"state", {{"expires_at_us", call.clock().nowUs() + expires_in_s_ * 1000000}}}};
  }

  json poll(ccp::Call&, const json& in) {
    const json* state = ccp::member(in, "state");
    if (state == nullptr) throw ccp::Error::invalidArgument("\"state\" is required");
    const std::string decision = ccp::strOr(in, "decision");
    std::string status = "pending";
    if (decision == "approved") status = "done";
    if (decision == "denied") status = "denied";
    if (ccp::integer(in, "now_us") >= ccp::integer(*state, "expires_at_us")) status = "expired";
    return {{"status", status}, {"interval_s", interval_s_}, {"state", *state}};
  }

  json describe(ccp::Call&, const json&) { return {{"kind", "device"}, {"title", "@NAME@"}}; }

 private:
  std::int64_t expires_in_s_ = 600;
  std::int64_t interval_s_ = 5;
};

}  // namespace

CCP_PLUGIN(@CLASS@)
