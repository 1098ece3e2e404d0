#include "core/app/operator_auth.hpp"

namespace ccp::app {
namespace {

constexpr std::string_view kPrefix = "ccp_op_";

}  // namespace

Status OperatorAuth::prepare(const std::string& file, Random& random) {
  return KeyFile::prepare(file, kPrefix, random);
}

OperatorAuth::OperatorAuth(std::string file, const Clock& clock)
    : file_(std::move(file), std::string(kPrefix)), failures_(clock, 20, minutes(1)) {}

Result<http::Principal> OperatorAuth::authenticate(const http::Request& request) {
  const std::string header = request.headers.get("Authorization");
  constexpr std::string_view kScheme = "Bearer ";
  if (!header.starts_with(kScheme) || request.headers.all("Authorization").size() != 1) {
    return fail(Errc::unauthenticated,
                "send Authorization: Bearer with the key of <state>/operator.key");
  }
  CCP_TRY(const bool right, file_.matches(std::string_view(header).substr(kScheme.size())));
  if (!right) {
    CCP_CHECK_OK(failures_.take(request.remote_address));
    return fail(Errc::unauthenticated, "this is not the operator key of this server");
  }
  http::Principal principal;
  principal.kind = http::PrincipalKind::operator_key;
  return principal;
}

}  // namespace ccp::app
