// Decisions over a real database, with records as a runtime makes them.
#pragma once

#include "core/decisions/feature.hpp"
#include "core/base/encoding.hpp"
#include "tests/support/temp_db.hpp"

namespace ccp::decisions::test {

using ccp::test::TempDb;

class FakeLicenses final : public licensing::Licenses {
 public:
  std::optional<licensing::License> byOrg(db::Tx&, const std::string& org) override {
    licensing::License out;
    out.org = org;
    return out;
  }
  licensing::Entitlements entitlements(const licensing::License& license) const override {
    licensing::Entitlements out;
    out.privacy = license.org == "org_private" ? "local_only" : "minimized";
    return out;
  }
  Status applyBilling(db::Tx&, const std::string&, const std::vector<licensing::SubscriptionFact>&, const std::string&) override {
    return fail(Errc::unimplemented);
  }
  Status setAdminOverride(db::Tx&, const std::string&, licensing::AdminOverride, const std::string&, const std::string&) override {
    return fail(Errc::unimplemented);
  }
  Result<int> recomputeDue(int) override { return 0; }
};

struct Taps final : LogTap {
  Status logged(db::Tx&, const std::vector<LoggedDecision>& decisions) override {
    if (fail_next-- > 0) return fail(Errc::internal, "the tap is closed");
    seen.insert(seen.end(), decisions.begin(), decisions.end());
    return {};
  }
  std::vector<LoggedDecision> seen;
  int fail_next = 0;
};

struct World {
  explicit World(TempDb& e, Options options = {}) : env(e), feature(open(e, std::move(options))) { feature->connect(licenses, &tap); }

  static std::unique_ptr<Feature> open(TempDb& env, Options options) {
    static const ccp::test::TempDir dir;
    options.master_key_file = dir.path() + "/master.key";
    options.create_master_key = true;
    auto opened = Feature::open({env.db(), env.clock, env.random, env.metrics}, options);
    REQUIRE_MESSAGE(opened, (opened ? std::string() : opened.error().text()));
    return std::move(*opened);
  }

  policy::DecisionRecord record(const std::string& org, bool allow, policy::Point point = policy::Point::feature_gate,
                                const std::string& input = R"({"now":"2026-11-21T12:00:00Z","feature":"dashboards","subject":{"email":"ada@example.com"}})") {
    env.clock.advance(milliseconds(1));
    policy::DecisionRecord out;
    out.decision.id = newId("dec", env.clock, env.random);
    out.decision.allow = allow;
    out.decision.verdict = allow ? policy::Verdict::allow : policy::Verdict::deny;
    out.decision.rule = allow ? "plan.includes" : "plan.excludes";
    out.decision.reason = allow ? "" : "not in the plan";
    out.at = env.clock.now();
    out.org = org;
    out.seat = "seat_1";
    out.point = point;
    out.generation = 7;
    out.packs = {{"operator", "default", 3, std::string(64, 'a')}};
    out.fields_read = {"/feature", "/subject/email"};
    out.input = input;
    out.input_sha256 = sha256Hex(input);
    out.elapsed = Duration(12);
    out.fuel = 34;
    out.memory_peak = 56;
    out.origin = policy::Origin::server;
    return out;
  }
  std::string take(policy::DecisionRecord record) {
    std::string id = record.decision.id;
    feature->sink().take(std::move(record));
    return id;
  }
  std::string decide(const std::string& org, bool allow, policy::Point point = policy::Point::feature_gate) { return take(record(org, allow, point)); }
  void flush() {
    const auto done = feature->flush();
    REQUIRE_MESSAGE(done, (done ? std::string() : done.error().text()));
  }
  std::vector<std::string> ids(const std::optional<std::string>& org, const Filter& filter = {}) {
    const auto page = feature->list(org, filter);
    REQUIRE_MESSAGE(page, (page ? std::string() : page.error().text()));
    std::vector<std::string> out;
    for (const auto& d : page->decisions) out.push_back(d.id);
    return out;
  }
  ChainReport verify(const std::optional<std::string>& org = std::nullopt) {
    auto report = feature->verify(org);
    REQUIRE_MESSAGE(report, (report ? std::string() : report.error().text()));
    return std::move(*report);
  }
  void sql(const std::string& text) {
    REQUIRE(env.db().write(db::Scope::system(), [&](db::Tx& tx) -> Status {
      tx.exec(text);
      return {};
    }));
  }

  TempDb& env;
  FakeLicenses licenses;
  Taps tap;
  std::unique_ptr<Feature> feature;
};

}  // namespace ccp::decisions::test
