// The two files of a plugin author's key: FILE holds the private seed and is its owner's alone,
// FILE.pub is what operators get: a public JWK with its key id and, if given, a title.
// Functions of their arguments; thread-safe.
#pragma once

#include <string>
#include <string_view>

#include "core/base/error.hpp"
#include "core/crypto/ed25519.hpp"

namespace ccp::plugin {

struct NamedKey {
  crypto::PublicKey key;
  std::string title;  ///< whose key it is, in words; may be empty
};

/// At most 100 bytes, no control characters: it is shown on terminals.
bool isKeyTitle(std::string_view text) noexcept;
/// {"kty","crv","x","kid"[,"title"]}
Json publicKeyJson(const NamedKey& key);
/// Refuses private members, further members, and a kid that is not the key's thumbprint.
Result<NamedKey> parsePublicKey(std::string_view text);
Result<NamedKey> readPublicKey(const std::string& path);

/// Writes a new file with mode 0600; `already_exists` when there is one, so that no key is lost.
Status createSigningKey(const std::string& path, const crypto::SigningKey& key);
/// 32 bytes in base64url. `io_error` when others may read the file: such a key signs nothing.
Result<crypto::SigningKey> readSigningKey(const std::string& path);

}  // namespace ccp::plugin
