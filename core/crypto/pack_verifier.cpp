#include "core/crypto/pack_verifier.hpp"

namespace ccp::crypto {

const char* toString(PackState state) noexcept {
  switch (state) {
    case PackState::valid: return "valid";
    case PackState::in_grace: return "in_grace";
    case PackState::expired: return "expired";
  }
  return "";
}

Result<VerifiedPack> verifyPack(std::string_view pack, const KeyRing& ring, const PackExpectation& expected) {
  const auto refuse = [](std::string why) { return fail(Errc::pack_invalid, std::move(why)); };
  auto json = verifyJws(pack, kTypLicensePack, ring.lookup(KeyUse::pack));
  if (!json) {
    return json.error().code == Errc::token_invalid ? Result<VerifiedPack>(refuse(json.error().detail)) : Result<VerifiedPack>(fail(json.error()));
  }
  auto claims = PackClaims::from(*json);
  if (!claims) return refuse(claims.error().detail);
  if (claims->iss != expected.iss) return refuse("The pack is from \"" + claims->iss + "\", not from \"" + expected.iss + "\".");
  if (claims->aud != expected.aud) return refuse("The pack is for the product \"" + claims->aud + "\", not for \"" + expected.aud + "\".");
  if (!expected.jkt.empty() && claims->jkt != expected.jkt) return refuse("The pack belongs to another device.");
  if (claims->expires_at <= claims->not_before) return refuse("The pack ends before it begins.");
  if (claims->not_before > expected.now + expected.skew) {
    return refuse("The pack is not valid before " + formatRfc3339(claims->not_before) + "; check the clock.");
  }
  VerifiedPack out;
  out.usable_until = claims->expires_at + seconds(claims->grace_s);
  out.state = expected.now < claims->expires_at ? PackState::valid
              : expected.now < out.usable_until ? PackState::in_grace
                                                : PackState::expired;
  out.claims = std::move(*claims);
  return out;
}

}  // namespace ccp::crypto
