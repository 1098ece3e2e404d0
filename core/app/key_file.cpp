#include "core/app/key_file.hpp"

#include <sys/stat.h>

#include "core/base/encoding.hpp"
#include "core/base/file.hpp"

namespace ccp::app {
namespace {

constexpr std::size_t kMinSecret = 32;

std::string trimmed(std::string text) {
  while (!text.empty() && (text.back() == '\n' || text.back() == '\r' || text.back() == ' '))
    text.pop_back();
  return text;
}

bool isKey(const std::string& text, std::string_view prefix) {
  return text.starts_with(prefix) && text.size() >= prefix.size() + kMinSecret;
}

Status checkFile(const std::string& file, struct stat& info) {
  if (::stat(file.c_str(), &info) != 0)
    return fail(Errc::unavailable, "the key file " + file + " is gone");
  if ((info.st_mode & 0077) != 0)
    return fail(Errc::unavailable, file + " can be read by others; run: chmod 600 " + file);
  return {};
}

}  // namespace

Status KeyFile::prepare(const std::string& file, std::string_view prefix, Random& random) {
  if (!fileExists(file)) {
    const std::string key = std::string(prefix) + base62Encode(random.bytes(32));
    return writeFileAtomic(file, key + "\n", 0600);
  }
  struct stat info {};
  CCP_CHECK_OK(checkFile(file, info));
  CCP_TRY(const auto text, readFile(file, 4096));
  if (!isKey(trimmed(text), prefix)) {
    return fail(Errc::config_invalid, file + " holds no key of its kind (" + std::string(prefix) +
                                          " and at least 32 characters); delete it, and one is made");
  }
  return {};
}

Result<std::string> KeyFile::hash() {
  struct stat info {};
  CCP_CHECK_OK(checkFile(file_, info));
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
    hash_ = isKey(key, prefix_) ? sha256Hex(key) : std::string();
    stamp_ = stamp;
  }
  return hash_;
}

Result<bool> KeyFile::matches(std::string_view secret) {
  CCP_TRY(const auto expected, hash());
  return !expected.empty() && equalConstantTime(sha256Hex(secret), expected);
}

}  // namespace ccp::app
