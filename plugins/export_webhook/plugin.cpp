#include "plugin.hpp"

#include <algorithm>

#include "rules.hpp"

namespace webhook_export {
namespace {

constexpr std::int64_t kMaxAnswer = 1 << 20;

std::vector<std::string> texts(const ccp::json& config, const char* key) {
  std::vector<std::string> out;
  if (const ccp::json* list = ccp::member(config, key)) {
    for (const auto& item : *list) {
      if (item.is_string()) out.push_back(item.get<std::string>());
      else out.push_back(ccp::strOr(item, "$secret"));
    }
  }
  return out;
}

/// What the target is called in messages: its origin, since paths of webhooks may be secrets.
std::string originOf(const std::string& url) { return url.substr(0, url.find_first_of("/?", url.find("://") + 3)); }

}  // namespace

void Plugin::configure(ccp::Call& call, const ccp::json& config) {
  url_ = ccp::str(config, "url");
  if (url_.rfind("https://", 0) != 0 && !dev_mode_ && !ccp::boolOr(config, "allow_http")) {
    throw ccp::Error::invalidArgument("url: " + originOf(url_) + " is not https; records would travel in the clear. Use https, or set allow_http: true");
  }
  secrets_ = texts(config, "secrets");
  ed25519_keys_ = texts(config, "ed25519_keys");
  if (secrets_.empty() && ed25519_keys_.empty()) {
    throw ccp::Error::invalidArgument("secrets: name at least one signing secret (or ed25519_keys), or receivers cannot tell our webhooks from others");
  }
  streams_ = texts(config, "streams");
  types_ = texts(config, "types");
  timeout_ms_ = ccp::intOr(config, "timeout_s", 10) * 1000;
  // A secret that cannot sign is found now, not with the first record.
  sign(call, "a probe");
}

std::string Plugin::sign(ccp::Call& call, const std::string& content) const {
  std::vector<std::string> macs, signatures;
  for (const auto& id : secrets_) macs.push_back(call.crypto().hmacSha256Base64Key(id, "whsec_", content));
  for (const auto& id : ed25519_keys_) signatures.push_back(call.crypto().ed25519Sign(id, content, "whsk_"));
  return signatureHeader(macs, signatures);
}

ccp::json Plugin::open(ccp::Call&, const ccp::json& in) {
  const std::string stream = ccp::str(in, "stream");
  if (std::find(streams_.begin(), streams_.end(), stream) == streams_.end()) {
    throw ccp::Error::unimplemented("`streams` of this instance does not name " + stream);
  }
  return ccp::json::object();
}

bool Plugin::timeForAnother(const ccp::Call& call) const {
  const std::uint64_t deadline = call.deadlineMonoNs();
  if (call.cancelled()) return false;
  return deadline == 0 || call.host().clock().monotonicNs() + static_cast<std::uint64_t>(timeout_ms_) * 1'000'000 < deadline;
}

ccp::json Plugin::writeBatch(ccp::Call& call, const ccp::json& in) {
  const ccp::json* records = ccp::member(in, "records");
  if (!records || !records->is_array() || records->empty()) throw ccp::Error::invalidArgument("\"records\" must be a list");
  std::int64_t acknowledged = ccp::integer(in, "first_sequence") - 1;
  bool sent = false;
  for (const auto& record : *records) {
    const std::int64_t sequence = ccp::integer(record, "sequence");
    if (wants(types_, ccp::str(record, "type"))) {
      // The first is always tried: a short deadline must not stop the stream for ever.
      if (sent && !timeForAnother(call)) break;
      sent = true;
      try {
        post(call, record);
      } catch (const ccp::Error& error) {
        if (acknowledged < ccp::integer(in, "first_sequence")) throw;
        ccp::json problem = {{"code", error.code()}, {"detail", error.detail()}};
        if (error.retryAfterMs() > 0) problem["retry_after_ms"] = error.retryAfterMs();
        return {{"last_sequence", acknowledged}, {"problem", std::move(problem)}};
      }
    }
    acknowledged = sequence;
  }
  return {{"last_sequence", acknowledged}};
}

void Plugin::post(ccp::Call& call, const ccp::json& record) const {
  const std::string id = ccp::str(record, "id");
  const std::int64_t now_s = call.host().clock().nowSeconds();
  ccp::HttpRequest request;
  request.method = "POST";
  request.url = url_;
  request.body = bodyOf(record);
  request.headers = {{"Content-Type", "application/json"},
                     {"webhook-id", id},
                     {"webhook-timestamp", std::to_string(now_s)},
                     {"webhook-signature", sign(call, signedContent(id, now_s, request.body))}};
  request.timeout_ms = timeout_ms_;
  request.max_response_bytes = kMaxAnswer;
  const ccp::HttpResponse response = call.http().send(request);

  const std::string answered = originOf(url_) + " answered " + std::to_string(response.status) + " to " + id;
  switch (answerOf(response.status)) {
    case Answer::taken: return;
    case Answer::gone:
      throw ccp::Error(CCP_RC_CONFLICT, answered + ": the endpoint is gone").withCode("endpoint_gone");
    case Answer::refused: break;
  }
  const auto retry = retryAfterMs(response.header("Retry-After"), now_s);
  const bool redirect = response.status >= 300 && response.status < 400;
  throw ccp::Error(response.status == 429 ? CCP_RC_RATE_LIMITED : CCP_RC_UNAVAILABLE,
                   answered + (redirect ? ": redirects are never followed; configure the final URL" : ""))
      .withRetryAfterMs(retry.value_or(0));
}

ccp::json Plugin::flush(ccp::Call&, const ccp::json&) { return ccp::json::object(); }
ccp::json Plugin::close(ccp::Call&, const ccp::json&) { return ccp::json::object(); }

}  // namespace webhook_export

CCP_PLUGIN(webhook_export::Plugin)
