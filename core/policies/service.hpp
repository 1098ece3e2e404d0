// Policy sets: what may be done with them, and what is live. A set is named by an organization's id, or
// "operator". Threads: thread-safe.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "core/base/error.hpp"
#include "core/base/time.hpp"
#include "policy/evaluation/replay.hpp"
#include "policy/pack/documents.hpp"
#include "policy/pack/verify.hpp"
#include "policy/runtime/stage.hpp"

namespace ccp::policies {

/// What a publication left behind.
struct Publication {
  std::string set;
  policy::Channel channel = policy::Channel::dev;
  std::int64_t version = 0;
  std::string sha256;  ///< of the channel envelope
  std::string deed;
  std::vector<policy::ListedPack> packs;
  bool changed = true;  ///< false: this was live already
};

struct PromoteRequest {
  std::string name;
  std::int64_t version = 0;
  policy::Channel to = policy::Channel::prod;
  std::optional<double> max_flip;  ///< empty: the server's
  bool force = false;              ///< whatever flips; faults still refuse
  bool dry_run = false;            ///< the difference only
  /// Live version of the channel when the difference was shown: another one refuses.
  std::optional<std::int64_t> expected_version;
  std::string reason;
};
struct Promotion {
  std::optional<Publication> publication;  ///< none of a dry run
  std::int64_t live_version = 0;           ///< before
  policy::ReplayReport report;
  double max_flip = 0;
  bool within = true;  ///< not more flips than allowed
  policy::Signers signers;
};

struct RootInfo {
  std::string set;
  std::int64_t version = 0;
  std::string sha256;
  std::string first_sha256;  ///< what clients pin
  bool changed = true;
  bool lists_server_key = false;
  int dev_threshold = 0, prod_threshold = 0;
  Timestamp expires_at;
};

/// A channel as people look at it.
struct ChannelView {
  std::string set;
  policy::ChannelDocument document;
  std::string sha256;
  std::string deed, reason, by;
  Timestamp published_at;
  struct Pack {
    policy::ListedPack listed;
    std::vector<std::string> signers;  ///< persons; empty when the envelope does not verify
    int threshold = 0;
    std::string problem;  ///< why it would be refused; empty: sound
  };
  std::vector<Pack> packs;
};

class Publishing {
 public:
  virtual ~Publishing() = default;
  virtual Result<RootInfo> addRoot(const std::string& set, const std::string& envelope, const std::string& actor) = 0;
  virtual Result<std::optional<RootInfo>> root(const std::string& set) = 0;
  /// A signed pack onto dev; or more signatures for one that is stored. The error of a pack that fails a
  /// stage has the field "/stage".
  virtual Result<Publication> push(const std::string& set, const std::string& envelope, const std::string& actor) = 0;
  virtual Result<Promotion> promote(const std::string& set, const PromoteRequest& request, const std::string& actor) = 0;
  /// Publishes the packs of version `to` again; without it those of the newest version with other packs.
  virtual Result<Publication> rollback(const std::string& set, policy::Channel channel, std::optional<std::int64_t> to,
                                       const std::string& reason, const std::string& actor) = 0;
  /// The pack is never taken again, on no channel. One publication per channel that is in use.
  virtual Result<std::vector<Publication>> revoke(const std::string& set, const std::string& sha256, const std::string& reason,
                                                  const std::string& actor) = 0;
  /// A generation failed when it was live: the packs before it are published again. Empty: another node
  /// was first, or something else is live by now.
  virtual Result<std::optional<Publication>> withdraw(const policy::SetStatus& bad, const std::string& why) = 0;
  /// Signs again what is past half of its life; returns how many.
  virtual Result<int> renewDue() = 0;
  virtual Result<std::optional<ChannelView>> view(const std::string& set, policy::Channel channel) = 0;
};

}  // namespace ccp::policies
