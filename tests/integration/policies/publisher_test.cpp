// What may be published, by whom, and what is refused before it is stored.
#include "core/policies/repository.hpp"
#include "tests/integration/policies/world.hpp"
#include "tests/support/schema_rules.hpp"

using namespace ccp;
using namespace ccp::policies;
using namespace ccp::policies::test;

namespace {

constexpr const char* kOrg = "org_01jdp0example0000000000000";
constexpr const char* kBroken = "function decide(input)\n  return { allow = \n";

struct Shop {
  explicit Shop(TempDb& env, db::Db& db, const std::string& org = "operator", Channel channel = Channel::dev)
      : shop(org), node(env, db, shop, channel), set(org) {
    must(node.publishing().addRoot(set, shop.rootEnvelope(), "operator"));
  }
  Publication push(const policy::PackDocument& pack, const std::vector<std::string>& signers = {"ada"}) {
    return must(node.publishing().push(set, shop.sign(pack, signers), "operator"));
  }
  PolicyWorkshop shop;
  TestNode node;
  std::string set;
};

}  // namespace

CCP_DB_TEST("tables of policy sets keep the rules", &policies::kMigrations) { CHECK(ccp::test::schemaViolations(db) == std::vector<std::string>{}); }

CCP_DB_TEST("a pushed pack is live on dev, with audit row and event", &policies::kMigrations) {
  Shop at(env, db);
  const auto first = at.push(modelPack(at.shop, 1));
  CHECK(first.version == 1);
  CHECK(first.changed);
  const auto again = at.push(modelPack(at.shop, 1));
  CHECK_FALSE(again.changed);
  CHECK(again.version == 1);
  CHECK(at.push(modelPack(at.shop, 2, PolicyWorkshop::kDeny)).version == 2);
  const auto view = must(at.node.publishing().view("operator", Channel::dev));
  REQUIRE(view.has_value());
  CHECK(view->document.prev == first.sha256);
  REQUIRE(view->packs.size() == 1);
  CHECK(view->packs[0].signers == std::vector<std::string>{"ada"});
  CHECK(view->packs[0].problem.empty());
  CHECK(deeds(db) == std::vector<std::string>{"policy.push operator/dev", "policy.push operator/dev", "policy.root operator"});
  CHECK(events(db).size() == 3);
}

CCP_DB_TEST("what would not run is refused with its stage, and changes nothing", &policies::kMigrations) {
  Shop at(env, db);
  at.push(modelPack(at.shop, 1));
  const auto broken = at.node.publishing().push("operator", at.shop.sign(modelPack(at.shop, 2, kBroken), {"ada"}), "operator");
  CHECK(codeOf(broken) == "policy_compile_failed");
  REQUIRE_FALSE(broken.error().fields.empty());
  CHECK(broken.error().fields[0].pointer == "/stage");
  CHECK(broken.error().fields[0].rule == "compiled");
  auto failing = modelPack(at.shop, 3);
  failing.tests.push_back({"denies", policy::Point::model_use, ccp::test::modelInput(), Json::object({{"allow", false}}), false});
  CHECK(codeOf(at.node.publishing().push("operator", at.shop.sign(failing, {"ada"}), "operator")) == "policy_tests_failed");
  CHECK(must(at.node.publishing().view("operator", Channel::dev))->document.version == 1);
  CHECK(events(db).back() == "policy.refused");
}

CCP_DB_TEST("signatures, order and belonging are checked", &policies::kMigrations) {
  Shop at(env, db);
  auto& publishing = at.node.publishing();
  CHECK(codeOf(publishing.push(kOrg, at.shop.sign(modelPack(at.shop, 1)), "u")) == "policy_root_missing");
  CHECK(codeOf(publishing.push("operator", at.shop.sign(modelPack(at.shop, 1), {"mallory"}), "u")) == "policy_signature_invalid");
  CHECK(codeOf(publishing.push("operator", at.shop.rootEnvelope(), "u")) == "policy_wrong_type");
  PolicyWorkshop other(kOrg);
  auto foreign = modelPack(other, 1);
  CHECK(codeOf(publishing.push("operator", at.shop.sign(foreign, {"ada"}), "u")) == "policy_wrong_org");
  at.push(modelPack(at.shop, 5));
  CHECK(codeOf(publishing.push("operator", at.shop.sign(modelPack(at.shop, 4), {"ada"}), "u")) == "policy_rollback");
  CHECK(codeOf(publishing.push("operator", at.shop.sign(modelPack(at.shop, 5, PolicyWorkshop::kDeny), {"ada"}), "u")) == "policy_equivocation");
}

CCP_DB_TEST("prod needs two people, and signatures may come one by one", &policies::kMigrations) {
  Shop at(env, db);
  auto& publishing = at.node.publishing();
  const auto pack = modelPack(at.shop, 1);
  at.push(pack, {"ada"});
  PromoteRequest request;
  request.name = "base";
  request.version = 1;
  request.reason = "because";
  CHECK(codeOf(publishing.promote("operator", request, "operator")) == "policy_threshold_not_met");
  at.push(pack, {"ada/2"});
  CHECK(codeOf(publishing.promote("operator", request, "operator")) == "policy_threshold_not_met");
  CHECK_FALSE(at.push(pack, {"ada", "bob"}).changed);
  request.dry_run = true;
  const auto difference = must(publishing.promote("operator", request, "operator"));
  CHECK_FALSE(difference.publication.has_value());
  CHECK(difference.signers.persons == std::vector<std::string>{"ada", "bob"});
  request.dry_run = false;
  request.expected_version = 7;
  CHECK(codeOf(publishing.promote("operator", request, "operator")) == "policy_changed_meanwhile");
  request.expected_version = 0;
  const auto done = must(publishing.promote("operator", request, "operator"));
  REQUIRE(done.publication.has_value());
  CHECK(done.publication->version == 1);
  CHECK(at.node.past.asked == "operator");
  request.version = 9;
  CHECK(codeOf(publishing.promote("operator", request, "operator")) == "not_found");
}

CCP_DB_TEST("a pack behind a newer one takes further signatures, and nothing else", &policies::kMigrations) {
  Shop at(env, db);
  auto& publishing = at.node.publishing();
  const auto pack = modelPack(at.shop, 1);
  at.push(pack, {"ada"});
  CHECK(at.push(modelPack(at.shop, 2), {"ada"}).version == 2);
  CHECK(codeOf(publishing.push("operator", at.shop.sign(pack, {"ada"}), "u")) == "policy_rollback");
  const auto kept = at.push(pack, {"bob"});
  CHECK_FALSE(kept.changed);
  CHECK(kept.version == 2);
  CHECK(must(publishing.view("operator", Channel::dev))->packs[0].listed.version == 2);
  PromoteRequest request;
  request.name = "base";
  request.version = 1;
  request.reason = "because";
  CHECK(must(publishing.promote("operator", request, "operator")).signers.persons == std::vector<std::string>{"ada", "bob"});
}

CCP_DB_TEST("a promotion that changes too much is refused, unless it is forced", &policies::kMigrations) {
  Shop at(env, db);
  const auto pack = modelPack(at.shop, 1, PolicyWorkshop::kDeny);
  at.push(pack, {"ada", "bob"});
  Json input = ccp::test::modelInput();
  input.set("now", formatRfc3339(env.clock.now())).set("point", "model.use");
  policy::PastDecision past;
  past.id = "dec_1";
  past.point = policy::Point::model_use;
  past.input = input.dump();
  past.allow = true;
  at.node.past.past_decisions = {past};
  PromoteRequest request;
  request.name = "base";
  request.version = 1;
  request.reason = "because";
  const auto refused = at.node.publishing().promote("operator", request, "operator");
  CHECK(codeOf(refused) == "policy_shadow_flips");
  request.dry_run = true;
  const auto difference = must(at.node.publishing().promote("operator", request, "operator"));
  CHECK_FALSE(difference.within);
  CHECK(difference.report.newly_denied == 1);
  request.dry_run = false;
  request.force = true;
  CHECK(must(at.node.publishing().promote("operator", request, "operator")).publication.has_value());
}

CCP_DB_TEST("asking what a promotion would do is no deed, and says at which stage it would stop", &policies::kMigrations) {
  Shop at(env, db);
  at.push(modelPack(at.shop, 1, "function decide(input)\n  error(\"broken\")\nend\n"), {"ada", "bob"});
  policy::PastDecision past;
  auto input = ccp::test::modelInput();
  input.set("now", "2026-01-01T00:00:00Z").set("point", "model.use");
  past.id = "dec_1";
  past.point = policy::Point::model_use;
  past.input = input.dump();
  past.allow = true;
  at.node.past.past_decisions = {past};
  PromoteRequest request;
  request.name = "base";
  request.version = 1;
  request.reason = "because";
  for (const bool dry_run : {true, false}) {
    request.dry_run = dry_run;
    const auto refused = at.node.publishing().promote("operator", request, "operator");
    CHECK(codeOf(refused) == "policy_shadow_faults");
    REQUIRE_FALSE(refused.error().fields.empty());
    CHECK(refused.error().fields[0].pointer == "/stage");
    CHECK(refused.error().fields[0].rule == "shadowed");
    const auto all = deeds(db);
    CHECK(std::count(all.begin(), all.end(), "policy.refuse operator/prod") == (dry_run ? 0 : 1));
  }
}

CCP_DB_TEST("a rollback is a new version with the old packs, and revoked ones stay away", &policies::kMigrations) {
  Shop at(env, db);
  auto& publishing = at.node.publishing();
  const auto good = modelPack(at.shop, 1), bad = modelPack(at.shop, 2, PolicyWorkshop::kDeny);
  CHECK(codeOf(publishing.rollback("operator", Channel::dev, std::nullopt, "r", "u")) == "not_found");
  at.push(good);
  CHECK(codeOf(publishing.rollback("operator", Channel::dev, std::nullopt, "r", "u")) == "not_found");
  at.push(bad);
  const auto back = must(publishing.rollback("operator", Channel::dev, std::nullopt, "denies all", "u"));
  CHECK(back.version == 3);
  REQUIRE(back.packs.size() == 1);
  CHECK(back.packs[0].version == 1);
  CHECK_FALSE(must(publishing.rollback("operator", Channel::dev, 1, "again", "u")).changed);
  CHECK(must(publishing.rollback("operator", Channel::dev, 2, "forward", "u")).packs[0].version == 2);
  const auto revoked = must(publishing.revoke("operator", PolicyWorkshop::sha256Of(bad), "leaks", "u"));
  REQUIRE(revoked.size() == 1);
  CHECK(revoked[0].packs.empty());
  CHECK(codeOf(publishing.rollback("operator", Channel::dev, 2, "no", "u")) == "policy_revoked");
  CHECK(codeOf(publishing.push("operator", at.shop.sign(bad, {"ada"}), "u")) == "policy_revoked");
}

CCP_DB_TEST("the operator's root is the pinned one, and later ones follow step by step", &policies::kMigrations) {
  PolicyWorkshop shop, stranger("operator", ccp::test::kPolicyStart - hours(1));
  TestNode node(env, db, shop);
  auto& publishing = node.publishing();
  CHECK(codeOf(publishing.addRoot("operator", stranger.rootEnvelope(), "operator")) == "policy_pin_mismatch");
  CHECK(must(publishing.addRoot("operator", shop.rootEnvelope(), "operator")).lists_server_key);
  CHECK_FALSE(must(publishing.addRoot("operator", shop.rootEnvelope(), "operator")).changed);
  must(publishing.push("operator", shop.sign(modelPack(shop, 1), {"ada"}), "operator"));
  const auto second = shop.rotate([&](policy::RootDocument& root) { shop.setRole(root, "channel.dev", {"server/2"}, 1); });
  const auto third = shop.rotate([](policy::RootDocument&) {});
  CHECK(codeOf(publishing.addRoot("operator", third, "operator")) == "policy_root_order");
  node.keys.names = {"server/2", "server"};
  // What is live is signed again with the key that the new root lists.
  CHECK(must(publishing.addRoot("operator", second, "operator")).version == 2);
  CHECK(must(publishing.view("operator", Channel::dev))->document.version == 2);
  CHECK(must(publishing.view("operator", Channel::dev))->deed == "renew");
  node.keys.names = {"server/3"};
  CHECK(codeOf(publishing.push("operator", shop.sign(modelPack(shop, 2), {"ada"}), "operator")) == "policy_key_unlisted");
}

CCP_DB_TEST("documents are signed again at half of their life, once", &policies::kMigrations) {
  Shop at(env, db);
  at.push(modelPack(at.shop, 1));
  CHECK(must(at.node.publishing().renewDue()) == 0);
  env.clock.advance(hours(13));
  CHECK(must(at.node.publishing().renewDue()) == 1);
  CHECK(must(at.node.publishing().renewDue()) == 0);
  const auto view = must(at.node.publishing().view("operator", Channel::dev));
  CHECK(view->document.version == 2);
  CHECK(view->document.expires_at == env.clock.now() + hours(24));
  CHECK(deeds(db) == std::vector<std::string>{"policy.push operator/dev", "policy.root operator"});  // renewing is no deed of anybody
  // Rows of renewals do not pile up; those of deeds stay, and so does what is live.
  const auto rows = [&] {
    return must(db.read(db::Scope::system(), [](db::Tx& tx) -> Result<std::size_t> { return repository::history(tx, "operator", Channel::dev, 1000).size(); }));
  };
  for (int day = 0; day < 40; ++day) {
    env.clock.advance(hours(24));
    must(at.node.publishing().renewDue());
  }
  CHECK(must(at.node.publishing().view("operator", Channel::dev))->document.version == 42);
  CHECK(rows() < 35);
  CHECK(must(at.node.publishing().rollback("operator", Channel::dev, 1, "r", "u")).changed == false);
}

CCP_DB_TEST("an organization's set is its own", &policies::kMigrations) {
  Shop at(env, db, kOrg);
  at.push(modelPack(at.shop, 1, PolicyWorkshop::kDeny));
  CHECK_FALSE(must(at.node.publishing().view("operator", Channel::dev)).has_value());
  CHECK_FALSE(must(at.node.publishing().view("org_01jdp0example0000000000001", Channel::dev)).has_value());
  CHECK(must(at.node.publishing().view(kOrg, Channel::dev)).has_value());
}

CCP_DB_TEST("a pack behind a newer one goes to prod with the signatures that came later, unless it was revoked", &policies::kMigrations) {
  Shop at(env, db);
  auto& publishing = at.node.publishing();
  const auto first = modelPack(at.shop, 1);
  at.push(first);
  at.push(modelPack(at.shop, 2));
  const auto more = at.push(first, {"bob"});
  CHECK_FALSE(more.changed);
  REQUIRE(more.packs.size() == 1);
  CHECK(more.packs[0].version == 2);
  PromoteRequest request;
  request.name = "base";
  request.version = 1;
  request.reason = "because";
  CHECK(must(publishing.promote("operator", request, "operator")).publication.has_value());
  must(publishing.revoke("operator", PolicyWorkshop::sha256Of(first), "leaks", "u"));
  CHECK(codeOf(publishing.push("operator", at.shop.sign(first, {"cyd"}), "u")) == "policy_revoked");
}

CCP_DB_TEST("what was revoked before prod was in use does not begin it", &policies::kMigrations) {
  Shop at(env, db);
  auto& publishing = at.node.publishing();
  const auto leaky = modelPack(at.shop, 1);
  at.push(leaky, {"ada", "bob"});
  must(publishing.revoke("operator", PolicyWorkshop::sha256Of(leaky), "leaks", "u"));
  PromoteRequest request;
  request.name = "base";
  request.version = 1;
  request.reason = "because";
  CHECK(codeOf(publishing.promote("operator", request, "operator")) == "policy_revoked");
  at.push(modelPack(at.shop, 2), {"ada", "bob"});
  request.version = 2;
  must(publishing.promote("operator", request, "operator"));
  CHECK(must(publishing.view("operator", Channel::prod))->document.revoked == std::vector<std::string>{PolicyWorkshop::sha256Of(leaky)});
}

CCP_DB_TEST("sets that cannot be signed again do not keep others from it", &policies::kMigrations) {
  Shop at(env, db);
  at.push(modelPack(at.shop, 1));
  // More than one batch of organizations whose roots are gone, and whose documents run out before.
  REQUIRE(db.write(db::Scope::system(), [&](db::Tx& tx) -> Status {
    for (int i = 0; i < 120; ++i) {
      tx.exec("insert into policy_channels (org_id, id, channel, version, sha256, envelope, listed, deed, reason, created_by, expires_at, created_at, revision) "
              "select :org, id, channel, version, sha256, envelope, listed, deed, reason, created_by, expires_at - 1, created_at, :revision "
              "from policy_channels where org_id = 'operator'",
              {{"org", "org_" + std::to_string(1000 + i)}, {"revision", 1000 + i}});
    }
    return {};
  }));
  env.clock.advance(hours(13));
  CHECK(must(at.node.publishing().renewDue()) == 1);
  CHECK(must(at.node.publishing().view("operator", Channel::dev))->document.version == 2);
}

CCP_DB_TEST("a withdrawal outlives a renewal of what failed, and what failed once is not come back to", &policies::kMigrations) {
  Shop at(env, db);
  auto& publishing = at.node.publishing();
  const auto pushAndTake = [&](std::int64_t version) {
    at.push(modelPack(at.shop, version));
    at.node.node.reload();
    return *at.node.runtime.status("operator");
  };
  pushAndTake(1);
  const auto second = pushAndTake(2);
  env.clock.advance(hours(13));
  at.node.keys.before_signing = [&] { CHECK(must(publishing.renewDue()) == 1); };
  const auto done = must(publishing.withdraw(second, "faults"));
  REQUIRE(done.has_value());
  CHECK(done->version == 4);
  CHECK(done->packs[0].version == 1);
  CHECK_FALSE(must(publishing.withdraw(second, "faults")).has_value());
  at.node.node.reload();
  const auto back = must(publishing.withdraw(*at.node.runtime.status("operator"), "faults as well"));
  REQUIRE(back.has_value());
  CHECK(back->packs.empty());
}
