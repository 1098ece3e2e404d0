// What a command reports when it cannot do its job: code, sentence, next step, request id and the
// exit code that product.md gives it. Built from our Errors and from the server's problem+json.
// A value; safe to copy between threads.
#pragma once

#include <string>
#include <string_view>

#include "core/base/error.hpp"
#include "core/base/json.hpp"

namespace ccp::cli {

/// Exit codes of `ccp` (product.md, Conventions).
enum Exit : int {
  kOk = 0,
  kCheckFailed = 1,
  kUsage = 2,
  kUndecided = 3,  ///< could not verify or decide
  kUnreachable = 4,
  kStale = 5,  ///< stale or expired
  kNotLoggedIn = 6,
  kDenied = 7,  ///< by plan or role
};

struct Failure {
  std::string code;
  std::string detail;
  std::string next_step;
  std::string request_id = {};
  int exit = kCheckFailed;
  int retry_after_s = 0;
  int http_status = 0;    ///< 0: the failure did not come from the server
  bool reported = false;  ///< the command has told about it already: only the exit code counts

  Failure() = default;
  Failure(const Error& error);  // NOLINT: every Error is a Failure
  Failure(Errc code, std::string detail, std::string next_step = {});

  /// {"error":{"code","detail","next_step","request_id"}}
  Json json() const;
  bool is(Errc errc) const { return code == info(errc).name; }
};

/// Exit code for an error code of ours or of a newer server; `http_status` decides for unknown
/// ones.
int exitCodeFor(std::string_view code, int http_status = 0) noexcept;

template <class T>
using Outcome = tl::expected<T, Failure>;
using Done = Outcome<void>;

inline tl::unexpected<Failure> failed(Failure failure) {
  return tl::unexpected<Failure>(std::move(failure));
}
inline tl::unexpected<Failure> failed(Errc code, std::string detail, std::string next_step = {}) {
  return tl::unexpected<Failure>(Failure(code, std::move(detail), std::move(next_step)));
}

}  // namespace ccp::cli

/// CLI_TRY(auto x, f()): x = *f(), or return f()'s Error or Failure as a Failure.
#define CLI_TRY(decl, ...) CLI_TRY_IMPL(CCP_CONCAT(cli_try_, __LINE__), decl, __VA_ARGS__)
#define CLI_TRY_IMPL(tmp, decl, ...)                                                \
  auto tmp = (__VA_ARGS__);                                                         \
  if (!tmp) return ::ccp::cli::failed(::ccp::cli::Failure(std::move(tmp).error())); \
  decl = std::move(*tmp)
#define CLI_CHECK(...)                                                               \
  do {                                                                               \
    auto cli_status = (__VA_ARGS__);                                                 \
    if (!cli_status)                                                                 \
      return ::ccp::cli::failed(::ccp::cli::Failure(std::move(cli_status).error())); \
  } while (false)
