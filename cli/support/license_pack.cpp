#include "cli/support/license_pack.hpp"

namespace ccp::cli {
namespace {

Result<crypto::VerifiedPack> verify(const Context& context, const Session& session,
                                    const std::string& pack, const std::string& ring_text,
                                    bool require_fresh_ring) {
  const Profile profile(context);
  CCP_TRY(const auto roots, profile.rootKeys(session.server));
  if (roots.empty())
    return fail(Errc::key_unknown,
                "No root key of " + session.server + " is pinned on this machine.");
  crypto::KeyRingExpectation expected;
  expected.iss = session.server;
  expected.now = context.clock.now();
  // Offline, the ring may be older than its own life: it proved the pack when both arrived.
  if (!require_fresh_ring) {
    expected.skew = hours(24 * 365);
  } else if (const auto known = profile.keyRing()) {
    // A ring older than the one seen last would bring back keys that were compromised since.
    auto any_age = expected;
    any_age.skew = hours(24 * 365);
    if (const auto seen = crypto::parseKeyRing(*known, roots, any_age))
      expected.min_version = seen->version;
  }
  CCP_TRY(const auto ring, crypto::parseKeyRing(ring_text, roots, expected));
  CCP_TRY(const auto key, profile.deviceKey(false));
  crypto::PackExpectation pack_expected;
  pack_expected.iss = session.server;
  pack_expected.aud = session.product_id;
  pack_expected.jkt = key.publicKey().thumbprint();
  pack_expected.now = context.clock.now();
  return crypto::verifyPack(pack, ring, pack_expected);
}

}  // namespace

Result<crypto::VerifiedPack> storedPack(const Context& context) {
  const Profile profile(context);
  CCP_TRY(const auto session, profile.session());
  const auto pack = profile.pack();
  const auto ring = profile.keyRing();
  if (!pack || !ring) return fail(Errc::pack_invalid, "There is no license pack on this machine.");
  return verify(context, session, *pack, *ring, false);
}

Result<crypto::KeyRing> storedKeyRing(const Context& context) {
  const Profile profile(context);
  CCP_TRY(const auto session, profile.session());
  const auto text = profile.keyRing();
  if (!text) return fail(Errc::pack_invalid, "There is no key ring on this machine.");
  CCP_TRY(const auto roots, profile.rootKeys(session.server));
  crypto::KeyRingExpectation expected;
  expected.iss = session.server;
  expected.now = context.clock.now();
  expected.skew = hours(24 * 365);
  return crypto::parseKeyRing(*text, roots, expected);
}

Result<crypto::VerifiedPack> fetchPack(const Context& context, Server& server, bool first) {
  CCP_TRY(const auto answer,
          server.call("POST", first ? "/v1/license/issue" : "/v1/license/refresh", Json::object()));
  CCP_TRY(const auto pack, answer.str("pack"));
  CCP_TRY(auto verified, verify(context, server.session(), pack, answer["keyring"].dump(), true));
  const Profile profile(context);
  CCP_CHECK_OK(profile.savePack(pack, answer["keyring"]));
  auto sync = profile.sync();
  sync.license_synced_at = context.clock.now();
  if (const auto at = answer.optStr("refresh_after_at")) {
    if (const auto parsed = parseRfc3339(*at)) sync.pack_refresh_after_at = *parsed;
  }
  CCP_CHECK_OK(profile.save(sync));
  return verified;
}

void renewPackIfDue(const Context& context, Server& server, const std::string& plan_now) {
  const auto sync = Profile(context).sync();
  const auto stored = storedPack(context);
  const bool due = !stored || !sync.pack_refresh_after_at ||
                   *sync.pack_refresh_after_at <= context.clock.now() ||
                   stored->claims.plan != plan_now;
  if (due) static_cast<void>(fetchPack(context, server, false));
}

}  // namespace ccp::cli
