// @ID@: tells people what happened, by posting to the incoming webhook of a chat.
// Operations run on many threads at once: after configure the object does not change.
#include "ccp/notifier.hpp"

namespace {

using ccp::json;

class @CLASS@ {
 public:
  using Provides = ccp::Provides<ccp::Notifier>;

  void configure(ccp::Call&, const json& config) {
    url_ = ccp::str(config, "url");
    token_ = ccp::secretRef(config, "token");
  }

  /// Pure: the same event gives the same message; previews call it too.
  json render(ccp::Call&, const json& in) {
    const json* event = ccp::member(in, "event");
    if (event == nullptr) throw ccp::Error::invalidArgument("\"event\" is required");
    std::string text = ccp::str(*event, "type");
    const std::string subject = ccp::strOr(*event, "subject"), org = ccp::strOr(*event, "org");
    if (!subject.empty()) text += ": " + subject;
    if (!org.empty()) text += " (" + org + ")";
    return {{"message", {{"text", text}, {"title", ccp::str(*event, "type")}}}};
  }

  /// The host repeats it with the same idempotency key until it is OK.
  json send(ccp::Call& call, const json& in) {
    const json* message = ccp::member(in, "message");
    if (message == nullptr) throw ccp::Error::invalidArgument("\"message\" is required");
    json body = {{"text", ccp::str(*message, "text")}};
    if (const auto target = ccp::optStr(in, "target")) body["channel"] = *target;
    ccp::HttpRequest request;
    request.method = "POST";
    request.url = url_;
    request.headers = {{"Content-Type", "application/json"}, {"Idempotency-Key", call.idempotencyKey()}};
    request.body = ccp::dumpJson(body);
    request.auth.bearer = token_;
    const auto answer = call.http().send(request);
    if (answer.status == 429) throw ccp::Error::rateLimited("the chat asks to slow down", 30000);
    if (!answer.ok()) throw ccp::Error::provider("the chat answered with HTTP status " + std::to_string(answer.status));
    return json::object();
  }

  /// Says whether messages would arrive, without sending one to people.
  json testConnection(ccp::Call&, const json&) { return {{"ok", true}, {"detail", "Messages go to " + url_ + "."}}; }

 private:
  std::string url_, token_;
};

}  // namespace

CCP_PLUGIN(@CLASS@)
