// The next version of a channel before it is live: which root counts, what would be signed, and the verified
// set that nodes would take. Reads and signs; stores nothing. Threads: thread-safe.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "core/db/db.hpp"
#include "core/licensing/service.hpp"
#include "core/policies/repository.hpp"
#include "policy/distribution/verified_set.hpp"
#include "policy/pack/verify.hpp"

namespace ccp::policies {

/// The newest root of a set, its chain verified.
struct Trust {
  policy::RootDocument root;
  std::string sha256;        ///< of its envelope
  std::string first_sha256;  ///< of the first root's
};

struct Draft {
  std::optional<ChannelRow> basis;  ///< what is live now
  policy::ChannelDocument document;
  std::string envelope;
  std::string sha256;
  policy::VerifiedSet set;
};

class Drafts {
 public:
  /// `operator_pin`: empty: the first root of the operator's set is taken as it lies there.
  Drafts(db::Db& db, const Clock& clock, licensing::ChannelKeys& keys, std::string operator_pin);

  /// Empty: no root yet. An error: the chain in the database does not hold.
  Result<std::optional<Trust>> trust(const std::string& set) const;
  /// `policy_root_missing`, `policy_expired`.
  Result<Trust> requireTrust(const std::string& set) const;

  struct Live {
    std::optional<ChannelRow> row;
    std::optional<policy::ChannelDocument> document;
  };
  /// The newest version; its document is read, not verified: it is this server's own.
  Result<Live> live(const std::string& set, policy::Channel channel) const;

  /// Packs that are not stored yet, by digest.
  using Overlay = std::map<std::string, std::string>;
  /// The version after `live` with these packs, every pack verified for the channel.
  Result<Draft> make(const Trust& trust, policy::Channel channel, const Live& live, std::vector<policy::ListedPack> packs,
                     std::vector<std::string> revoked, const Overlay& overlay = {}) const;

 private:
  Result<std::string> packEnvelope(const std::string& set, const std::string& sha256, const Overlay& overlay) const;

  db::Db& db_;
  const Clock& clock_;
  licensing::ChannelKeys& keys_;
  const std::string operator_pin_;
};

/// The payload of both, which is the same, with the signatures of both that are valid under keys of the root.
Result<std::string> joinSignatures(const policy::RootDocument& root, const std::string& a, const std::string& b);

}  // namespace ccp::policies
