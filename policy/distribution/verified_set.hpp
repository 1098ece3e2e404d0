// A whole set that was verified: what the runtime takes. Values.
#pragma once

#include <string>
#include <vector>

#include "policy/pack/documents.hpp"

namespace ccp::policy {

enum class Origin : std::uint8_t { builtin, server, cache, bootstrap };
const char* toString(Origin origin) noexcept;

struct VerifiedPack {
  PackDocument document;
  std::string sha256;
  std::vector<std::string> signers;  ///< persons
};
struct VerifiedSet {
  std::string org;  ///< "operator" or org_…
  Channel channel = Channel::dev;
  std::int64_t version = 0;      ///< of the channel document; 0: built in
  std::string sha256;            ///< of the channel envelope
  Timestamp issued_at, expires_at;
  Origin origin = Origin::server;
  std::vector<VerifiedPack> packs;
};

}  // namespace ccp::policy
