// Signing keys of the server: who signs now, who verifies, and the published key ring. The rows lie
// in the database, sealed; every node keeps an opened snapshot and reads it again every few seconds.
// Threads: thread-safe; signing and look-ups take a short lock and do no I/O.
#pragma once

#include <atomic>
#include <map>
#include <memory>
#include <mutex>
#include <string>

#include "core/base/metrics.hpp"
#include "core/config/settings.hpp"
#include "core/crypto/keyring.hpp"
#include "core/crypto/seal.hpp"
#include "core/db/db.hpp"
#include "core/licensing/key_plan.hpp"
#include "core/licensing/service.hpp"

namespace ccp::licensing {

class KeyService final : public KeyAdmin, public ChannelKeys {
 public:
  /// Opens the master and root key, makes what is missing, reads the keys. `config_invalid` when the
  /// root key is not the one of this database.
  static Result<std::unique_ptr<KeyService>> open(db::Db& db, const Clock& clock, Random& random, Metrics& metrics,
                                                  const config::Settings& settings);

  using SigningKeyPtr = std::shared_ptr<const crypto::SigningKey>;
  /// The key that signs for `use` now.
  Result<SigningKeyPtr> signer(crypto::KeyUse use) const;
  /// What verifyJws asks: published, not compromised keys of this use.
  crypto::KeyLookup verifier(crypto::KeyUse use) const;
  /// Reads the keys again when `kid` is none of ours and the last reading is older than a second: another
  /// node may have made it a moment ago. True when something was read.
  bool learn(crypto::KeyUse use, std::string_view kid);

  /// The ring as DSSE envelope, and the same as a JSON value.
  struct Published {
    std::string text;
    Json json;
  };
  std::shared_ptr<const Published> published();
  Json jwks() const;
  const crypto::PublicKey& rootKey() const noexcept { return root_.publicKey(); }

  Status refresh();
  /// `stale_state` when the keys could not be read for 45 s: a compromised one may be among them.
  Status fresh() const;
  /// Goes up whenever a key is made, changes its state or is compromised.
  std::int64_t ringVersion() const noexcept { return ring_version_.load(std::memory_order_acquire); }
  /// Applies what time does to the keys; any node may, the others see it at their next refresh.
  Status tick();

  std::vector<KeyInfo> keys() override;
  Result<KeyInfo> rotate(const std::string& use, const std::string& actor) override;
  Status compromise(const std::string& kid, const std::string& reason, const std::string& actor) override;
  std::vector<ChannelKey> channelKeys() override;
  SigningKeyPtr channelSigner(const std::vector<std::string>& kids) override;

 private:
  struct Snapshot {
    crypto::KeyRing ring;  ///< without times of issue: those belong to each signature
    std::map<std::string, SigningKeyPtr> signers;
  };
  KeyService(db::Db& db, const Clock& clock, Random& random, const config::Settings& settings, crypto::MasterKey master, crypto::SigningKey root);

  Status claimRoot();
  KeyRow makeKey(crypto::KeyUse use, crypto::KeyState state, Timestamp now, Timestamp not_before);
  Status applyPlan(db::Tx& tx);
  std::shared_ptr<const Snapshot> snapshot() const;

  db::Db& db_;
  const Clock& clock_;
  Random& random_;
  const config::Settings& settings_;
  const crypto::MasterKey master_;
  const crypto::SigningKey root_;
  const KeyLives lives_;

  mutable std::mutex mutex_;
  std::shared_ptr<const Snapshot> snapshot_;
  /// Beside the snapshot, for those who ask at every request.
  std::atomic<std::uint64_t> refreshed_ns_{0};
  std::atomic<std::int64_t> ring_version_{0};
  std::uint64_t learned_ns_ = 0;  ///< last attempt of learn(): a flood of unknown kids costs one reading a second
  std::shared_ptr<const Published> published_;
  std::int64_t published_version_ = 0;
  std::string published_iss_;
  Timestamp published_at_;
};

}  // namespace ccp::licensing
