#include "core/licensing/feature.hpp"

#include "core/licensing/routes.hpp"

namespace ccp::licensing {
namespace {

/// How long an access token is accepted at most: its life and the clock skew that verifiers allow.
Duration tokenLife(const config::Settings& settings) { return settings.license.access_ttl + minutes(5); }

}  // namespace

Feature::Feature(db::Db& db, const Clock& clock, Random& random, Metrics& metrics, const config::Settings& settings, std::unique_ptr<KeyService> keys)
    : db_(db),
      clock_(clock),
      random_(random),
      metrics_(metrics),
      settings_(settings),
      keys_(std::move(keys)),
      revocations_(db, clock, random, metrics, tokenLife(settings)),
      licenses_(db, clock, random, settings, revocations_),
      tokens_(clock, random, settings, *keys_, licenses_, revocations_),
      license_memory_(db, clock, metrics, licenses_),
      verifier_(clock, random, metrics, settings, *keys_),
      worker_(clock, metrics, *keys_, revocations_, licenses_) {}

Result<std::unique_ptr<Feature>> Feature::open(db::Db& db, const Clock& clock, Random& random, Metrics& metrics, const config::Settings& settings) {
  CCP_TRY(auto keys, KeyService::open(db, clock, random, metrics, settings));
  std::unique_ptr<Feature> out(new Feature(db, clock, random, metrics, settings, std::move(keys)));
  CCP_CHECK_OK(out->revocations_.refresh());
  return out;
}

void Feature::connect(identity::Directory& directory, identity::ReplayGuard& replays, policy::Decider& policies) {
  packs_ = std::make_unique<Packs>(db_, clock_, random_, settings_, *keys_, licenses_, directory, policies);
  authenticator_ = std::make_unique<AccessTokenAuthenticator>(clock_, random_, metrics_, settings_, verifier_, revocations_, replays);
  introspection_ = std::make_unique<Introspection>(clock_, metrics_, settings_, verifier_, revocations_, license_memory_, policies);
}

void Feature::addRoutes(http::Router& router) { licensing::addRoutes(router, *packs_, *keys_, *introspection_, settings_); }

}  // namespace ccp::licensing
