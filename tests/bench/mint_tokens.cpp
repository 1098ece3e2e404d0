// Makes access tokens as the server of a configuration would, so that a bench can present tokens by the ten
// thousand: mint_tokens CCP_YAML COUNT < token > tokens. Each is the given one with another jti and a new time.
#include <cstdlib>
#include <iostream>
#include <string>

#include "core/base/log.hpp"
#include "core/config/settings.hpp"
#include "core/crypto/jws.hpp"
#include "core/licensing/keys.hpp"

namespace {

ccp::Status mint(const std::string& config, int count) {
  using namespace ccp;
  std::string given;
  std::getline(std::cin, given);
  CCP_TRY(const auto settings, config::loadSettings(config, {}));
  SystemClock clock;
  SystemRandom random;
  Metrics metrics;
  db::Options options;
  options.url = settings.store.url;
  CCP_TRY(auto db, db::Db::open(options, clock, random, metrics));
  CCP_TRY(auto keys, licensing::KeyService::open(*db, clock, random, metrics, settings));
  CCP_TRY(const auto key, keys->signer(crypto::KeyUse::access));
  CCP_TRY(const auto parsed, crypto::parseJws(given));
  CCP_TRY(auto claims, crypto::AccessClaims::from(parsed.claims));
  for (int i = 0; i < count; ++i) {
    claims.jti = newId("tok", clock, random);
    claims.issued_at = clock.now();
    claims.expires_at = claims.issued_at + settings.license.access_ttl;
    std::cout << crypto::signJws(*key, crypto::kTypAccessToken, claims.json()) << '\n';
  }
  return {};
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 3) {
    std::cerr << "usage: mint_tokens CCP_YAML COUNT < token\n";
    return 2;
  }
  const auto done = mint(argv[1], std::atoi(argv[2]));
  if (!done) std::cerr << "mint_tokens: " << done.error().text() << '\n';
  return done ? 0 : 1;
}
