// Sealing of private key material under the master key (XChaCha20-Poly1305, libsodium), and the
// master key itself.
#pragma once

#include <string>
#include <string_view>

#include "core/base/error.hpp"
#include "core/base/random.hpp"
#include "core/base/secret.hpp"

namespace ccp::crypto {

class MasterKey {
 public:
  /// Reads 32 bytes in base64url from a file that only its owner may read; with `create` makes it.
  static Result<MasterKey> load(const std::string& path, bool create, Random& random);
  /// A key below the master key, kept sealed under it: `bytes` are exactly 32.
  static Result<MasterKey> fromBytes(std::span<const std::uint8_t> bytes);
  /// `context` binds the sealed text to its place ("signing_keys/<kid>").
  std::string seal(std::span<const std::uint8_t> plain, std::string_view context, Random& random) const;
  Result<SecretBytes> open(std::string_view sealed, std::string_view context) const;

 private:
  SecretBytes key_;
};

}  // namespace ccp::crypto
