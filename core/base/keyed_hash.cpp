#include "core/base/keyed_hash.hpp"

#include <sodium.h>

namespace ccp {

Digest KeyedHash::operator()(std::string_view text) const noexcept {
  Digest out;
  crypto_generichash(out.data(), out.size(), reinterpret_cast<const unsigned char*>(text.data()), text.size(), key_.data(), key_.size());
  return out;
}

}  // namespace ccp
