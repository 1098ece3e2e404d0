// Makes and completes signed documents. Functions of their arguments; what they make is judged by
// verify.hpp like everybody else's.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "policy/pack/documents.hpp"

namespace ccp::policy {

/// The envelope with one more signature over the same bytes; a signature of the same key is replaced.
Result<std::string> addSignature(std::string_view envelope, const crypto::SigningKey& key);
/// The payload's type and text, whoever signed it: for showing, never for believing.
struct Unverified {
  std::string payload_type;
  std::string payload;
  std::vector<std::string> keyids;
};
Result<Unverified> peek(std::string_view envelope);

}  // namespace ccp::policy
