#include "policy/distribution/folder_source.hpp"

#include <filesystem>

#include "core/base/encoding.hpp"
#include "core/base/file.hpp"

namespace ccp::policy {
namespace {

/// Empty: no such file. More than `max_bytes`: `policy_too_large`.
Result<std::optional<std::string>> readIfThere(const std::string& path, std::size_t max_bytes) {
  std::error_code bad;
  const auto size = std::filesystem::file_size(path, bad);
  if (bad == std::errc::no_such_file_or_directory) return std::optional<std::string>();
  if (!bad && size > max_bytes) {
    return fail(Errc::policy_too_large, path + " has " + std::to_string(size) + " bytes; at most " + std::to_string(max_bytes) + " are expected.");
  }
  CCP_TRY(auto text, readFile(path, max_bytes));
  return std::optional(std::move(text));
}

}  // namespace

Result<std::optional<std::string>> FolderSource::root(const std::string& org, std::int64_t version, Deadline) {
  return readIfThere(folder_ + "/" + org + "/roots/" + std::to_string(version) + ".json", transferCap(kMaxDocumentBytes));
}

Result<std::optional<std::string>> FolderSource::channel(const std::string& org, Channel channel, const std::string& etag, Duration) {
  CCP_TRY(auto text, readIfThere(folder_ + "/" + org + "/" + toString(channel) + ".json", transferCap(kMaxDocumentBytes)));
  if (!text) return fail(Errc::not_found, folder_ + " has no channel " + toString(channel) + " of " + org + ".");
  if (sha256Hex(*text) == etag) return std::optional<std::string>();
  return text;
}

Result<std::string> FolderSource::pack(const std::string& org, const std::string& sha256, std::size_t max_bytes, Deadline) {
  if (!isDigest(sha256)) return fail(Errc::not_found, "That is no digest of a pack.");
  CCP_TRY(auto text, readIfThere(folder_ + "/" + org + "/packs/" + sha256 + ".json", max_bytes));
  if (!text) return fail(Errc::not_found, folder_ + " has no pack " + sha256 + ".");
  return std::move(*text);
}

}  // namespace ccp::policy
