// Documents from a folder: for a first start without a network, and for air-gapped machines. The same
// checks and the same freshness as from a server.
//   FOLDER/<set>/roots/<version>.json, FOLDER/<set>/<channel>.json, FOLDER/<set>/packs/<sha256>.json
// Threads: thread-safe.
#pragma once

#include <string>

#include "policy/distribution/source.hpp"

namespace ccp::policy {

class FolderSource final : public Source {
 public:
  explicit FolderSource(std::string folder) : folder_(std::move(folder)) {}
  Result<std::optional<std::string>> root(const std::string& org, std::int64_t version, Deadline deadline) override;
  /// Does not wait: a folder that does not change is empty at once.
  Result<std::optional<std::string>> channel(const std::string& org, Channel channel, const std::string& etag, Duration wait) override;
  Result<std::string> pack(const std::string& org, const std::string& sha256, std::size_t max_bytes, Deadline deadline) override;

 private:
  std::string folder_;
};

}  // namespace ccp::policy
