#include "core/base/error.hpp"

#include <array>

namespace ccp {
namespace {
constexpr std::array kTable{
#define CCP_ERROR(code, status, title, next) ErrorInfo{Errc::code, #code, status, title, next},
#include "core/base/error_codes.def"
#undef CCP_ERROR
};
}  // namespace

Error::Error() noexcept = default;
Error::Error(Errc c) noexcept : code(c) {}
Error::Error(Errc c, std::string d, std::vector<FieldError> f, int retry) noexcept
    : code(c), detail(std::move(d)), fields(std::move(f)), retry_after_s(retry) {}
Error::Error(const Error&) = default;
Error::Error(Error&&) noexcept = default;
Error& Error::operator=(const Error&) = default;
Error& Error::operator=(Error&&) noexcept = default;
Error::~Error() = default;

const ErrorInfo& info(Errc code) noexcept { return kTable[static_cast<std::size_t>(code)]; }

const std::vector<ErrorInfo>& allErrors() {
  static const std::vector<ErrorInfo> all(kTable.begin(), kTable.end());
  return all;
}

Errc errcFromName(std::string_view name) noexcept {
  for (const auto& row : kTable) {
    if (name == row.name) return row.code;
  }
  return Errc::internal;
}

std::string Error::text() const {
  std::string out = std::string(name()) + ": " + (detail.empty() ? info(code).title : detail);
  for (const auto& field : fields) out += "; " + field.pointer + " " + field.rule;
  return out;
}

}  // namespace ccp

template class std::vector<ccp::FieldError>;
template class tl::unexpected<ccp::Error>;
