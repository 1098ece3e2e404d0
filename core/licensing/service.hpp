// Licenses and packs: what other features may ask. Threads: thread-safe.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "core/base/error.hpp"
#include "core/crypto/ed25519.hpp"
#include "core/db/db.hpp"
#include "core/http/principal.hpp"
#include "core/identity/service.hpp"
#include "core/licensing/rules.hpp"

namespace ccp::licensing {

struct License {
  std::string id;   ///< lic_…
  std::string org;
  Decision decision;
  AdminOverride admin = AdminOverride::none;
  std::string admin_reason;
  std::int64_t version = 1;  ///< token_version
  Timestamp updated_at;
};

/// Entitlements in force: plan of the catalog applied to the license.
struct Entitlements {
  std::string plan;
  std::string plan_title;
  LicenseState state = LicenseState::pending;
  std::vector<std::string> features;
  Json limits = Json::object();
  std::string privacy;
  std::string notice;  ///< friendly sentence for people, may be empty
};

/// What the inputs of decision points say of who asks and of the organization (policy/schema/points).
Json policySubject(const http::Principal& who);
Json policyOrg(const std::string& org, const Entitlements& entitlements);

class Licenses {
 public:
  virtual ~Licenses() = default;
  virtual std::optional<License> byOrg(db::Tx& tx, const std::string& org) = 0;
  virtual Entitlements entitlements(const License& license) const = 0;
  /// Billing's facts of the org changed: recompute, store, bump, audit, emit license.changed. One call
  /// in the same unit of work as the change.
  virtual Status applyBilling(db::Tx& tx, const std::string& org, const std::vector<SubscriptionFact>& facts, const std::string& actor) = 0;
  virtual Status setAdminOverride(db::Tx& tx, const std::string& org, AdminOverride value, const std::string& reason, const std::string& actor) = 0;
  struct PlanInForce {
    std::string plan;
    std::int64_t orgs = 0;
    std::int64_t seats = 0;  ///< that they pay for; unlimited ones count as none
  };
  /// How many organizations each plan is in force for; `tx` in system scope.
  virtual std::vector<PlanInForce> plansInForce(db::Tx& tx) {
    (void)tx;
    return {};
  }
  /// Recomputes licenses whose next_change_at has come; returns how many changed. For the worker.
  virtual Result<int> recomputeDue(int limit) = 0;
};

struct KeyInfo {
  std::string kid;
  std::string use;    ///< pack, access, channel
  std::string state;  ///< pending, active, retiring, compromised
  Timestamp not_before_at;
};

/// What an operator may do with signing keys.
class KeyAdmin {
 public:
  virtual ~KeyAdmin() = default;
  virtual std::vector<KeyInfo> keys() = 0;
  /// Publishes a new key that signs in an hour; the pending one when there is one already.
  /// `validation_failed` for an unknown use.
  virtual Result<KeyInfo> rotate(const std::string& use, const std::string& actor) = 0;
  /// The key verifies nothing from now on; when it was signing, another one signs at once.
  virtual Status compromise(const std::string& kid, const std::string& reason, const std::string& actor) = 0;
};

/// A key of the server that signs what is live of a policy set (use `channel`).
struct ChannelKey {
  std::string kid;
  crypto::PublicKey key;
  std::string state;  ///< pending, active, retiring
  Timestamp not_before_at;
};

/// The online keys of policy channels. Which of them count for a set says its root, so that a rotation
/// waits for people: nothing rotates by itself, and a retiring key signs until it is retired.
class ChannelKeys {
 public:
  virtual ~ChannelKeys() = default;
  /// Published ones, the signing one first; never a compromised one.
  virtual std::vector<ChannelKey> channelKeys() = 0;
  /// The newest key among `kids` that can sign; null when there is none.
  virtual std::shared_ptr<const crypto::SigningKey> channelSigner(const std::vector<std::string>& kids) = 0;
};

}  // namespace ccp::licensing
