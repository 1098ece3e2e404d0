// What a server, a network or a disk could do to a client, as a table: every attack of TUF's list and of
// docs/adr/0015-policy-documents.md, the document that it is about, and the code that refuses it. After each
// one the good set still runs from the cache, and an honest document still comes in.
#include <doctest/doctest.h>

#include <algorithm>
#include <functional>

#include "tests/unit/policy/distribution/rig.hpp"

using namespace ccp;
using namespace ccp::policy;
using ccp::test::kPolicyStart;
using ccp::test::PolicyRig;
using ccp::test::PolicyWorkshop;

namespace {

struct Attack {
  const char* name;
  const char* stage;  // which document is refused
  Errc code;
  /// Prepares the attack on a client that runs version 1 of prod.
  std::function<void(PolicyRig&, Updater&)> prepare;
  /// Whether honest documents come in afterwards without anybody's help.
  bool recovers = true;
};

constexpr Channel kProd = Channel::prod;

void serveChannel(PolicyRig& rig, std::string envelope) {
  rig.source.on_channel = [envelope](const std::string&) { return Result<std::optional<std::string>>(std::optional(envelope)); };
}
void servePack(PolicyRig& rig, std::string envelope) {
  rig.source.on_pack = [envelope](const std::string&, std::size_t) { return Result<std::string>(envelope); };
}
/// The next honest document, changed before it is signed.
void publishChanged(PolicyRig& rig, const std::function<void(ChannelDocument&)>& change, const std::vector<std::string>& signers = {"server"}) {
  auto document = rig.shop.next(kProd, {rig.shop.pack("base", 1)}, rig.clock.now());
  change(document);
  serveChannel(rig, rig.shop.sign(document, signers));
}
/// A version of the pack that the honest channel lists, whose envelope is another.
void publishPack(PolicyRig& rig, const PackDocument& pack, const std::string& envelope) {
  rig.shop.publish(kProd, {pack}, rig.clock.now());
  servePack(rig, envelope);
}
void flip(std::string& text, std::size_t at) { text[at] = text[at] == 'A' ? 'B' : 'A'; }
/// Roots that the source offers from version 2 on.
void serveRoots(PolicyRig& rig, std::function<std::string(std::int64_t)> make) {
  rig.source.on_root = [&rig, make](std::int64_t version) {
    return Result<std::optional<std::string>>(std::optional(version == 1 ? rig.shop.rootEnvelope() : make(version)));
  };
}
RootDocument nextRoot(PolicyRig& rig, std::int64_t version = 2) {
  auto root = rig.shop.root();
  root.version = version;
  return root;
}

const std::vector<Attack>& attacks() {
  static const std::vector<Attack> table{
      // Rollback, equivocation, fast-forward
      {"rollback: an older version", "channel", Errc::policy_rollback,
       [](PolicyRig& rig, Updater& updater) {
         const auto old = rig.shop.channelEnvelopes().at(kProd);
         rig.shop.publish(kProd, {rig.shop.pack("base", 2)}, rig.clock.now());
         REQUIRE(updater.confirm(*rig.must(updater.fetch({}))));
         serveChannel(rig, old);
       }},
      {"the same version with other content", "channel", Errc::policy_equivocation,
       [](PolicyRig& rig, Updater&) { publishChanged(rig, [](ChannelDocument& d) { d.version = 1; d.prev.clear(); d.issued_at += seconds(1); }); }},
      {"the next version that follows another one", "channel", Errc::policy_equivocation,
       [](PolicyRig& rig, Updater&) { publishChanged(rig, [](ChannelDocument& d) { d.prev = std::string(64, 'a'); }); }},
      {"version + 5000", "channel", Errc::policy_fast_forward,
       [](PolicyRig& rig, Updater&) { publishChanged(rig, [](ChannelDocument& d) { d.version += 5000; }); }},
      {"the same version of a pack with other content", "channel", Errc::policy_equivocation,
       [](PolicyRig& rig, Updater&) { rig.shop.publish(rig.shop.next(kProd, {rig.shop.pack("base", 1, PolicyWorkshop::kDeny)})); }, false},
      // Freeze, time
      {"an expired document", "channel", Errc::policy_expired,
       [](PolicyRig& rig, Updater&) {
         rig.shop.publish(kProd, {rig.shop.pack("base", 2)}, rig.clock.now());
         rig.clock.advance(hours(73));
       }},
      {"freeze: the same document until it has run out", "channel", Errc::policy_expired,
       [](PolicyRig& rig, Updater&) {
         serveChannel(rig, rig.shop.channelEnvelopes().at(kProd));
         rig.clock.advance(hours(73));
       }},
      {"the clock set back by a year", "channel", Errc::policy_expired,
       [](PolicyRig& rig, Updater& updater) {
         const auto old = rig.shop.sign(rig.shop.next(kProd, {rig.shop.pack("base", 1)}, rig.clock.now()));
         rig.clock.advance(hours(100));
         CHECK_FALSE(rig.must(updater.fetch({})));  // time passes, and is remembered
         rig.clock.advance(-hours(24 * 365));
         serveChannel(rig, old);
       }},
      {"an expired root", "root", Errc::policy_expired, [](PolicyRig& rig, Updater&) { rig.clock.advance(hours(24 * 365)); }, false},
      // Signatures
      {"a bit flipped in the payload", "channel", Errc::policy_signature_invalid,
       [](PolicyRig& rig, Updater&) {
         auto document = rig.shop.next(kProd, {rig.shop.pack("base", 1)}, rig.clock.now());
         const auto text = toText(document);
         auto envelope = rig.shop.sign(document);
         document.version += 1;
         const auto at = envelope.find(base64Encode(bytesOf(text)));
         envelope.replace(at, base64Encode(bytesOf(text)).size(), base64Encode(bytesOf(toText(document))));
         serveChannel(rig, envelope);
       }},
      {"an unknown key", "channel", Errc::policy_signature_invalid,
       [](PolicyRig& rig, Updater&) { publishChanged(rig, [](ChannelDocument&) {}, {"mallory"}); }},
      {"a key of another role", "channel", Errc::policy_signature_invalid,
       [](PolicyRig& rig, Updater&) { publishChanged(rig, [](ChannelDocument&) {}, {"ada", "bob", "cyd"}); }},
      {"the type of another document", "channel", Errc::policy_wrong_type,
       [](PolicyRig& rig, Updater&) { serveChannel(rig, rig.shop.sign(rig.shop.pack("base", 1))); }},
      {"a channel document under the type of a root", "channel", Errc::policy_wrong_type,
       [](PolicyRig& rig, Updater&) {
         const auto text = toText(rig.shop.next(kProd, {}, rig.clock.now()));
         serveChannel(rig, crypto::signDsse(kPayloadRoot, text, {&rig.shop.key("server")}));
       }},
      {"the dev channel shown as prod", "channel", Errc::policy_wrong_channel,
       [](PolicyRig& rig, Updater&) { serveChannel(rig, rig.shop.publish(Channel::dev, {rig.shop.pack("base", 2)}, rig.clock.now())); }},
      {"the channel of another organization", "channel", Errc::policy_wrong_org,
       [](PolicyRig& rig, Updater&) {
         PolicyWorkshop other("org_abc");  // holds the same key of the same server
         serveChannel(rig, other.publish(kProd, {other.pack("base", 2)}, rig.clock.now()));
       }},
      {"a policy API from the future", "channel", Errc::policy_engine_mismatch,
       [](PolicyRig& rig, Updater&) { publishChanged(rig, [](ChannelDocument& d) { d.min_engine = kPolicyApi + 1; }); }},
      {"a truncated channel document", "channel", Errc::policy_document_invalid,
       [](PolicyRig& rig, Updater&) {
         const auto envelope = rig.shop.sign(rig.shop.next(kProd, {}, rig.clock.now()));
         serveChannel(rig, envelope.substr(0, envelope.size() / 2));
       }},
      {"no end of a channel document", "channel", Errc::policy_too_large,
       [](PolicyRig& rig, Updater&) { serveChannel(rig, std::string(3u << 20, ' ')); }},
      // Packs
      {"threshold short by one", "pack", Errc::policy_threshold_not_met,
       [](PolicyRig& rig, Updater&) { publishPack(rig, rig.shop.pack("base", 2), rig.shop.sign(rig.shop.pack("base", 2), {"ada"})); }},
      {"the same key twice", "pack", Errc::policy_threshold_not_met,
       [](PolicyRig& rig, Updater&) { publishPack(rig, rig.shop.pack("base", 2), rig.shop.sign(rig.shop.pack("base", 2), {"ada", "ada"})); }},
      {"a pack signed by the server", "pack", Errc::policy_signature_invalid,
       [](PolicyRig& rig, Updater&) { publishPack(rig, rig.shop.pack("base", 2), rig.shop.sign(rig.shop.pack("base", 2), {"server"})); }},
      {"a pack made for dev only", "pack", Errc::policy_wrong_channel,
       [](PolicyRig& rig, Updater&) {
         auto pack = rig.shop.pack("base", 2);
         pack.channels = {Channel::dev};
         publishPack(rig, pack, rig.shop.sign(pack));
       }},
      {"a pack of another organization", "pack", Errc::policy_wrong_org,
       [](PolicyRig& rig, Updater&) {
         auto pack = rig.shop.pack("base", 2);
         pack.org = "org_abc";
         publishPack(rig, pack, rig.shop.sign(pack));
       }},
      {"a pack under another name than listed", "pack", Errc::policy_not_listed,
       [](PolicyRig& rig, Updater&) {
         const auto pack = rig.shop.pack("base", 2);
         rig.shop.publish(kProd, {pack}, rig.clock.now());
         auto document = rig.shop.next(kProd, {pack}, rig.clock.now());
         document.packs[0].name = "other";
         rig.shop.publish(document);
       }},
      {"mix-and-match: a genuine pack in place of the listed one", "pack", Errc::policy_hash_mismatch,
       [](PolicyRig& rig, Updater&) {
         // Of the same length, so that nothing but the hash tells them apart.
         publishPack(rig, rig.shop.pack("base", 2), rig.shop.sign(rig.shop.pack("base", 3)));
       }},
      {"a pack longer than listed", "pack", Errc::policy_too_large,
       [](PolicyRig& rig, Updater&) {
         auto longer = rig.shop.pack("base", 2);
         longer.files[0].second += "-- more";
         publishPack(rig, rig.shop.pack("base", 2), rig.shop.sign(longer));
       }},
      {"no end of a pack", "pack", Errc::policy_too_large,
       [](PolicyRig& rig, Updater&) {
         rig.shop.publish(kProd, {rig.shop.pack("base", 2)}, rig.clock.now());
         servePack(rig, std::string(8u << 20, 'x'));
       }},
      {"a truncated pack", "pack", Errc::policy_document_invalid,
       [](PolicyRig& rig, Updater&) {
         const auto envelope = rig.shop.sign(rig.shop.pack("base", 2));
         publishPack(rig, rig.shop.pack("base", 2), envelope.substr(0, envelope.size() - 20));
       }},
      {"a bit flipped in a pack", "pack", Errc::policy_hash_mismatch,
       [](PolicyRig& rig, Updater&) {
         auto envelope = rig.shop.sign(rig.shop.pack("base", 2));
         flip(envelope, envelope.find("\"payload\":\"") + 100);
         publishPack(rig, rig.shop.pack("base", 2), envelope);
       }},
      {"a signature of other bytes", "pack", Errc::policy_signature_invalid,
       [](PolicyRig& rig, Updater&) {
         const auto good = *parseJson(rig.shop.sign(rig.shop.pack("base", 2)));
         auto swapped = *parseJson(rig.shop.sign(rig.shop.pack("base", 3)));
         swapped.set("payload", good["payload"]);
         publishPack(rig, rig.shop.pack("base", 2), swapped.dump());
       }},
      {"an expired pack", "pack", Errc::policy_expired,
       [](PolicyRig& rig, Updater&) {
         auto pack = rig.shop.pack("base", 2);
         pack.expires_at = pack.issued_at + hours(1);
         rig.clock.advance(hours(2));
         publishPack(rig, pack, rig.shop.sign(pack));
       }},
      {"a pack that needs a newer policy API", "pack", Errc::policy_engine_mismatch,
       [](PolicyRig& rig, Updater&) {
         auto pack = rig.shop.pack("base", 2);
         pack.engine_min = pack.engine_max = kPolicyApi + 1;
         publishPack(rig, pack, rig.shop.sign(pack));
       }},
      {"a channel that lists what it revokes", "channel", Errc::policy_revoked,
       [](PolicyRig& rig, Updater&) {
         publishChanged(rig, [](ChannelDocument& d) { d.revoked = {d.packs[0].sha256}; });
       }},
      {"a pack that an earlier document revoked", "channel", Errc::policy_revoked,
       [](PolicyRig& rig, Updater& updater) {
         auto document = rig.shop.next(kProd, {rig.shop.pack("base", 2)}, rig.clock.now());
         document.revoked = {PolicyWorkshop::sha256Of(rig.shop.pack("base", 1))};
         rig.shop.store(rig.shop.pack("base", 2));
         rig.shop.publish(document);
         REQUIRE(updater.confirm(*rig.must(updater.fetch({}))));
         publishChanged(rig, [](ChannelDocument& d) { d.revoked.clear(); });
       }},
      {"a listed pack that the source does not have", "pack", Errc::not_found,
       [](PolicyRig& rig, Updater&) {
         rig.shop.publish(kProd, {rig.shop.pack("base", 2)}, rig.clock.now());
         rig.source.on_pack = [](const std::string&, std::size_t) { return Result<std::string>(fail(Errc::not_found, "gone")); };
       }},
      // Transfer
      {"a body at one byte a second", "transfer", Errc::deadline_exceeded,
       [](PolicyRig& rig, Updater&) {
         const auto envelope = rig.shop.sign(rig.shop.pack("base", 2));
         rig.shop.publish(kProd, {rig.shop.pack("base", 2)}, rig.clock.now());
         rig.source.on_pack = [&rig, envelope](const std::string&, std::size_t) {
           rig.clock.advance(seconds(static_cast<std::int64_t>(envelope.size())));
           return Result<std::string>(envelope);
         };
       }},
      {"roots at one in ten seconds", "transfer", Errc::deadline_exceeded,
       [](PolicyRig& rig, Updater&) {
         serveRoots(rig, [&rig](std::int64_t version) {
           rig.clock.advance(seconds(10));
           return rig.shop.sign(nextRoot(rig, version), {"ada", "bob"});
         });
       },
       false},
      // Roots
      {"root N+2 offered first", "root", Errc::policy_root_order,
       [](PolicyRig& rig, Updater&) { serveRoots(rig, [&rig](std::int64_t v) { return rig.shop.sign(nextRoot(rig, v + 1), {"ada", "bob"}); }); }},
      {"the same root again", "root", Errc::policy_root_order,
       [](PolicyRig& rig, Updater&) { serveRoots(rig, [&rig](std::int64_t) { return rig.shop.rootEnvelope(); }); }},
      {"root N+1 signed by the new keys only", "root", Errc::policy_signature_invalid,
       [](PolicyRig& rig, Updater&) {
         serveRoots(rig, [&rig](std::int64_t) {
           auto root = nextRoot(rig);
           rig.shop.setRole(root, "root", {"mallory", "trudy"}, 2);
           return rig.shop.sign(root, {"mallory", "trudy"});
         });
       }},
      {"root N+1 signed by the old keys only", "root", Errc::policy_signature_invalid,
       [](PolicyRig& rig, Updater&) {
         serveRoots(rig, [&rig](std::int64_t) {
           auto root = nextRoot(rig);
           rig.shop.setRole(root, "root", {"dan", "eve"}, 2);
           return rig.shop.sign(root, {"ada", "bob"});
         });
       }},
      {"root N+1 short of one old signature", "root", Errc::policy_threshold_not_met,
       [](PolicyRig& rig, Updater&) { serveRoots(rig, [&rig](std::int64_t) { return rig.shop.sign(nextRoot(rig), {"ada"}); }); }},
      {"two keys of one person for a root", "root", Errc::policy_threshold_not_met,
       [](PolicyRig& rig, Updater& updater) {
         rig.shop.rotate([&](RootDocument& r) { rig.shop.setRole(r, "root", {"ada", "ada/2", "bob"}, 2); });
         CHECK_FALSE(rig.must(updater.fetch({})));
         rig.source.on_root = [&rig](std::int64_t version) {
           auto root = rig.shop.root();
           root.version = 3;
           return Result<std::optional<std::string>>(version == 3 ? std::optional(rig.shop.sign(root, {"ada", "ada/2"})) : std::nullopt);
         };
       }},
      {"the root of another organization", "root", Errc::policy_wrong_org,
       [](PolicyRig& rig, Updater&) {
         serveRoots(rig, [&rig](std::int64_t) {
           auto root = nextRoot(rig);
           root.org = "org_abc";
           return rig.shop.sign(root, {"ada", "bob"});
         });
       }},
      {"a chain of 300 roots", "root", Errc::policy_root_order,
       [](PolicyRig& rig, Updater&) {
         for (int i = 0; i < 299; ++i) rig.shop.rotate([](RootDocument&) {});
       }},
      {"a revoked key of the channel", "channel", Errc::policy_signature_invalid,
       [](PolicyRig& rig, Updater&) {
         rig.shop.rotate([&](RootDocument& r) { rig.shop.setRole(r, "channel.prod", {"server/2"}, 1); });
         rig.shop.publish(kProd, {rig.shop.pack("base", 2)}, rig.clock.now());  // still signed by "server"
       },
       false},
      {"a revoked key of an author", "pack", Errc::policy_threshold_not_met,
       [](PolicyRig& rig, Updater&) {
         rig.shop.rotate([&](RootDocument& r) { rig.shop.setRole(r, "pack.prod", {"bob", "cyd"}, 2); });
         rig.shop.publish(kProd, {rig.shop.pack("base", 2)}, rig.clock.now());  // by ada and bob
       },
       false},
  };
  return table;
}

/// The set that runs is untouched: what the cache proves is what was good before.
void checkStillGood(PolicyRig& rig, const std::string& running) {
  auto restarted = rig.updater();
  const auto cached = restarted.fromCache();
  REQUIRE_MESSAGE(cached.has_value(), (cached ? "" : cached.error().text()));
  CHECK(cached->sha256 == running);
}

}  // namespace

TEST_CASE("every attack on a running client is refused with its code, and changes nothing") {
  for (const auto& attack : attacks()) {
    const std::string name = attack.name;
    const std::string stage = attack.stage;
    CAPTURE(name);
    CAPTURE(stage);
    PolicyRig rig;
    auto updater = rig.updater();
    rig.settle(updater);
    attack.prepare(rig, updater);
    const auto before = rig.updater().fromCache();
    const auto outcome = updater.fetch({});
    REQUIRE_FALSE_MESSAGE(outcome.has_value(), name);
    CHECK_MESSAGE((outcome.error().code == attack.code), outcome.error().text());
    CHECK_FALSE(outcome.error().detail.empty());
    // A new root takes effect at once on what the cache holds: those cases are checked by themselves.
    if (rig.shop.rootEnvelopes().size() == 1) {
      REQUIRE(before.has_value());
      checkStillGood(rig, before->sha256);
    }
    if (!attack.recovers) continue;
    rig.source.on_root = nullptr;
    rig.source.on_channel = nullptr;
    rig.source.on_pack = nullptr;
    if (rig.clock.now() < kPolicyStart) rig.clock.advance(hours(24 * 365));
    rig.shop.publish(kProd, {rig.shop.pack("base", 9)}, rig.clock.now());
    const auto honest = updater.fetch({});
    REQUIRE_MESSAGE(honest.has_value(), (name + ": " + (honest ? "" : honest.error().text())));
    REQUIRE_MESSAGE(honest->has_value(), name);
    CHECK(updater.confirm(**honest).has_value());
  }
}

TEST_CASE("on a first start nothing is believed that the pin does not prove") {
  PolicyRig rig;
  rig.shop.publish(kProd, {rig.shop.pack("base", 1)});
  SUBCASE("a foreign root") {
    PolicyWorkshop other("operator", kPolicyStart + seconds(1));
    other.publish(kProd, {other.pack("base", 1)});
    test::WorkshopSource elsewhere(other);
    Updater updater({rig.folder(kProd), "operator", kProd, rig.pin, Origin::server}, elsewhere, rig.clock);
    CHECK((updater.fetch({}).error().code == Errc::policy_pin_mismatch));
  }
  SUBCASE("no root") {
    rig.source.on_root = [](std::int64_t) { return Result<std::optional<std::string>>(std::optional<std::string>()); };
    CHECK((rig.updater().fetch({}).error().code == Errc::policy_root_missing));
  }
  SUBCASE("a root that its own people did not sign") {
    const auto envelope = rig.shop.sign(rig.shop.root(), {"ada"});
    rig.pin = sha256Hex(envelope);
    rig.source.on_root = [envelope](std::int64_t version) {
      return Result<std::optional<std::string>>(version == 1 ? std::optional(envelope) : std::nullopt);
    };
    CHECK((rig.updater().fetch({}).error().code == Errc::policy_threshold_not_met));
  }
  SUBCASE("304 without a cache") {
    rig.source.on_channel = [](const std::string&) { return Result<std::optional<std::string>>(std::optional<std::string>()); };
    CHECK((rig.updater().fetch({}).error().code == Errc::provider_error));
  }
  SUBCASE("any version is a start") {
    auto document = rig.shop.next(kProd, {rig.shop.pack("base", 1)});
    document.version = 70'000;
    rig.shop.publish(document);
    CHECK(PolicyRig::must(rig.updater().fetch({})).has_value());
  }
}

TEST_CASE("a rotation of the channel's keys lets its version start again, a shared key does not") {
  PolicyRig rig;
  auto updater = rig.updater();
  rig.settle(updater);
  // A thief of the key ran ahead.
  auto ahead = rig.shop.next(kProd, {rig.shop.pack("base", 1)});
  ahead.version = 1001;
  ahead.issued_at = rig.clock.now() + hours(24 * 100);
  ahead.expires_at = ahead.issued_at + hours(24);
  serveChannel(rig, rig.shop.sign(ahead));
  REQUIRE(updater.confirm(*rig.must(updater.fetch({}))));
  rig.source.on_channel = nullptr;
  CHECK((updater.fetch({}).error().code == Errc::policy_rollback));
  SUBCASE("replaced") {
    rig.shop.rotate([&](RootDocument& r) { rig.shop.setRole(r, "channel.prod", {"server/2"}, 1); });
    rig.shop.store(rig.shop.pack("base", 2));
    serveChannel(rig, rig.shop.sign(rig.shop.next(kProd, {rig.shop.pack("base", 2)}, rig.clock.now()), {"server/2"}));
    const auto set = rig.must(updater.fetch({}));
    REQUIRE(set);
    CHECK(set->version == 2);
    REQUIRE(updater.confirm(*set));
    CHECK(updater.state().channel_version == 2);
    // The time that the thief claimed is forgotten with his key, and after a restart as well.
    CHECK(updater.state().last_trusted_time == rig.clock.now());
    auto restarted = rig.updater();
    CHECK(rig.must(restarted.fromCache()).version == 2);
  }
  SUBCASE("added") {
    rig.shop.rotate([&](RootDocument& r) { rig.shop.setRole(r, "channel.prod", {"server", "server/2"}, 1); });
    serveChannel(rig, rig.shop.sign(rig.shop.next(kProd, {rig.shop.pack("base", 2)}, rig.clock.now()), {"server/2"}));
    CHECK((updater.fetch({}).error().code == Errc::policy_rollback));
  }
}

TEST_CASE("a chain of 300 roots is walked in two attempts") {
  PolicyRig rig;
  auto updater = rig.updater();
  rig.settle(updater);
  for (int i = 0; i < 299; ++i) rig.shop.rotate([](RootDocument&) {});
  CHECK((updater.fetch({}).error().code == Errc::policy_root_order));
  CHECK(updater.state().root_version == 257);
  auto restarted = rig.updater();
  CHECK(rig.must(restarted.fetch({})).has_value());  // nothing runs here yet: the set again
  CHECK(restarted.state().root_version == 300);
}

TEST_CASE("a root that was seen is never left for an older one") {
  PolicyRig rig;
  auto updater = rig.updater();
  rig.settle(updater);
  rig.shop.rotate([](RootDocument&) {});
  CHECK_FALSE(rig.must(updater.fetch({})));
  std::filesystem::remove(rig.folder(kProd) + "/roots/2.json");
  rig.source.on_root = [&rig](std::int64_t version) {
    return Result<std::optional<std::string>>(version == 1 ? std::optional(rig.shop.rootEnvelopes()[0]) : std::nullopt);
  };
  auto restarted = rig.updater();
  CHECK((restarted.fromCache().error().code == Errc::policy_rollback));
  CHECK((restarted.fetch({}).error().code == Errc::policy_rollback));
}

TEST_CASE("under a new root what runs is judged again, until it is replaced") {
  PolicyRig rig;
  auto updater = rig.updater();
  rig.settle(updater);
  rig.shop.rotate([&](RootDocument& r) { rig.shop.setRole(r, "pack.prod", {"bob", "cyd"}, 2); });
  for (int i = 0; i < 2; ++i) CHECK((updater.fetch(seconds(55)).error().code == Errc::policy_threshold_not_met));
  CHECK((rig.updater().fromCache().error().code == Errc::policy_threshold_not_met));
  // The same content, signed by those who may now.
  rig.source.on_pack = [&rig](const std::string&, std::size_t) { return Result<std::string>(rig.shop.sign(rig.shop.pack("base", 1), {"bob", "cyd"})); };
  CHECK_FALSE(rig.must(updater.fetch({})));
  CHECK(rig.updater().fromCache().has_value());
}
