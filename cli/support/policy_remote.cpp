#include "cli/support/policy_remote.hpp"

#include <algorithm>

#include "cli/support/operator.hpp"
#include "cli/support/profile.hpp"

namespace ccp::cli {
namespace {

/// Beyond what a poll waits, and beyond what a server takes to test a pack.
constexpr Duration kPatience = seconds(75);
constexpr std::size_t kMaxAnswer = 8u << 20;
constexpr std::size_t kMaxProblem = 64u << 10;
constexpr std::size_t kMaxEnvelope = policy::transferCap(policy::kMaxDocumentBytes);

Error asError(const Failure& failure) {
  return {failure.exit == kUnreachable ? Errc::unreachable : errcFromName(failure.code), failure.detail};
}

}  // namespace

PolicyRemote::PolicyRemote(const Context& context) : context_(context) { context_.timeout = kPatience; }

Outcome<std::unique_ptr<PolicyRemote>> PolicyRemote::open(const Context& context, const std::string& operator_key, bool as_operator) {
  std::unique_ptr<PolicyRemote> out(new PolicyRemote(context));
  out->operator_key_ = operator_key;
  out->operator_ = as_operator || !operator_key.empty();
  if (out->operator_) {
    out->address_ = context.server;
    if (out->address_.empty()) {
      if (const auto session = Profile(context).session()) out->address_ = session->server;
    }
    return out;
  }
  CLI_TRY(auto session, Server::connect(out->context_));
  out->address_ = session.session().server;
  out->session_.emplace(std::move(session));
  return out;
}

Outcome<Answer> PolicyRemote::exchange(const std::string& method, const std::string& path, const std::optional<std::string>& text,
                                       const std::vector<std::pair<std::string, std::string>>& headers) {
  if (operator_) return operatorExchange(context_, operator_key_, method, "/v1/admin/policy/" + path, text, headers);
  CLI_TRY(auto answer, session_->exchange(method, "/v1/policy/" + path, text, headers));
  return answer;
}

Outcome<Json> PolicyRemote::post(const std::string& path, const std::string& text) {
  CLI_TRY(const auto answer, exchange("POST", path, text));
  if (answer.status >= 400) return failed(errorFrom(answer));
  return answer.json;
}

Outcome<Json> PolicyRemote::get(const std::string& path) {
  CLI_TRY(const auto answer, exchange("GET", path, std::nullopt));
  if (answer.status >= 400) return failed(errorFrom(answer));
  return answer.json;
}

Result<Answer> PolicyRemote::fetch(const std::string& path, const std::string& org, std::size_t max_bytes, Deadline deadline,
                                   const std::vector<std::pair<std::string, std::string>>& headers) {
  context_.timeout = std::min(kPatience, deadline.remaining(context_.clock, kPatience));
  if (context_.timeout <= Duration(0)) return fail(Errc::deadline_exceeded, "There was no time left to ask the server.");
  context_.max_answer = std::max(max_bytes, kMaxProblem);
  auto answer = exchange("GET", path + (org == policy::kOperatorSet ? "?set=operator" : "?set=org"), std::nullopt, headers);
  context_.timeout = kPatience;
  context_.max_answer = kMaxAnswer;
  if (!answer) return fail(asError(answer.error()));
  return std::move(*answer);
}

Result<std::optional<std::string>> PolicyRemote::root(const std::string& org, std::int64_t version, Deadline deadline) {
  CCP_TRY(auto answer, fetch("root/" + std::to_string(version), org, kMaxEnvelope, deadline));
  if (answer.status == 404) return std::optional<std::string>();
  if (answer.status >= 400) return fail(errorFrom(answer));
  return std::optional<std::string>(std::move(answer.body));
}

Result<std::optional<std::string>> PolicyRemote::channel(const std::string& org, policy::Channel channel, const std::string& etag, Duration wait) {
  std::vector<std::pair<std::string, std::string>> headers;
  if (!etag.empty()) headers.emplace_back("If-None-Match", "\"" + etag + "\"");
  const auto wait_s = std::min<std::int64_t>(55, std::chrono::duration_cast<seconds>(wait).count());
  if (wait_s > 0) headers.emplace_back("Prefer", "wait=" + std::to_string(wait_s));
  CCP_TRY(auto answer, fetch(policy::toString(channel), org, kMaxEnvelope, Deadline::none(), headers));
  if (answer.status == 304) return std::optional<std::string>();
  if (answer.status == 404) return fail(Errc::not_found, "Nothing was published on the channel " + std::string(policy::toString(channel)) + ".");
  if (answer.status >= 400) return fail(errorFrom(answer));
  return std::optional<std::string>(std::move(answer.body));
}

Result<std::string> PolicyRemote::pack(const std::string& org, const std::string& sha256, std::size_t max_bytes, Deadline deadline) {
  CCP_TRY(auto answer, fetch("packs/" + sha256, org, max_bytes, deadline));
  if (answer.status >= 400) return fail(errorFrom(answer));
  if (answer.body.size() > max_bytes) return fail(Errc::policy_too_large, "The pack has more bytes than the channel lists.");
  return std::move(answer.body);
}

}  // namespace ccp::cli
