// Bringing a set up to date, and the cache: the plain ways. Attacks are in attacks_test.cpp.
#include "policy/distribution/updater.hpp"

#include <doctest/doctest.h>

#include "tests/support/fakes.hpp"
#include "tests/support/policy_workshop.hpp"
#include "tests/unit/policy/distribution/rig.hpp"

using namespace ccp;
using namespace ccp::policy;
using ccp::test::PolicyRig;

TEST_CASE("a set comes in, is confirmed, and is proved again at the next start without the source") {
  PolicyRig rig;
  rig.shop.publish(Channel::prod, {rig.shop.pack("base", 1), rig.shop.pack("extra", 4)});
  auto updater = rig.updater();
  CHECK((updater.fromCache().error().code == Errc::not_found));
  const auto set = updater.fetch({});
  REQUIRE_MESSAGE(set.has_value(), (set ? "" : set.error().text()));
  REQUIRE(set->has_value());
  CHECK((*set)->version == 1);
  CHECK((*set)->packs.size() == 2);
  CHECK((*set)->packs[0].signers == std::vector<std::string>{"ada", "bob"});
  CHECK(((*set)->origin == Origin::server));
  REQUIRE(updater.confirm(**set).has_value());
  const auto asked = rig.source.packs_asked;
  const auto same = updater.fetch(seconds(55));
  REQUIRE(same.has_value());
  CHECK_FALSE(same->has_value());

  auto restarted = rig.updater();
  const auto cached = restarted.fromCache();
  REQUIRE_MESSAGE(cached.has_value(), (cached ? "" : cached.error().text()));
  CHECK((cached->origin == Origin::cache));
  CHECK(cached->sha256 == (*set)->sha256);
  CHECK(cached->packs.size() == 2);
  const auto none = restarted.fetch({});
  REQUIRE(none.has_value());
  CHECK_FALSE(none->has_value());
  CHECK(rig.source.packs_asked == asked);
}

TEST_CASE("a set that was not confirmed is offered again, a rejected one is not") {
  PolicyRig rig;
  rig.shop.publish(Channel::prod, {rig.shop.pack("base", 1)});
  auto updater = rig.updater();
  const auto first = rig.must(updater.fetch({}));
  REQUIRE(first);
  REQUIRE(updater.confirm(*first));
  rig.shop.publish(Channel::prod, {rig.shop.pack("base", 2)});
  REQUIRE(rig.must(updater.fetch({})));
  const auto second = rig.must(updater.fetch({}));
  REQUIRE(second);
  REQUIRE(updater.reject(*second));
  CHECK_FALSE(rig.must(updater.fetch({})));
  // Also after a restart, which runs what ran before; and the seen version stays seen.
  auto restarted = rig.updater();
  const auto cached = restarted.fromCache();
  REQUIRE(cached);
  CHECK(cached->version == 1);
  CHECK_FALSE(rig.must(restarted.fetch({})));
  CHECK(restarted.state().channel_version == 2);
  // The next document with the same pack may try again …
  rig.shop.publish(Channel::prod, {rig.shop.pack("base", 2)});
  const auto third = rig.must(restarted.fetch({}));
  REQUIRE(third);
  // … unless the pack itself was found bad.
  REQUIRE(restarted.reject(*third, Updater::Refuse::packs));
  rig.shop.publish(Channel::prod, {rig.shop.pack("base", 2)});
  CHECK((restarted.fetch({}).error().code == Errc::policy_refused_before));
  rig.shop.publish(Channel::prod, {rig.shop.pack("base", 1)});
  CHECK(rig.must(restarted.fetch({})));
}

TEST_CASE("what was taken back after it went live gives way to the previous slot") {
  PolicyRig rig;
  rig.shop.publish(Channel::prod, {rig.shop.pack("base", 1)});
  auto updater = rig.updater();
  REQUIRE(updater.confirm(*rig.must(updater.fetch({}))));
  rig.shop.publish(Channel::prod, {rig.shop.pack("base", 2)});
  const auto second = rig.must(updater.fetch({}));
  REQUIRE(updater.confirm(*second));
  REQUIRE(updater.reject(*second, Updater::Refuse::packs));
  auto restarted = rig.updater();
  const auto cached = restarted.fromCache();
  REQUIRE(cached);
  CHECK(cached->version == 1);
}

TEST_CASE("a deliberate way back is a new version that lists the old pack") {
  PolicyRig rig;
  auto updater = rig.updater();
  for (const int version : {1, 2, 1}) {
    rig.shop.publish(Channel::prod, {rig.shop.pack("base", version)});
    const auto set = rig.must(updater.fetch({}));
    REQUIRE(set);
    CHECK(set->packs[0].document.version == version);
    REQUIRE(updater.confirm(*set));
  }
}

TEST_CASE("the pinned root may stand anywhere in the chain") {
  PolicyRig rig;
  rig.shop.rotate([](RootDocument&) {});
  rig.pin = sha256Hex(rig.shop.rootEnvelope());
  rig.shop.rotate([](RootDocument&) {});
  rig.shop.publish(Channel::prod, {rig.shop.pack("base", 1)});
  auto updater = rig.updater();
  REQUIRE(updater.confirm(*rig.must(updater.fetch({}))));
  CHECK(updater.state().root_version == 3);
  CHECK(rig.updater().fromCache().has_value());
}

TEST_CASE("without a pin dev trusts the first root that it meets, and prod none") {
  PolicyRig rig;
  rig.pin.clear();
  rig.shop.publish(Channel::dev, {rig.shop.pack("base", 1)});
  rig.shop.publish(Channel::prod, {rig.shop.pack("base", 1)});
  CHECK((rig.updater(Channel::prod).fetch({}).error().code == Errc::policy_pin_mismatch));
  auto dev = rig.updater(Channel::dev);
  REQUIRE(dev.confirm(*rig.must(dev.fetch({}))));
  // From then on it is that one.
  test::PolicyWorkshop other("operator", test::kPolicyStart + seconds(5));
  other.publish(Channel::dev, {other.pack("base", 9)});
  test::WorkshopSource elsewhere(other);
  Updater again({rig.folder(Channel::dev), "operator", Channel::dev, "", Origin::server}, elsewhere, rig.clock);
  CHECK(again.fromCache().has_value());
  CHECK_FALSE(again.fetch({}).has_value());
}

TEST_CASE("the cache is its owner's alone") {
  PolicyRig rig;
  rig.shop.publish(Channel::prod, {rig.shop.pack("base", 1)});
  auto updater = rig.updater();
  REQUIRE(updater.confirm(*rig.must(updater.fetch({}))));
  namespace fs = std::filesystem;
  for (const auto& entry : fs::recursive_directory_iterator(rig.folder(Channel::prod))) {
    const auto mode = static_cast<unsigned>(entry.status().permissions());
    const std::string path = entry.path().string();
    CAPTURE(path);
    CHECK(mode == (entry.is_directory() ? 0700u : 0600u));
  }
}

TEST_CASE("a folder serves a machine without a network") {
  PolicyRig rig;
  rig.shop.publish(Channel::prod, {rig.shop.pack("base", 1)});
  const auto bootstrap = rig.dir.path() + "/bootstrap";
  REQUIRE(makeDirectories(bootstrap + "/operator/roots"));
  REQUIRE(makeDirectories(bootstrap + "/operator/packs"));
  REQUIRE(writeFileAtomic(bootstrap + "/operator/roots/1.json", rig.shop.rootEnvelope()));
  REQUIRE(writeFileAtomic(bootstrap + "/operator/prod.json", rig.shop.channelEnvelopes().at(Channel::prod)));
  for (const auto& [sha256, envelope] : rig.shop.packEnvelopes()) {
    REQUIRE(writeFileAtomic(bootstrap + "/operator/packs/" + sha256 + ".json", envelope));
  }
  FolderSource source(bootstrap);
  Updater updater({rig.folder(Channel::prod), "operator", Channel::prod, rig.pin, Origin::bootstrap}, source, rig.clock);
  const auto set = rig.must(updater.fetch({}));
  REQUIRE(set);
  CHECK((set->origin == Origin::bootstrap));
  REQUIRE(updater.confirm(*set));
  CHECK_FALSE(rig.must(updater.fetch({})));
  // Nothing newer comes in by a folder that ran out.
  rig.clock.advance(hours(73));
  Updater late({rig.dir.path() + "/late", "operator", Channel::prod, rig.pin, Origin::bootstrap}, source, rig.clock);
  CHECK((late.fetch({}).error().code == Errc::policy_expired));
}

TEST_CASE("documents run out, are used for a time, and then no more") {
  PolicyRig rig;
  rig.shop.publish(Channel::prod, {rig.shop.pack("base", 1)});
  auto updater = rig.updater();
  REQUIRE(updater.confirm(*rig.must(updater.fetch({}))));
  const auto set = *updater.fromCache();
  const auto at = [&](Duration later) { return standing(set, trustedNow(updater.state(), test::kPolicyStart + later), hours(72)); };
  CHECK((at(hours(71)) == Standing::fresh));
  CHECK((at(hours(72)) == Standing::grace));
  CHECK((at(hours(143)) == Standing::grace));
  CHECK((at(hours(144)) == Standing::over));
  CHECK(graceOf(Channel::dev, hours(1)) == hours(24 * 7));
  CHECK(graceOf(Channel::prod, hours(1)) == hours(1));
  VerifiedSet shipped;
  shipped.origin = Origin::builtin;
  CHECK((standing(shipped, test::kPolicyStart, hours(1)) == Standing::fresh));
  // It stays in the cache, and a root that runs out ends the set with it.
  rig.clock.advance(hours(24 * 30));
  CHECK(rig.updater().fromCache().has_value());
}

TEST_CASE("attempts spread out, from a second to five minutes") {
  test::SeededRandom random(7);
  Duration longest{};
  for (int failures = 1; failures < 40; ++failures) {
    for (int i = 0; i < 50; ++i) {
      const auto d = backoff(failures, random);
      const auto cap = std::min<Duration>(minutes(5), seconds(std::int64_t{1} << std::min(failures - 1, 20)));
      CHECK(d >= milliseconds(100));
      CHECK(d <= cap);
      longest = std::max(longest, d);
    }
  }
  CHECK(longest > minutes(4));
}
