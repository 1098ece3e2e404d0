#include "core/plugin/problem.hpp"

#include <algorithm>

#include "core/base/json.hpp"
#include "core/base/log.hpp"

namespace ccp::plugin {
namespace {

Errc codeOf(ccp_rc rc) noexcept {
  switch (rc) {
    case CCP_RC_INVALID_ARGUMENT: return Errc::validation_failed;
    case CCP_RC_UNAUTHENTICATED:
    case CCP_RC_PERMISSION_DENIED: return Errc::provider_error;
    case CCP_RC_NOT_FOUND: return Errc::not_found;
    case CCP_RC_CONFLICT: return Errc::conflict;
    case CCP_RC_RATE_LIMITED: return Errc::rate_limited;
    case CCP_RC_RESOURCE_EXHAUSTED: return Errc::overloaded;
    case CCP_RC_UNAVAILABLE: return Errc::plugin_unavailable;
    case CCP_RC_DEADLINE_EXCEEDED: return Errc::deadline_exceeded;
    case CCP_RC_CANCELLED: return Errc::plugin_unavailable;
    case CCP_RC_UNIMPLEMENTED: return Errc::unimplemented;
    default: return Errc::plugin_failed;
  }
}

/// Only these: a plugin must not be able to say "your token is invalid" to one of our callers.
Errc refine(Errc code, std::string_view word) noexcept {
  for (const Errc allowed : {Errc::signature_invalid, Errc::signature_stale, Errc::provider_error, Errc::egress_denied, Errc::secret_missing, Errc::endpoint_gone}) {
    if (word == info(allowed).name) return allowed;
  }
  // Genuine, and of the other mode (live, sandbox): not for this instance, as if somebody else had signed it.
  if (word == "livemode_mismatch") return Errc::signature_invalid;
  return code;
}

/// At most `max` bytes, cut between characters.
std::string cut(std::string text, std::size_t max) {
  if (text.size() <= max) return text;
  while (max > 0 && (static_cast<unsigned char>(text[max]) & 0xC0) == 0x80) --max;
  text.resize(max);
  return text + "…";
}

}  // namespace

Error errorFromPlugin(const std::string& instance, std::string_view op, ccp_rc rc, std::string_view problem_json) {
  Error error{codeOf(rc), "Plugin instance \"" + instance + "\", " + std::string(op) + ": "};
  if (problem_json.empty()) {
    error.detail += "it failed without saying why (class " + std::to_string(rc) + ").";
    return error;
  }
  const auto problem = parseJson(problem_json, {32 * 1024, 8});
  if (!problem || !problem->isObject()) {
    error.detail += "it failed (class " + std::to_string(rc) + ") and its explanation is no JSON object.";
    return error;
  }
  error.code = refine(error.code, problem->strOr("code"));
  error.detail += cut(log::redact(problem->strOr("detail", problem->strOr("title", "no detail given"))), 1000);
  if (const std::string provider = problem->strOr("provider_code"); !provider.empty()) {
    error.detail += " (provider code " + cut(log::redact(provider), 100) + ")";
  }
  const std::int64_t retry_ms = std::clamp<std::int64_t>(problem->intOr("retry_after_ms"), 0, 86'400'000);
  error.retry_after_s = static_cast<int>((retry_ms + 999) / 1000);
  return error;
}

ccp_rc rcFromError(const Error& error) noexcept {
  switch (error.code) {
    case Errc::egress_denied:
    case Errc::forbidden: return CCP_RC_PERMISSION_DENIED;
    case Errc::secret_missing:
    case Errc::not_found: return CCP_RC_NOT_FOUND;
    case Errc::conflict:
    case Errc::already_exists: return CCP_RC_CONFLICT;
    case Errc::deadline_exceeded: return CCP_RC_DEADLINE_EXCEEDED;
    case Errc::cancelled: return CCP_RC_CANCELLED;
    case Errc::body_too_large:
    case Errc::overloaded: return CCP_RC_RESOURCE_EXHAUSTED;
    case Errc::unreachable:
    case Errc::unavailable:
    case Errc::shutting_down:
    case Errc::store_error:
    case Errc::provider_error: return CCP_RC_UNAVAILABLE;
    case Errc::bad_request:
    case Errc::bad_json:
    case Errc::bad_encoding:
    case Errc::validation_failed: return CCP_RC_INVALID_ARGUMENT;
    default: return CCP_RC_INTERNAL;
  }
}

std::string problemJson(const Error& error) {
  Json out = Json::object({{"code", error.name()}, {"detail", cut(error.detail, 4000)}});
  if (error.retry_after_s > 0) out.set("retry_after_ms", error.retry_after_s * 1000);
  return out.dump();
}

}  // namespace ccp::plugin
