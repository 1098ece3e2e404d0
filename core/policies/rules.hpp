// What the next document of a channel says, when it is signed again, and what may go back to what: as pure
// functions.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "core/base/error.hpp"
#include "core/base/time.hpp"
#include "policy/pack/documents.hpp"

namespace ccp::policies {

/// How long a channel document is believed; it is signed again when half of it is over.
constexpr Duration lifeOf(policy::Channel channel) noexcept { return channel == policy::Channel::prod ? hours(72) : hours(24); }

/// When a document that was issued and expires so is signed again.
Timestamp renewalAt(Timestamp issued_at, Timestamp expires_at) noexcept;

/// Digests of a list of packs, sorted, one per line: two documents list the same when these are equal.
std::string listedText(const std::vector<policy::ListedPack>& packs);

/// A version of a channel, as far as going back is concerned.
struct PastVersion {
  std::int64_t version = 0;
  std::string listed;  ///< listedText() of its packs
  std::string deed;    ///< push, promote, rollback, withdraw, revoke, renew
};
/// Which version a rollback publishes again: that of the packs before those that are live. What was itself
/// gone back from is no step on the way: twice back is two steps back, never forward to what was left.
std::optional<std::int64_t> versionBefore(const std::vector<PastVersion>& oldest_first);

/// `packs` with `pack` in the place of the one of its name.
std::vector<policy::ListedPack> withPack(std::vector<policy::ListedPack> packs, policy::ListedPack pack);

/// The document that follows `previous` (whose envelope has the digest `previous_sha256`); nothing before
/// it: the first one.
policy::ChannelDocument nextDocument(const std::string& set, policy::Channel channel, const std::optional<policy::ChannelDocument>& previous,
                                     const std::string& previous_sha256, std::vector<policy::ListedPack> packs,
                                     std::vector<std::string> revoked, Timestamp now);

/// Every publication and every node reads a set whole: an organization's has at most 64 packs, and no set more
/// than 32 MiB. `policy_too_large`.
inline constexpr std::size_t kMostOrgPacks = 64;
inline constexpr std::size_t kMostSetBytes = 32u << 20;
Status checkSetSize(const std::string& set, const std::vector<policy::ListedPack>& packs);

/// `policy_revoked` names the pack that must not come back.
Status checkNotRevoked(const std::vector<policy::ListedPack>& packs, const std::vector<std::string>& revoked);

}  // namespace ccp::policies
