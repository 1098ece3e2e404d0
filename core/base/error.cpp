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
