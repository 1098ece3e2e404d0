// Brings a set up to date: root chain, channel document, packs, all verified, and keeps what was received
// on disk exactly as received. The cache is verified again at every start; it is never trusted by itself.
// One instance per set and channel. Threads: one at a time; several processes may share a folder (flock).
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "core/base/time.hpp"
#include "policy/distribution/source.hpp"
#include "policy/distribution/verified_set.hpp"
#include "policy/pack/verify.hpp"

namespace ccp::policy {

class Updater {
 public:
  struct Options {
    std::string folder;       ///< of this set and channel: root.json, channel.json, packs/<sha256>, state.json
    std::string org;
    Channel channel = Channel::dev;
    std::string root_pin;     ///< sha256 of the first root envelope that is trusted
  };
  Updater(Options options, Source& source, const Clock& clock);
  ~Updater();

  /// The newest set that the cache still proves; an error says what is wrong with it (`not_found`: empty).
  Result<VerifiedSet> fromCache();
  /// Asks the source. Empty: nothing new. The set is stored as `candidate` until confirm() or reject().
  Result<std::optional<VerifiedSet>> fetch(Duration wait);
  /// The set runs: it becomes the active slot of the cache, the former one the previous slot.
  Status confirm(const VerifiedSet& set);
  /// The set failed to activate: remembered, not fetched again until the channel document changes.
  Status reject(const VerifiedSet& set);
  const TrustState& state() const noexcept;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace ccp::policy
