// Where documents come from: a server over HTTP, the database of this node, a folder. Carries bytes,
// never trust. A source gives up at the deadline (`timeout`), and never takes more than it was asked for.
#pragma once

#include <optional>
#include <string>

#include "core/base/error.hpp"
#include "core/base/time.hpp"
#include "policy/pack/documents.hpp"

namespace ccp::policy {

class Source {
 public:
  virtual ~Source() = default;
  /// Envelope of root `version`, at most transferCap(kMaxDocumentBytes) long; empty: there is none.
  virtual Result<std::optional<std::string>> root(const std::string& org, std::int64_t version, Deadline deadline) = 0;
  /// The channel envelope, unless its sha256 is still `etag` after waiting up to `wait`: then empty.
  /// Waiting over, the rest takes at most 30 s. `not_found`: this set has no such channel.
  virtual Result<std::optional<std::string>> channel(const std::string& org, Channel channel, const std::string& etag, Duration wait) = 0;
  /// The envelope of the pack whose payload has this digest; at most `max_bytes`, or `policy_too_large`.
  virtual Result<std::string> pack(const std::string& org, const std::string& sha256, std::size_t max_bytes, Deadline deadline) = 0;
};

}  // namespace ccp::policy
