// The files of one set and channel on this machine: exactly the bytes that were received, and what was
// learned (state.json). Knows nothing of signatures: who reads it, verifies it again. Of this room only.
//   roots/<version>.json, channels/<sha256>.json, packs/<sha256>.json, state.json, lock
// Threads: one at a time; several processes agree by Lock.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/error.hpp"
#include "policy/pack/verify.hpp"

namespace ccp::policy {

/// Which channel envelopes are kept, by digest; empty: none.
struct Slots {
  std::string active, previous, candidate;
};

class Cache {
 public:
  explicit Cache(std::string folder) : folder_(std::move(folder)) {}

  /// Held while files are changed. Released by the kernel when the process dies.
  class Lock {
   public:
    explicit Lock(int fd) noexcept : fd_(fd) {}
    Lock(Lock&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
    Lock& operator=(Lock&&) = delete;
    ~Lock();

   private:
    int fd_;
  };
  /// Makes the folder (0700) when it is not there; waits at most 10 s (`unavailable`). Refuses a folder
  /// that others own, and takes the rights of others from it.
  Result<Lock> lock();

  /// Nothing: there is none, or it is damaged (then the envelopes alone say what was seen).
  std::optional<std::pair<TrustState, Slots>> readState() const;
  Status writeState(const TrustState& state, const Slots& slots);

  /// Envelopes by version; unreadable ones are left out.
  std::map<std::int64_t, std::string> roots() const;
  Status writeRoot(std::int64_t version, std::string_view envelope);
  /// Envelopes whose name is their digest, by digest.
  std::map<std::string, std::string> channels() const;
  Status writeChannel(std::string_view envelope);
  /// The envelope kept for a payload of this digest; nobody has checked it.
  std::optional<std::string> pack(const std::string& sha256, std::size_t max_bytes) const;
  /// Unless exactly this is there.
  Status writePack(const std::string& sha256, std::string_view envelope);
  /// Removes what nothing refers to, and what a killed process left half-written.
  void sweep(std::int64_t first_root, std::int64_t last_root, const std::set<std::string>& channels, const std::set<std::string>& packs);

 private:
  std::string path(const char* folder, const std::string& name) const { return folder_ + "/" + folder + "/" + name + ".json"; }
  Status write(const std::string& path, std::string_view text);
  std::string folder_;
};

}  // namespace ccp::policy
