#include "core/app/operator_auth.hpp"

#include <sys/stat.h>

#include "core/base/encoding.hpp"
#include "core/base/file.hpp"

namespace ccp::app {
namespace {

constexpr std::string_view kPrefix = "ccp_op_";

std::string trimmed(std::string text) {
  while (!text.empty() && (text.back() == '\n' || text.back() == '\r' || text.back() == ' '))
    text.pop_back();
  return text;
}

Status checkKeyFile(const std::string& file, struct stat& info) {
  if (::stat(file.c_str(), &info) != 0)
    return fail(Errc::unavailable, "the operator key file " + file + " is gone");
  if ((info.st_mode & 0077) != 0)
    return fail(Errc::unavailable, file + " can be read by others; run: chmod 600 " + file);
  return {};
}

}  // namespace

Status OperatorAuth::prepare(const std::string& file, Random& random) {
  if (!fileExists(file)) {
    const std::string key = std::string(kPrefix) + base62Encode(random.bytes(32));
    return writeFileAtomic(file, key + "\n", 0600);
  }
  struct stat info {};
  CCP_CHECK_OK(checkKeyFile(file, info));
  CCP_TRY(const auto text, readFile(file, 4096));
  if (const auto key = trimmed(text);
      !key.starts_with(kPrefix) || key.size() < kPrefix.size() + 32) {
    return fail(Errc::config_invalid, file +
                                          " holds no operator key (ccp_op_ and at least 32 "
                                          "characters); delete it, and one is made");
  }
  return {};
}

OperatorAuth::OperatorAuth(std::string file, const Clock& clock)
    : file_(std::move(file)), failures_(clock, 20, minutes(1)) {}

Result<std::string> OperatorAuth::keyHash() {
  struct stat info {};
  CCP_CHECK_OK(checkKeyFile(file_, info));
  std::string stamp;
  for (const auto part :
       {static_cast<std::int64_t>(info.st_dev), static_cast<std::int64_t>(info.st_ino),
        static_cast<std::int64_t>(info.st_size), static_cast<std::int64_t>(info.st_mtim.tv_sec),
        static_cast<std::int64_t>(info.st_mtim.tv_nsec)}) {
    stamp += std::to_string(part) + ":";
  }
  const std::lock_guard lock(mutex_);
  if (stamp != stamp_) {
    CCP_TRY(const auto text, readFile(file_, 4096));
    const auto key = trimmed(text);
    // A file that is being written, or emptied, lets nobody in.
    hash_ = key.starts_with(kPrefix) && key.size() >= kPrefix.size() + 32 ? sha256Hex(key)
                                                                          : std::string();
    stamp_ = stamp;
  }
  return hash_;
}

Result<http::Principal> OperatorAuth::authenticate(const http::Request& request) {
  const std::string header = request.headers.get("Authorization");
  constexpr std::string_view kScheme = "Bearer ";
  if (!header.starts_with(kScheme) || request.headers.all("Authorization").size() != 1) {
    return fail(Errc::unauthenticated,
                "send Authorization: Bearer with the key of <state>/operator.key");
  }
  CCP_TRY(const auto hash, keyHash());
  if (hash.empty() || !equalConstantTime(sha256Hex(header.substr(kScheme.size())), hash)) {
    CCP_CHECK_OK(failures_.take(request.remote_address));
    return fail(Errc::unauthenticated, "this is not the operator key of this server");
  }
  http::Principal principal;
  principal.kind = http::PrincipalKind::operator_key;
  return principal;
}

}  // namespace ccp::app
