// Identity as core/app builds it: the parts in their order of dependence.
#pragma once

#include "core/db/migrations.hpp"
#include "core/http/router.hpp"
#include "core/identity/api_keys.hpp"
#include "core/identity/device_grants.hpp"
#include "core/identity/devices.hpp"
#include "core/identity/directory.hpp"
#include "core/identity/login.hpp"
#include "core/identity/members.hpp"
#include "core/identity/queued_mailer.hpp"
#include "core/identity/replay_guard.hpp"
#include "core/identity/seats.hpp"
#include "core/identity/sessions.hpp"
#include "core/identity/tokens.hpp"

namespace ccp::identity {

extern const db::MigrationSet kMigrations;

class Feature {
 public:
  /// Everything passed must outlive the feature. `limits`, `issuer` and `packs` are licensing's.
  struct Deps {
    db::Db& db;
    const Clock& clock;
    Random& random;
    const config::Settings& settings;
    net::Mailer& mailer;
    plugin::IdentityProviders& providers;
    SeatLimits& limits;
    TokenIssuer& issuer;
    PackAssertions& packs;
  };
  explicit Feature(const Deps& deps);

  StoredDirectory& directory() noexcept { return directory_; }
  ReplayGuard& replays() noexcept { return replays_; }
  Sessions& sessions() noexcept { return sessions_; }
  ApiKeys& apiKeys() noexcept { return api_keys_; }

  /// Every route of identity.
  void addRoutes(http::Router& router);
  /// Deletes what expired; for a worker, every few minutes.
  Status sweep();

 private:
  Deps deps_;
  QueuedMailer mailer_;
  StoredDirectory directory_;
  StoredReplayGuard replays_;
  Sessions sessions_;
  ApiKeys api_keys_;
  LoginService login_;
  DeviceGrants grants_;
  Devices devices_;
  TokenService tokens_;
  Seats seats_;
  Members members_;
};

}  // namespace ccp::identity
