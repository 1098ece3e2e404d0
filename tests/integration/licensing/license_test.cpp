// Licenses over both databases: transitions, versions, audit, events, time.
#include "tests/integration/licensing/world.hpp"

using namespace ccp;
using namespace ccp::test;
using namespace ccp::licensing;

LICENSING_TEST("a new org has a pending license on the fallback plan") {
  World w(env);
  const auto license = w.license();
  CHECK((license.decision.state == LicenseState::pending));
  CHECK(license.decision.plan == "community");
  CHECK(license.version == 1);
  CHECK(isId(license.id, "lic"));
}

LICENSING_TEST("billing's facts change the license, with audit row and event in the same transaction") {
  World w(env);
  w.bill({w.fact("active")});
  CHECK((w.license().decision.state == LicenseState::active));
  CHECK(w.license().decision.plan == "solo");
  CHECK(w.license().version == 1);
  const auto audits = [&] { return w.count("select count(*) from audit_log where action = 'license.change'"); };
  const auto events = [&] { return w.count("select count(*) from outbox where type = 'license.changed'"); };
  CHECK(audits() == 1);
  CHECK(events() == 1);

  // The same facts again change nothing and tell nobody.
  w.bill({w.fact("active")});
  CHECK(audits() == 1);
  CHECK(events() == 1);

  // What is rolled back never happened.
  const auto refused = db.write(db::Scope::org(w.grant.org.id), [&](db::Tx& tx) -> Status {
    CCP_CHECK_OK(w.node.feature->licenses().applyBilling(tx, w.grant.org.id, {w.fact("canceled")}, "billing:sandbox"));
    return fail(Errc::conflict, "no");
  });
  CHECK(codeOf(refused) == "conflict");
  CHECK((w.license().decision.state == LicenseState::active));
  CHECK(audits() == 1);
  CHECK(w.node.feature->revocations().size() == 0);
}

LICENSING_TEST("going down bumps the version, going up does not, and paying again leads back") {
  World w(env);
  w.bill({w.fact("active", "team", 5)});
  CHECK(w.license().version == 1);
  w.bill({w.fact("active", "team", 4)});
  CHECK(w.license().version == 2);
  w.bill({w.fact("active", "solo", 4)});
  CHECK(w.license().version == 3);
  w.bill({w.fact("canceled", "solo", 4)});
  CHECK(w.license().version == 4);
  CHECK((w.license().decision.state == LicenseState::revoked));
  CHECK(w.license().decision.plan == "community");
  w.bill({w.fact("active", "team", 9)});
  CHECK((w.license().decision.state == LicenseState::active));
  CHECK(w.license().version == 4);
}

LICENSING_TEST("time alone ends a grace: seen at once by readers, stored by the worker") {
  World w(env);
  auto due = w.fact("past_due");
  due.past_due_at = env.clock.now();
  w.bill({due});
  CHECK((w.license().decision.state == LicenseState::grace));
  CHECK(*w.node.feature->licenses().recomputeDue(10) == 0);
  env.clock.advance(hours(24 * 7));
  CHECK((w.license().decision.state == LicenseState::suspended));
  CHECK(w.license().version == 1);
  CHECK(*w.node.feature->licenses().recomputeDue(10) == 1);
  CHECK(w.license().version == 2);
  CHECK(*w.node.feature->licenses().recomputeDue(10) == 0);
  CHECK(w.count("select count(*) from audit_log where action = 'license.change' and actor = 'system'") == 1);
}

LICENSING_TEST("past_due without its time starts the grace when it is first told") {
  World w(env);
  w.bill({w.fact("past_due")});
  const auto first = w.license().decision.ends_at;
  REQUIRE(first);
  CHECK((*first == env.clock.now() + hours(24 * 7)));
  env.clock.advance(hours(24));
  w.bill({w.fact("past_due")});
  CHECK((w.license().decision.ends_at == first));
}

LICENSING_TEST("an admin suspends, resumes and revokes; each is audited with its reason") {
  World w(env);
  w.bill({w.fact("active")});
  w.override_(AdminOverride::suspended, "chargeback under review");
  CHECK((w.license().decision.state == LicenseState::suspended));
  CHECK(w.license().decision.plan == "none");
  CHECK(w.license().admin_reason == "chargeback under review");
  CHECK(w.license().version == 2);
  // Billing goes on, but the admin's word stands.
  w.bill({w.fact("active", "team", 5)});
  CHECK((w.license().decision.state == LicenseState::suspended));
  w.override_(AdminOverride::none);
  CHECK((w.license().decision.state == LicenseState::active));
  CHECK(w.license().decision.plan == "team");
  w.override_(AdminOverride::revoked, "fraud");
  CHECK((w.license().decision.state == LicenseState::revoked));
  CHECK(w.count("select count(*) from audit_log where action in ('license.suspend', 'license.resume', 'license.revoke') and actor = 'operator'") == 3);
  CHECK(w.count("select count(*) from audit_log where action = 'license.revoke' and reason = 'fraud'") == 1);
}

LICENSING_TEST("seat and device limits follow the plan in force") {
  World w(env);
  const auto limits = [&] {
    return *db.read(db::Scope::org(w.grant.org.id), [&](db::Tx& tx) -> Result<std::pair<std::int64_t, std::int64_t>> {
      auto& seats = w.node.feature->seatLimits();
      return std::pair(seats.seats(tx, w.grant.org.id), seats.devicesPerSeat(tx, w.grant.org.id));
    });
  };
  CHECK((limits() == std::pair<std::int64_t, std::int64_t>(1, 3)));
  w.bill({w.fact("active", "team", 7)});
  CHECK((limits() == std::pair<std::int64_t, std::int64_t>(7, 5)));
}

LICENSING_TEST("a changed fallback plan is applied to licenses that nothing else touches") {
  World w(env);
  CHECK(w.license().decision.plan == "community");
  auto changed = w.settings;
  changed.plans.fallback = "none";
  Node restarted(db, env, changed);
  CHECK(w.license(restarted).decision.plan == "none");
  CHECK(*restarted.feature->licenses().recomputeDue(10) == 1);
  CHECK(*restarted.feature->licenses().recomputeDue(10) == 0);
  CHECK(w.license(restarted).version == 2);
}

LICENSING_TEST("one org's unit of work cannot reach another org's license") {
  World w(env);
  const auto other = db.write(db::Scope::system(), [&](db::Tx& tx) { return w.node.directory.createOrg(tx, "Other", "b@b.example", "operator"); });
  REQUIRE(other);
  if (db.dialect() == db::Dialect::postgresql) {
    const auto changed = db.write(db::Scope::org(w.grant.org.id), [&](db::Tx& tx) {
      return w.node.feature->licenses().setAdminOverride(tx, other->id, AdminOverride::revoked, "x", "operator");
    });
    CHECK(codeOf(changed) == "not_found");
  }
  w.override_(AdminOverride::suspended);
  const auto theirs = db.read(db::Scope::org(other->id), [&](db::Tx& tx) -> Result<License> { return *w.node.feature->licenses().byOrg(tx, other->id); });
  CHECK((theirs->decision.state == LicenseState::pending));
}
