#include "core/identity/feature.hpp"

#include "core/identity/api_key_routes.hpp"
#include "core/identity/device_routes.hpp"
#include "core/identity/login_routes.hpp"
#include "core/identity/oauth_routes.hpp"
#include "core/identity/seat_routes.hpp"
#include "core/identity/sweeper.hpp"

namespace ccp::identity {

Feature::Feature(const Deps& deps)
    : deps_(deps),
      mailer_(deps.mailer),
      directory_(deps.clock, deps.random, deps.limits, deps.issuer),
      replays_(deps.db),
      sessions_(deps.db, deps.clock, deps.random, deps.settings),
      api_keys_(deps.db, deps.clock, deps.random),
      login_(deps.db, deps.clock, deps.random, deps.settings, directory_, sessions_, mailer_),
      grants_(deps.db, deps.clock, directory_, deps.providers),
      devices_(deps.db, directory_),
      tokens_(deps.db, deps.clock, deps.random, deps.settings, directory_, grants_, deps.issuer, deps.packs, replays_),
      seats_(deps.db, deps.clock, deps.random, deps.settings, directory_, mailer_),
      members_(deps.db, directory_) {}

void Feature::addRoutes(http::Router& router) {
  addOAuthRoutes(router, deps_.settings, grants_, tokens_);
  addLoginRoutes(router, deps_.settings, deps_.random, login_, sessions_);
  addDeviceRoutes(router, grants_, devices_, sessions_);
  addSeatRoutes(router, seats_, members_, sessions_);
  addApiKeyRoutes(router, api_keys_);
}

Status Feature::sweep() { return sweepExpired(deps_.db, deps_.clock); }

}  // namespace ccp::identity
