// Brings a set up to date: root chain, channel document, packs, all verified, and keeps what was received
// on disk exactly as received. The cache is verified again at every start; it is never trusted by itself.
// One instance per set and channel. Threads: one at a time; several processes may share a folder (flock).
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "core/base/time.hpp"
#include "policy/distribution/freshness.hpp"
#include "policy/distribution/source.hpp"
#include "policy/distribution/verified_set.hpp"
#include "policy/pack/verify.hpp"

namespace ccp::policy {

class Updater {
 public:
  struct Options {
    std::string folder;       ///< of this set and channel alone; made with mode 0700
    std::string org;
    Channel channel = Channel::dev;
    /// sha256 of the first root envelope that is trusted. Empty: on the dev channel the first root that is
    /// seen, from then on; prod trusts nothing (`policy_pin_mismatch`).
    std::string root_pin;
    Origin origin = Origin::server;  ///< what fetched sets say of themselves
  };
  Updater(Options options, Source& source, const Clock& clock);
  ~Updater();

  /// The newest set that the cache still proves: the active slot, else the previous one; an error says what
  /// is wrong with the active one (`not_found`: empty). It may have run out: see standing().
  Result<VerifiedSet> fromCache();
  /// Asks the source; beside `wait` it takes at most 30 s (`deadline_exceeded`). Empty: nothing new. The set
  /// is stored as `candidate` until confirm() or reject(). A cache that cannot be written does not stop a
  /// set from coming in; confirm() reports it.
  Result<std::optional<VerifiedSet>> fetch(Duration wait);
  /// The set runs: it becomes the active slot of the cache, the former one the previous slot.
  Status confirm(const VerifiedSet& set);
  /// The set failed to activate, or was taken back: remembered, not offered again until the channel document
  /// changes. `packs`: its packs that the active set does not have are refused in later documents as well
  /// (`policy_refused_before`): for what failed by itself, not for what only waits for a person.
  enum class Refuse : std::uint8_t { document, packs };
  Status reject(const VerifiedSet& set, Refuse refuse = Refuse::document);
  const TrustState& state() const noexcept;
  /// The newest root that was verified; nothing before the first.
  const RootDocument* root() const noexcept;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace ccp::policy
