// Errors and results. Every failure that a caller can act on is an Error: a stable code from
// error_codes.def, a sentence with the values that matter, never a secret.
// Thread safety: values; safe to copy between threads.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <tl/expected.hpp>
#include <utility>
#include <vector>

#include "core/base/instantiations.hpp"

namespace ccp {

enum class Errc : std::uint16_t {
#define CCP_ERROR(code, status, title, next) code,
#include "core/base/error_codes.def"
#undef CCP_ERROR
};

/// One row of the table in error_codes.def.
struct ErrorInfo {
  Errc code;
  const char* name;   ///< snake_case, stable for ever
  int http_status;
  const char* title;
  const char* next_step;
};

const ErrorInfo& info(Errc code) noexcept;
const std::vector<ErrorInfo>& allErrors();
/// The code with this name, or `internal` for a name of a newer version.
Errc errcFromName(std::string_view name) noexcept;

/// A field that broke a rule: `pointer` is a JSON pointer (RFC 6901) or a form field's name.
struct FieldError {
  std::string pointer;
  std::string rule;
};

struct Error {
  Errc code = Errc::internal;
  std::string detail;
  std::vector<FieldError> fields = {};
  int retry_after_s = 0;  ///< > 0: when to come back, in seconds

  // In error.cpp, not inline: every Result carries them into every file.
  Error() noexcept;
  explicit Error(Errc code) noexcept;
  Error(Errc code, std::string detail, std::vector<FieldError> fields = {}, int retry_after_s = 0) noexcept;
  Error(const Error&);
  Error(Error&&) noexcept;
  Error& operator=(const Error&);
  Error& operator=(Error&&) noexcept;
  ~Error();

  const char* name() const noexcept { return info(code).name; }
  int httpStatus() const noexcept { return info(code).http_status; }
  /// "plan_required: … (next step)": for logs and terminals.
  std::string text() const;
};

}  // namespace ccp

extern template class std::vector<ccp::FieldError>;
extern template class tl::unexpected<ccp::Error>;

namespace ccp {

template <class T>
using Result = tl::expected<T, Error>;
using Status = Result<void>;

inline tl::unexpected<Error> fail(Errc code, std::string detail = {}) {
  return tl::unexpected<Error>(Error{code, std::move(detail)});
}
inline tl::unexpected<Error> fail(Error error) { return tl::unexpected<Error>(std::move(error)); }

}  // namespace ccp

#define CCP_CONCAT_INNER(a, b) a##b
#define CCP_CONCAT(a, b) CCP_CONCAT_INNER(a, b)
/// CCP_TRY(auto x, f()): x = *f(), or return f()'s error.
#define CCP_TRY(decl, ...) CCP_TRY_IMPL(CCP_CONCAT(ccp_try_, __LINE__), decl, __VA_ARGS__)
#define CCP_TRY_IMPL(tmp, decl, ...)                                      \
  auto tmp = (__VA_ARGS__);                                               \
  if (!tmp) return ::tl::unexpected<::ccp::Error>(std::move(tmp).error()); \
  decl = std::move(*tmp)
/// CCP_CHECK_OK(f()): return f()'s error, if any.
#define CCP_CHECK_OK(...)                                                      \
  do {                                                                         \
    auto ccp_status = (__VA_ARGS__);                                           \
    if (!ccp_status) return ::tl::unexpected<::ccp::Error>(std::move(ccp_status).error()); \
  } while (false)
