#include "core/policies/rules.hpp"

#include <algorithm>

namespace ccp::policies {

Timestamp renewalAt(Timestamp issued_at, Timestamp expires_at) noexcept { return issued_at + (expires_at - issued_at) / 2; }

std::string listedText(const std::vector<policy::ListedPack>& packs) {
  std::vector<std::string> digests;
  for (const auto& pack : packs) digests.push_back(pack.sha256);
  std::sort(digests.begin(), digests.end());
  std::string out;
  for (const auto& digest : digests) out += digest + "\n";
  return out;
}

std::optional<std::int64_t> versionBefore(const std::vector<PastVersion>& oldest_first) {
  std::vector<PastVersion> way;  // from the first packs to those that are live, without the detours
  for (const auto& past : oldest_first) {
    if (past.deed == "rollback" || past.deed == "withdraw") {
      const auto there = std::find_if(way.rbegin(), way.rend(), [&](const auto& step) { return step.listed == past.listed; });
      if (there != way.rend()) way.erase(there.base(), way.end());
    }
    if (!way.empty() && way.back().listed == past.listed) {
      way.back().version = past.version;
    } else {
      way.push_back(past);
    }
  }
  return way.size() < 2 ? std::nullopt : std::optional<std::int64_t>(way[way.size() - 2].version);
}

std::vector<policy::ListedPack> withPack(std::vector<policy::ListedPack> packs, policy::ListedPack pack) {
  const auto same = std::find_if(packs.begin(), packs.end(), [&](const auto& listed) { return listed.name == pack.name; });
  if (same == packs.end()) {
    packs.push_back(std::move(pack));
  } else {
    *same = std::move(pack);
  }
  return packs;
}

policy::ChannelDocument nextDocument(const std::string& set, policy::Channel channel, const std::optional<policy::ChannelDocument>& previous,
                                     const std::string& previous_sha256, std::vector<policy::ListedPack> packs,
                                     std::vector<std::string> revoked, Timestamp now) {
  policy::ChannelDocument out;
  out.org = set;
  out.channel = channel;
  out.version = previous ? previous->version + 1 : 1;
  out.packs = std::move(packs);
  std::sort(revoked.begin(), revoked.end());
  revoked.erase(std::unique(revoked.begin(), revoked.end()), revoked.end());
  out.revoked = std::move(revoked);
  out.prev = previous ? previous_sha256 : "";
  // Whole seconds, as in every signed document; never before the one that it follows.
  out.issued_at = std::chrono::floor<std::chrono::seconds>(now);
  if (previous) out.issued_at = std::max(out.issued_at, previous->issued_at);
  out.expires_at = out.issued_at + lifeOf(channel);
  return out;
}

Status checkSetSize(const std::string& set, const std::vector<policy::ListedPack>& packs) {
  if (set != policy::kOperatorSet && packs.size() > kMostOrgPacks) {
    return fail(Errc::policy_too_large, "A channel of an organization lists at most " + std::to_string(kMostOrgPacks) + " packs.");
  }
  std::size_t bytes = 0;
  for (const auto& pack : packs) bytes += std::min(pack.size, kMostSetBytes + 1);
  if (bytes > kMostSetBytes) return fail(Errc::policy_too_large, "The packs of a channel have at most " + std::to_string(kMostSetBytes >> 20) + " MiB together.");
  return {};
}

Status checkNotRevoked(const std::vector<policy::ListedPack>& packs, const std::vector<std::string>& revoked) {
  for (const auto& pack : packs) {
    if (std::find(revoked.begin(), revoked.end(), pack.sha256) == revoked.end()) continue;
    return fail(Errc::policy_revoked, "The pack " + pack.name + " of version " + std::to_string(pack.version) + " has been revoked.");
  }
  return {};
}

}  // namespace ccp::policies
