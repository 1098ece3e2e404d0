// Is this document to be believed? Pure functions of envelope, what was trusted before, and `now`
// (TUF 1.0.33 sections 5.3 to 5.6 in the small form of docs/adr/0015-policy-documents.md). Verify first,
// parse second. Each refusal has a code of its own (core/base/error_codes.def, policy_*).
#pragma once

#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>

#include "policy/pack/documents.hpp"

namespace ccp::policy {

/// What must survive a restart, so that nothing older is ever believed again. One per set and channel.
struct TrustState {
  std::string org;
  Channel channel = Channel::dev;
  std::string root_pin;  ///< what all of this hangs on; another pin begins anew
  std::int64_t root_version = 0;
  std::string root_sha256;
  std::int64_t channel_version = 0;  ///< highest seen
  std::string channel_sha256;
  std::string channel_keys;          ///< ids of the role's keys: a rotation resets the counter, see rotated()
  std::map<std::string, std::pair<std::int64_t, std::string>> packs;  ///< name → highest version, digest of it
  std::set<std::string> bad;         ///< digests (of channel envelopes, of packs) that failed to activate
  std::set<std::string> revoked;     ///< digests of packs that any document revoked: no later one brings them back
  Timestamp last_trusted_time{};     ///< maximum of own clock and every `issued_at` believed
  Json json() const;
  static Result<TrustState> fromJson(const Json& json);
};

/// Whether the channel's keys were replaced since, so far that what the old ones signed is worth nothing
/// under this root: then its version may start again (a way out of a fast-forward).
bool rotated(const TrustState& state, const RootDocument& root, Channel channel);
/// `now`, but never before what was already seen. After a rotation the past does not bind.
Timestamp trustedNow(const TrustState& state, Timestamp now);
Timestamp trustedNow(const TrustState& state, const RootDocument& root, Timestamp now);

/// The first root: its envelope's sha256 is the pin, and it is signed by its own root role.
Result<RootDocument> verifyPinnedRoot(std::string_view envelope, std::string_view pin_sha256, std::string_view org);
/// The next root: version + 1, signed by the thresholds of both. Expiry is checked at the end of a chain.
Result<RootDocument> verifyNextRoot(const RootDocument& current, std::string_view envelope);
Status checkRootFresh(const RootDocument& root, Timestamp now);

/// What comes from a cache was believed before: it may have run out (the caller then says so), and be
/// older than the newest that was seen.
enum class Freshness : std::uint8_t { required, cached };

/// A channel document newer than or equal to what was seen, under a root that is fresh. Does not change `state`.
Result<ChannelDocument> verifyChannel(const RootDocument& root, const TrustState& state, Channel channel,
                                      std::string_view envelope, Timestamp now, Freshness freshness = Freshness::required);
/// Who has signed for a role.
struct Signers {
  std::vector<std::string> persons;  ///< who has signed validly, sorted
  int threshold = 0;
  std::vector<std::string> unknown_keys;
  bool met() const noexcept { return static_cast<int>(persons.size()) >= threshold; }
};
/// A pack that the channel lists, byte for byte.
Result<PackDocument> verifyListedPack(const RootDocument& root, const TrustState& state, const ChannelDocument& channel,
                                      const ListedPack& listed, std::string_view envelope, Timestamp now,
                                      Freshness freshness = Freshness::required, Signers* signers = nullptr);
/// A pack on its way to the server: signed by the role pack.<channel> of this set.
Result<PackDocument> verifyPackFor(const RootDocument& root, Channel channel, std::string_view envelope, Timestamp now);
/// Who signed, whether or not it is enough; for `ccp policy verify` and `status`.
Result<Signers> signersOf(const RootDocument& root, std::string_view role, std::string_view payload_type, std::string_view envelope);

/// The state once a set was verified as a whole (whether or not it is ever activated).
TrustState advance(TrustState state, const RootDocument& root, std::string_view root_envelope, const ChannelDocument& channel,
                   std::string_view channel_envelope, Timestamp now);

}  // namespace ccp::policy
