#include "core/licensing/root_key.hpp"

#include "core/base/file.hpp"

namespace ccp::licensing {

Result<crypto::SigningKey> loadRootKey(const std::string& state_dir, const crypto::MasterKey& master, Random& random, bool create) {
  const std::string path = state_dir + "/root.key";
  if (!fileExists(path)) {
    if (!create) {
      return fail(Errc::secret_missing, "The root key " + path +
                                            " is missing, but this database already belongs to a root key that clients trust. Copy root.key "
                                            "from the node that made it, or restore it from a backup.");
    }
    const auto key = crypto::SigningKey::generate(random);
    CCP_CHECK_OK(writeFileAtomic(path, master.seal(key.seed().view(), "root.key", random) + "\n", 0600));
  }
  CCP_TRY(std::string text, readFile(path, 4096));
  while (!text.empty() && (text.back() == '\n' || text.back() == '\r')) text.pop_back();
  CCP_TRY(const auto seed, master.open(text, "root.key"));
  return crypto::SigningKey::fromSeed(seed.view());
}

}  // namespace ccp::licensing
