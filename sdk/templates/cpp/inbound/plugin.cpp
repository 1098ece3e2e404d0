// @ID@: turns signed requests of another system into commands. Its requests look like this:
//   X-Signature: sha256=<hex HMAC-SHA-256 of the body>
//   {"id":"d1","command":"seat.assign","user":"U1","team":"T1","args":{…}}
#include "ccp/inbound.hpp"

namespace {

using ccp::json;

class @CLASS@ {
 public:
  using Provides = ccp::Provides<ccp::Inbound>;

  void configure(ccp::Call&, const json& config) { secret_ = ccp::secretRef(config, "secret"); }

  /// Only then is anything of the request believed. The key stays in the host.
  void verify(ccp::Call& call, const json& in) {
    const auto request = ccp::InboundRequest::from(in);
    const std::string expected = "sha256=" + ccp::hexEncode(call.crypto().hmacSha256(secret_, request.body));
    if (!ccp::equalConstantTime(request.header("X-Signature"), expected)) {
      throw ccp::Error::signatureInvalid("X-Signature is not the HMAC of the body");
    }
  }

  json parse(ccp::Call&, const json& in) {
    const json body = ccp::parseJson(ccp::InboundRequest::from(in).body);
    const json* args = ccp::member(body, "args");
    json command = {{"id", ccp::str(body, "id")},
                    {"kind", ccp::str(body, "command")},
                    {"actor", ccp::str(body, "user")},
                    {"org_hint", ccp::strOr(body, "team")},
                    {"args", args != nullptr && args->is_object() ? *args : json::object()}};
    return {{"commands", json::array({std::move(command)})}, {"reply", {{"status", 202}}}};
  }

  /// Where the outcome of a command goes; this system does not ask for it.
  void respond(ccp::Call& call, const json& in) {
    const json* outcome = ccp::member(in, "outcome");
    if (outcome == nullptr) throw ccp::Error::invalidArgument("\"outcome\" is required");
    call.log().info("command_answered", {{"status", ccp::str(*outcome, "status")}});
  }

 private:
  std::string secret_;
};

}  // namespace

CCP_PLUGIN(@CLASS@)
