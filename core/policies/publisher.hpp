// Publishes: every change of a set is a new channel document that this server signs, stored with its audit
// row and event in one unit of work. Nothing is stored before the runtime has examined what it would be.
// Threads: thread-safe; two who publish on one channel at once both succeed, one after the other.
#pragma once

#include <functional>

#include "core/base/metrics.hpp"
#include "core/decisions/service.hpp"
#include "core/policies/drafts.hpp"
#include "core/policies/service.hpp"
#include "policy/runtime/runtime.hpp"

namespace ccp::policies {

class Publisher final : public Publishing {
 public:
  struct Deps {
    db::Db& db;
    const Clock& clock;
    Metrics& metrics;
    licensing::ChannelKeys& keys;
    decisions::Decisions& decisions;
    policy::Runtime& runtime;
    std::function<void()> published;  ///< after the commit, on its thread: wakes node and long polls
  };
  struct Options {
    std::string operator_pin;
    bool pin_required = false;  ///< prod: without a pin no root of the operator is taken
    double max_flip = 0.02;
    policy::Channel channel = policy::Channel::dev;  ///< that the runtime of this node enforces
    std::string node;           ///< who withdraws, for the record
  };
  Publisher(Deps deps, Options options);

  Result<RootInfo> addRoot(const std::string& set, const std::string& envelope, const std::string& actor) override;
  Result<std::optional<RootInfo>> root(const std::string& set) override;
  Result<Publication> push(const std::string& set, const std::string& envelope, const std::string& actor) override;
  Result<Promotion> promote(const std::string& set, const PromoteRequest& request, const std::string& actor) override;
  Result<Publication> rollback(const std::string& set, policy::Channel channel, std::optional<std::int64_t> to, const std::string& reason,
                               const std::string& actor) override;
  Result<std::vector<Publication>> revoke(const std::string& set, const std::string& sha256, const std::string& reason,
                                          const std::string& actor) override;
  Result<std::optional<Publication>> withdraw(const policy::SetStatus& bad, const std::string& why) override;
  Result<int> renewDue() override;
  Result<std::optional<ChannelView>> view(const std::string& set, policy::Channel channel) override;

 private:
  struct Deed {
    std::string name;  ///< push, promote, …
    std::string reason;
    std::string actor;
    std::optional<PackRow> new_pack;
    std::optional<std::pair<std::string, std::string>> new_envelope;  ///< digest of a stored pack, its text with more signatures
  };
  /// Empty: another version is live by now.
  Result<std::optional<Publication>> store(const Draft& draft, const Deed& deed);
  /// What the runtime would say, whichever channel this node enforces.
  tl::expected<policy::ReplayReport, policy::Refusal> rehearse(const Draft& draft, const policy::ActivationOptions& options = {}) const;
  Status examine(const Draft& draft, const Deed& deed);
  Error refused(const Draft& draft, const Deed& deed, const policy::Refusal& refusal);
  Result<std::vector<std::string>> revokedIn(const std::string& set) const;
  Result<Draft> draftBefore(const Trust& trust, const Drafts::Live& live, const ChannelRow& failed, const std::vector<policy::VerifiedPack>& blamed) const;
  RootInfo describe(const std::string& set, const Trust& trust) const;
  Status renew(const std::string& set, policy::Channel channel);
  Status resignAll(const std::string& set);

  Deps deps_;
  const Options options_;
  Drafts drafts_;
};

}  // namespace ccp::policies
