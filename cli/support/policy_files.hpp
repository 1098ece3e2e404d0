// Files of policy documents as commands read and write them: packs, roots, keys. One thread.
#pragma once

#include <string>
#include <vector>

#include "cli/support/context.hpp"
#include "cli/support/failure.hpp"
#include "policy/pack/verify.hpp"

namespace ccp::cli {

/// What a signed document may have as a file.
inline constexpr std::size_t kPolicyFileBytes = policy::transferCap(policy::kMaxDocumentBytes);

/// A root in its envelope, whoever signed it.
struct RootFile {
  std::string envelope;
  policy::RootDocument root;
  std::string sha256;  ///< of the envelope: what is pinned
};
Outcome<RootFile> readRootFile(const std::string& path);

/// A public key of `ccp policy keygen` and the person who holds it.
struct PersonKey {
  crypto::PublicKey key;
  std::string person;
};
Outcome<PersonKey> readPersonKey(const std::string& path);

/// Who has signed for a role, and who still could.
struct RoleState {
  policy::Signers signers;
  std::vector<std::string> could_sign;  ///< persons of the role that have not
  int missing() const;
  Json json() const;
  /// "ada, bob (2 of 2)" or "ada (1 of 2; still needed: one of bob, cyd)"
  std::string text() const;
};
Outcome<RoleState> roleState(const policy::RootDocument& root, const std::string& role,
                             std::string_view payload_type, std::string_view envelope);

/// The file of a private key must not lie where it would be given away.
Done keyIsOutside(const std::string& key, const std::string& folder);
Json listOf(const std::vector<std::string>& items);
std::string joined(const std::vector<std::string>& items);

}  // namespace ccp::cli
