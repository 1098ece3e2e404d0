// ccp::Error: how a plugin says that an operation failed. Thrown by methods of a plugin and by the typed
// host services; guard() (guard.hpp) turns it into a result class and problem JSON at the boundary.
#pragma once

#include <cstdint>
#include <exception>
#include <string>
#include <utility>

#include "ccp/abi/plugin.h"

namespace ccp {
// The inline namespace keeps two revisions of the SDK in one process apart.
inline namespace sdk_v1 {

/// "not_found" for CCP_RC_NOT_FOUND, and so on.
inline const char* rcName(ccp_rc rc) noexcept {
  static constexpr const char* kNames[] = {
      "ok",          "invalid_argument",  "unauthenticated", "permission_denied", "not_found",
      "conflict",    "rate_limited",      "resource_exhausted", "unavailable",    "deadline_exceeded",
      "cancelled",   "unimplemented",     "internal",        "data_loss"};
  return rc >= 0 && rc < CCP_RC_COUNT ? kNames[rc] : "internal";
}

class Error : public std::exception {
 public:
  Error(ccp_rc rc, std::string detail) : rc_(rc), code_(rcName(rc)), detail_(std::move(detail)) {}

  static Error invalidArgument(std::string detail) { return {CCP_RC_INVALID_ARGUMENT, std::move(detail)}; }
  static Error unauthenticated(std::string detail) { return {CCP_RC_UNAUTHENTICATED, std::move(detail)}; }
  static Error permissionDenied(std::string detail) { return {CCP_RC_PERMISSION_DENIED, std::move(detail)}; }
  static Error notFound(std::string detail) { return {CCP_RC_NOT_FOUND, std::move(detail)}; }
  static Error conflict(std::string detail) { return {CCP_RC_CONFLICT, std::move(detail)}; }
  static Error rateLimited(std::string detail, std::int64_t retry_after_ms) {
    return Error(CCP_RC_RATE_LIMITED, std::move(detail)).withRetryAfterMs(retry_after_ms);
  }
  static Error unavailable(std::string detail) { return {CCP_RC_UNAVAILABLE, std::move(detail)}; }
  static Error deadlineExceeded(std::string detail) { return {CCP_RC_DEADLINE_EXCEEDED, std::move(detail)}; }
  static Error unimplemented(std::string detail) { return {CCP_RC_UNIMPLEMENTED, std::move(detail)}; }
  static Error internal(std::string detail) { return {CCP_RC_INTERNAL, std::move(detail)}; }
  /// A webhook whose signature does not verify, or whose time is outside the tolerance.
  static Error signatureInvalid(std::string detail) {
    return unauthenticated(std::move(detail)).withCode("signature_invalid");
  }
  static Error signatureStale(std::string detail) {
    return unauthenticated(std::move(detail)).withCode("signature_stale");
  }
  /// The provider answered something that the contract does not allow.
  static Error provider(std::string detail, std::string provider_code = {}) {
    return Error(CCP_RC_UNAVAILABLE, std::move(detail))
        .withCode("provider_error")
        .withProviderCode(std::move(provider_code));
  }

  /// A snake_case code finer than the class.
  Error withCode(std::string code) && { code_ = std::move(code); return std::move(*this); }
  Error withRetryAfterMs(std::int64_t ms) && { retry_after_ms_ = ms; return std::move(*this); }
  /// The provider's own word for it; never a secret.
  Error withProviderCode(std::string code) && { provider_code_ = std::move(code); return std::move(*this); }

  ccp_rc rc() const noexcept { return rc_; }
  const std::string& code() const noexcept { return code_; }
  const std::string& detail() const noexcept { return detail_; }
  std::int64_t retryAfterMs() const noexcept { return retry_after_ms_; }
  const std::string& providerCode() const noexcept { return provider_code_; }
  const char* what() const noexcept override { return detail_.c_str(); }

 private:
  ccp_rc rc_;
  std::string code_;
  std::string detail_;
  std::int64_t retry_after_ms_ = 0;
  std::string provider_code_;
};

}  // namespace sdk_v1
}  // namespace ccp
