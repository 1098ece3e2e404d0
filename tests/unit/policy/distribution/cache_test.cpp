// The cache under attack and under bad luck: edited files, deleted state, other processes, kill -9 at every
// step, a full disk.
#include <doctest/doctest.h>
#include <fcntl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <functional>

#include "core/base/fault.hpp"
#include "tests/unit/policy/distribution/rig.hpp"

using namespace ccp;
using namespace ccp::policy;
using ccp::test::PolicyRig;
namespace fs = std::filesystem;

namespace {

constexpr Channel kProd = Channel::prod;

std::string onlyFile(const std::string& folder) {
  REQUIRE(std::distance(fs::directory_iterator(folder), fs::directory_iterator()) == 1);
  return fs::directory_iterator(folder)->path().string();
}
void overwrite(const std::string& path, const std::string& text) { REQUIRE(writeFileAtomic(path, text, 0600)); }
void edit(const std::string& path, const std::string& from, const std::string& to) {
  auto text = *readFile(path);
  const auto at = text.find(from);
  REQUIRE(at != std::string::npos);
  overwrite(path, text.replace(at, from.size(), to));
}
Errc codeOf(const Result<VerifiedSet>& result) { return result ? Errc::internal : result.error().code; }

/// Runs `body` in a child; returns its wait status.
int inChild(const std::function<int()>& body) {
  const pid_t pid = ::fork();
  REQUIRE(pid >= 0);
  if (pid == 0) ::_exit(body());
  int status = 0;
  REQUIRE(::waitpid(pid, &status, 0) == pid);
  return status;
}

}  // namespace

TEST_CASE("an edited cache proves nothing") {
  PolicyRig rig;
  auto updater = rig.updater();
  rig.settle(updater);
  const auto folder = rig.folder(kProd);
  SUBCASE("the pack") {
    auto changed = rig.shop.pack("base", 1, test::PolicyWorkshop::kDeny);
    overwrite(onlyFile(folder + "/packs"), rig.shop.sign(changed, {"ada", "bob"}));
    CHECK((codeOf(rig.updater().fromCache()) == Errc::policy_too_large));
  }
  SUBCASE("a pack that is shorter") {
    auto changed = rig.shop.pack("base", 1, "function decide() return {allow=true} end");
    overwrite(onlyFile(folder + "/packs"), rig.shop.sign(changed, {"ada", "bob"}));
    CHECK((codeOf(rig.updater().fromCache()) == Errc::policy_hash_mismatch));
  }
  SUBCASE("the signatures of the pack") {
    overwrite(onlyFile(folder + "/packs"), rig.shop.sign(rig.shop.pack("base", 1), {"ada"}));
    CHECK((codeOf(rig.updater().fromCache()) == Errc::policy_threshold_not_met));
  }
  SUBCASE("the pack is gone") {
    fs::remove(onlyFile(folder + "/packs"));
    CHECK((codeOf(rig.updater().fromCache()) == Errc::data_loss));
  }
  SUBCASE("the channel document in place") {
    edit(onlyFile(folder + "/channels"), "\"sig\":\"", "\"sig\":\"AAAA");
    CHECK((codeOf(rig.updater().fromCache()) == Errc::policy_hash_mismatch));
  }
  SUBCASE("a forged channel document under its own digest, and a state that names it") {
    auto document = rig.shop.next(kProd, {rig.shop.pack("base", 1)});
    const auto forged = rig.shop.sign(document, {"mallory"});
    const auto old = fs::path(onlyFile(folder + "/channels")).stem().string();
    overwrite(folder + "/channels/" + sha256Hex(forged) + ".json", forged);
    edit(folder + "/state.json", "\"active\":\"" + old, "\"active\":\"" + sha256Hex(forged));
    CHECK((codeOf(rig.updater().fromCache()) == Errc::policy_signature_invalid));
  }
  SUBCASE("the root") {
    test::PolicyWorkshop other("operator", test::kPolicyStart + seconds(1));
    overwrite(folder + "/roots/1.json", other.rootEnvelope());
    CHECK((codeOf(rig.updater().fromCache()) == Errc::policy_pin_mismatch));
  }
  // Whatever was broken, the source mends it.
  rig.shop.publish(kProd, {rig.shop.pack("base", 2)}, rig.clock.now());
  auto again = rig.updater();
  (void)again.fromCache();
  const auto set = rig.must(again.fetch({}));
  REQUIRE(set);
  REQUIRE(again.confirm(*set));
  CHECK(rig.must(rig.updater().fromCache()).version == 2);
}

TEST_CASE("a damaged active slot gives way to the previous one, and comes back from the source") {
  PolicyRig rig;
  auto updater = rig.updater();
  rig.settle(updater);
  rig.shop.publish(kProd, {rig.shop.pack("base", 2)}, rig.clock.now());
  const auto second = *rig.must(updater.fetch({}));
  REQUIRE(updater.confirm(second));
  overwrite(rig.folder(kProd) + "/channels/" + second.sha256 + ".json", "{}");
  auto restarted = rig.updater();
  CHECK(rig.must(restarted.fromCache()).version == 1);
  CHECK(restarted.state().channel_version == 2);  // what was seen stays seen
  const auto healed = rig.must(restarted.fetch({}));
  REQUIRE(healed);
  CHECK(healed->version == 2);
  REQUIRE(restarted.confirm(*healed));
  CHECK(rig.must(rig.updater().fromCache()).version == 2);
}

TEST_CASE("a pack that is revoked does not run from the cache either") {
  PolicyRig rig;
  auto updater = rig.updater();
  rig.settle(updater);
  rig.shop.publish(kProd, {rig.shop.pack("base", 2)}, rig.clock.now());
  REQUIRE(updater.confirm(*rig.must(updater.fetch({}))));
  // Version 3 revokes both; it comes in but never gets to run.
  auto document = rig.shop.next(kProd, {rig.shop.pack("base", 3)}, rig.clock.now());
  document.revoked = {test::PolicyWorkshop::sha256Of(rig.shop.pack("base", 1)), test::PolicyWorkshop::sha256Of(rig.shop.pack("base", 2))};
  rig.shop.store(rig.shop.pack("base", 3));
  rig.shop.publish(document);
  REQUIRE(rig.must(updater.fetch({})));
  CHECK((codeOf(rig.updater().fromCache()) == Errc::policy_revoked));
}

TEST_CASE("without state.json the envelopes say what was seen") {
  PolicyRig rig;
  auto updater = rig.updater();
  rig.settle(updater);
  const auto first = rig.shop.channelEnvelopes().at(kProd);
  rig.shop.publish(kProd, {rig.shop.pack("base", 2)}, rig.clock.now());
  REQUIRE(updater.confirm(*rig.must(updater.fetch({}))));
  const auto state = rig.folder(kProd) + "/state.json";
  SUBCASE("deleted") { fs::remove(state); }
  SUBCASE("empty") { overwrite(state, ""); }
  SUBCASE("turned back") { edit(state, "\"highest_seen\":{\"version\":2", "\"highest_seen\":{\"version\":1"); }
  SUBCASE("of another set") { edit(state, "\"org\":\"operator\"", "\"org\":\"org_abc\""); }
  rig.source.on_channel = [first](const std::string&) { return Result<std::optional<std::string>>(std::optional(first)); };
  auto restarted = rig.updater();
  const auto cached = rig.must(restarted.fromCache());
  CHECK(cached.version == 2);
  CHECK(restarted.state().channel_version == 2);
  CHECK((restarted.fetch({}).error().code == Errc::policy_rollback));
  // And before anything was read from the cache as well.
  CHECK((rig.updater().fetch({}).error().code == Errc::policy_rollback));
}

TEST_CASE("a clock that was set back makes nothing fresh") {
  PolicyRig rig;
  auto updater = rig.updater();
  rig.settle(updater);
  rig.clock.advance(hours(80));
  CHECK((updater.fetch({}).has_value()));  // 304: time is remembered
  rig.clock.advance(-hours(24 * 365));
  auto restarted = rig.updater();
  const auto set = rig.must(restarted.fromCache());
  CHECK((standing(set, trustedNow(restarted.state(), rig.clock.now()), hours(72)) == Standing::grace));
}

TEST_CASE("a folder that others own or that is none is refused") {
  PolicyRig rig;
  REQUIRE(makeDirectories(rig.dir.path() + "/cache", 0700));
  overwrite(rig.folder(kProd), "a file");
  CHECK((codeOf(rig.updater().fromCache()) == Errc::io_error));
}

TEST_CASE("processes that share a folder agree on the newest set") {
  PolicyRig rig;
  auto one = rig.updater();
  rig.settle(one);
  auto two = rig.updater();
  CHECK(rig.must(two.fromCache()).version == 1);
  // One is ahead; two still believes in its own answer of the source.
  rig.shop.publish(kProd, {rig.shop.pack("base", 2)}, rig.clock.now());
  const auto behind = rig.must(two.fetch({}));
  rig.shop.publish(kProd, {rig.shop.pack("base", 3)}, rig.clock.now());
  REQUIRE(one.confirm(*rig.must(one.fetch({}))));
  REQUIRE(two.confirm(*behind));
  CHECK(rig.must(rig.updater().fromCache()).version == 3);
  const auto caught_up = rig.must(two.fetch({}));
  REQUIRE(caught_up);
  CHECK(caught_up->version == 3);
}

TEST_CASE("eight processes reload one folder at once") {
  PolicyRig rig;
  auto updater = rig.updater();
  rig.settle(updater);
  for (int version = 2; version <= 6; ++version) rig.shop.publish(kProd, {rig.shop.pack("base", version)}, rig.clock.now());
  std::vector<pid_t> children;
  for (int i = 0; i < 8; ++i) {
    const pid_t pid = ::fork();
    REQUIRE(pid >= 0);
    if (pid == 0) {
      int failures = 0;
      for (int round = 0; round < 3; ++round) {
        auto mine = rig.updater();
        if (!mine.fromCache()) ++failures;
        const auto set = mine.fetch({});
        if (!set || (*set && !mine.confirm(**set))) ++failures;
      }
      ::_exit(failures);
    }
    children.push_back(pid);
  }
  for (const pid_t pid : children) {
    int status = 0;
    REQUIRE(::waitpid(pid, &status, 0) == pid);
    CHECK(WIFEXITED(status));
    CHECK(WEXITSTATUS(status) == 0);
  }
  CHECK(rig.must(rig.updater().fromCache()).version == 6);
}

TEST_CASE("kill -9 at any step leaves a cache that starts") {
  for (const char* point : {"policy.cache.write", "policy.cache.written", "policy.cache.sweep", "policy.cache.confirmed"}) {
    int killed = 0;
    for (int nth = 1; nth < 40; ++nth) {
      const std::string where = std::string(point) + ":" + std::to_string(nth);
      CAPTURE(where);
      PolicyRig rig;
      auto updater = rig.updater();
      rig.settle(updater);
      rig.shop.publish(kProd, {rig.shop.pack("base", 2), rig.shop.pack("other", 1)}, rig.clock.now());
      REQUIRE(updater.confirm(*rig.must(updater.fetch({}))));
      rig.shop.rotate([](RootDocument&) {});
      rig.shop.publish(kProd, {rig.shop.pack("base", 3), rig.shop.pack("other", 1)}, rig.clock.now());
      const int status = inChild([&] {
        ::setenv("CCP_FAULT", where.c_str(), 1);
        armFaults();
        auto child = rig.updater();
        if (!child.fromCache()) return 2;
        const auto set = child.fetch({});
        return set && *set && child.confirm(**set) ? 0 : 3;
      });
      if (WIFEXITED(status)) {
        CHECK(WEXITSTATUS(status) == 0);
        break;  // no such step any more
      }
      REQUIRE(WIFSIGNALED(status));
      ++killed;
      auto restarted = rig.updater();
      const auto cached = rig.must(restarted.fromCache());
      CHECK((cached.version == 2 || cached.version == 3));
      // And it goes on as if nothing had happened.
      const auto set = rig.must(restarted.fetch({}));
      if (set) REQUIRE(restarted.confirm(*set));
      CHECK(rig.must(rig.updater().fromCache()).version == 3);
      for (const auto& entry : fs::recursive_directory_iterator(rig.folder(kProd))) {
        CHECK(entry.path().string().find(".tmp.") == std::string::npos);
      }
    }
    CHECK(killed >= 1);
  }
}

TEST_CASE("a full disk stops neither what runs nor what comes in") {
  PolicyRig rig;
  auto updater = rig.updater();
  rig.settle(updater);
  rig.shop.publish(kProd, {rig.shop.pack("base", 2)}, rig.clock.now());
  const int status = inChild([&] {
    std::signal(SIGXFSZ, SIG_IGN);
    const rlimit none{100, 100};
    if (::setrlimit(RLIMIT_FSIZE, &none) != 0) return 1;
    auto child = rig.updater();
    if (!child.fromCache()) return 2;
    const auto set = child.fetch({});
    if (!set || !*set || (*set)->version != 2) return 3;
    const auto confirmed = child.confirm(**set);
    if (confirmed) return 4;
    if (confirmed.error().code != Errc::io_error) return 5;
    // In this process the version stays seen.
    if (child.state().channel_version != 2) return 6;
    const auto again = child.fetch({});
    return again && !*again ? 0 : 7;
  });
  REQUIRE(WIFEXITED(status));
  CHECK(WEXITSTATUS(status) == 0);
  auto restarted = rig.updater();
  CHECK(rig.must(restarted.fromCache()).version == 1);
  REQUIRE(restarted.confirm(*rig.must(restarted.fetch({}))));
  CHECK(rig.must(rig.updater().fromCache()).version == 2);
}
