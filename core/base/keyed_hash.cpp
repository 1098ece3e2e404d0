#include "core/base/keyed_hash.hpp"

#include <sodium.h>

namespace ccp {

Digest KeyedHash::operator()(std::string_view text) const noexcept {
  Digest out;
  static_assert(sizeof(Digest) == crypto_shorthash_siphashx24_BYTES && sizeof(key_) == crypto_shorthash_siphashx24_KEYBYTES);
  crypto_shorthash_siphashx24(out.data(), reinterpret_cast<const unsigned char*>(text.data()), text.size(), key_.data());
  return out;
}

}  // namespace ccp
