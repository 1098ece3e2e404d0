#include "cli/support/failure.hpp"

#include <array>
#include <utility>

namespace ccp::cli {

int exitCodeFor(std::string_view code, int http_status) noexcept {
  static constexpr std::array<std::pair<std::string_view, int>, 32> kTable{{
      {"usage_error", kUsage},
      {"unreachable", kUnreachable},
      {"unavailable", kUnreachable},
      {"shutting_down", kUnreachable},
      {"overloaded", kUnreachable},
      {"stale_state", kUnreachable},
      {"plugin_unavailable", kUnreachable},
      {"deadline_exceeded", kUnreachable},
      {"rate_limited", kUnreachable},
      {"pack_expired", kStale},
      {"signature_stale", kStale},
      {"license_inactive", kStale},
      {"not_logged_in", kNotLoggedIn},
      {"unauthenticated", kNotLoggedIn},
      {"token_invalid", kNotLoggedIn},
      {"token_expired", kNotLoggedIn},
      {"token_revoked", kNotLoggedIn},
      {"plan_required", kDenied},
      {"forbidden", kDenied},
      {"signup_closed", kDenied},
      {"device_limit", kDenied},
      {"seat_required", kDenied},
      {"seat_over_limit", kDenied},
      {"access_denied", kDenied},
      {"pack_invalid", kUndecided},
      {"signature_invalid", kUndecided},
      {"key_unknown", kUndecided},
      {"algorithm_refused", kUndecided},
      {"token_wrong_type", kUndecided},
      {"envelope_invalid", kUndecided},
      {"proof_invalid", kUndecided},
      {"proof_replayed", kUndecided},
  }};
  for (const auto& [name, exit] : kTable) {
    if (name == code) return exit;
  }
  if (http_status == 401) return kNotLoggedIn;
  if (http_status == 402 || http_status == 403) return kDenied;
  if (http_status == 429 || http_status >= 502) return kUnreachable;
  return kCheckFailed;
}

Failure::Failure(const Error& error)
    : code(error.name()),
      detail(error.detail.empty() ? info(error.code).title : error.detail),
      next_step(info(error.code).next_step),
      exit(exitCodeFor(code)),
      retry_after_s(error.retry_after_s) {
  // The server's request id travels at the end of the sentence (server.cpp): an Error has no field
  // for it.
  constexpr std::string_view kMark = " (request ";
  if (const auto at = detail.rfind(kMark); at != std::string::npos && detail.ends_with(")")) {
    request_id = detail.substr(at + kMark.size(), detail.size() - at - kMark.size() - 1);
    detail.erase(at);
  }
}

Failure::Failure(Errc errc, std::string why, std::string next)
    : Failure(Error{errc, std::move(why)}) {
  if (!next.empty()) next_step = std::move(next);
}

Json Failure::json() const {
  return Json::object(
      {{"error", Json::object({{"code", code},
                               {"detail", detail},
                               {"next_step", next_step},
                               {"request_id", request_id.empty() ? Json() : Json(request_id)}})}});
}

}  // namespace ccp::cli
