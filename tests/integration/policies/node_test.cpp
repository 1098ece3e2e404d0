// Nodes follow what is published: several on one database, from the cache, past tampering, and back.
#include <filesystem>
#include <fstream>
#include <thread>

#include "core/policies/repository.hpp"
#include "tests/integration/policies/world.hpp"

using namespace ccp;
using namespace ccp::policies;
using namespace ccp::policies::test;

namespace {

constexpr const char* kOrg = "org_01jdp0example0000000000000";
constexpr const char* kFaulty = "function decide(input)\n  if input.model == \"claude-sonnet-4-5\" then error(\"broken\") end\n  return { allow = true }\nend\n";

void rootFor(TestNode& node, PolicyWorkshop& shop) { must(node.publishing().addRoot(shop.org(), shop.rootEnvelope(), "operator")); }
Publication push(TestNode& node, PolicyWorkshop& shop, const policy::PackDocument& pack) {
  return must(node.publishing().push(shop.org(), shop.sign(pack, {"ada"}), "operator"));
}
void tamper(db::Db& db, const std::string& sql) {
  REQUIRE(db.write(db::Scope::system(), [&](db::Tx& tx) -> Status {
    REQUIRE(tx.exec(sql) >= 1);
    return {};
  }));
}

}  // namespace

CCP_DB_TEST("two nodes take what one of them publishes, and go back together", &policies::kMigrations) {
  PolicyWorkshop shop;
  TestNode a(env, db, shop);
  auto other = env.openAnother();
  TestNode b(env, *other, shop);
  CHECK(a.ask().allow);  // what CCP ships
  rootFor(a, shop);
  a.node.reload();
  b.node.reload();
  push(a, shop, modelPack(shop, 1, PolicyWorkshop::kDeny));
  for (auto* node : {&a, &b}) {
    node->node.reload();
    CHECK(node->running("operator") == 1);
    CHECK_FALSE(node->ask().allow);
  }
  push(b, shop, modelPack(shop, 2));
  for (auto* node : {&a, &b}) {
    node->node.reload();
    CHECK(node->ask().allow);
  }
  must(a.publishing().rollback("operator", Channel::dev, std::nullopt, "too much", "operator"));
  for (auto* node : {&a, &b}) {
    node->node.reload();
    CHECK(node->running("operator") == 3);
    CHECK_FALSE(node->ask().allow);
  }
}

CCP_DB_TEST("the thread of a node sees a publication at once on this node, and soon on others", &policies::kMigrations) {
  PolicyWorkshop shop;
  TestNode a(env, db, shop);
  auto other = env.openAnother();
  TestNode b(env, *other, shop);
  rootFor(a, shop);
  a.node.start();
  b.node.start();
  const auto rung = b.node.bell()->rung();
  push(a, shop, modelPack(shop, 1, PolicyWorkshop::kDeny));
  const auto by = std::chrono::steady_clock::now() + std::chrono::seconds(20);
  while ((a.ask().allow || b.ask().allow) && std::chrono::steady_clock::now() < by) std::this_thread::sleep_for(std::chrono::milliseconds(5));
  CHECK_FALSE(a.ask().allow);
  CHECK_FALSE(b.ask().allow);
  CHECK(b.node.bell()->wait(rung, seconds(5)));
}

CCP_DB_TEST("an organization's policies are loaded when they are asked, and when they come later", &policies::kMigrations) {
  PolicyWorkshop shop(kOrg);
  TestNode node(env, db, shop);
  CHECK(node.ask(kOrg).allow);  // nothing yet
  rootFor(node, shop);
  node.node.reload();
  push(node, shop, modelPack(shop, 1, PolicyWorkshop::kDeny));
  node.node.reload();
  CHECK_FALSE(node.ask(kOrg).allow);
  node.node.reload();
  REQUIRE(node.node.report(kOrg).has_value());
  CHECK_FALSE(node.node.report(kOrg)->refusal.has_value());
  CHECK(node.ask("org_01jdp0example0000000000001").allow);
  push(node, shop, modelPack(shop, 2));
  node.node.reload();
  CHECK(node.ask(kOrg).allow);
}

CCP_DB_TEST("a node that starts decides with its cache when the database lies", &policies::kMigrations) {
  PolicyWorkshop shop;
  TempDir kept = TempDir::inMemory();
  {
    TestNode node(env, db, shop, Channel::dev, kept.path());
    rootFor(node, shop);
    push(node, shop, modelPack(shop, 1, PolicyWorkshop::kDeny));
    node.node.reload();
    CHECK_FALSE(node.ask().allow);
  }
  SUBCASE("another pack under the same digest") {
    const auto forged = shop.sign(modelPack(shop, 2), {"mallory"});
    REQUIRE(db.write(db::Scope::system(), [&](db::Tx& tx) -> Status {
      tx.exec("update policy_packs set envelope = :e", {{"e", forged}});
      return {};
    }));
  }
  SUBCASE("a channel document that somebody else signed") {
    auto document = shop.next(Channel::dev, {modelPack(shop, 9)});
    document.version = 2;
    const auto forged = shop.sign(document, {"mallory"});
    REQUIRE(db.write(db::Scope::system(), [&](db::Tx& tx) -> Status {
      tx.exec("update policy_channels set envelope = :e", {{"e", forged}});
      return {};
    }));
  }
  SUBCASE("nothing is left") { tamper(db, "delete from policy_channels"); }
  SUBCASE("nothing at all is left") {
    tamper(db, "delete from policy_channels");
    tamper(db, "delete from policy_roots");
  }
  SUBCASE("the root is another one") {
    PolicyWorkshop stranger("operator", ccp::test::kPolicyStart - hours(1));
    REQUIRE(db.write(db::Scope::system(), [&](db::Tx& tx) -> Status {
      tx.exec("update policy_roots set envelope = :e", {{"e", stranger.rootEnvelope()}});
      return {};
    }));
  }
  TestNode again(env, db, shop, Channel::dev, kept.path());
  CHECK_FALSE(again.ask().allow);
  CHECK((again.runtime.status("operator")->origin == policy::Origin::cache));
}

CCP_DB_TEST("what is tampered with is refused, once, and what runs goes on", &policies::kMigrations) {
  PolicyWorkshop shop;
  TestNode node(env, db, shop);
  rootFor(node, shop);
  push(node, shop, modelPack(shop, 1, PolicyWorkshop::kDeny));
  node.node.reload();
  push(node, shop, modelPack(shop, 2));
  auto document = shop.next(Channel::dev, {modelPack(shop, 2)});
  document.version = 2;
  const auto forged = shop.sign(document, {"mallory"});
  REQUIRE(db.write(db::Scope::system(), [&](db::Tx& tx) -> Status {
    tx.exec("update policy_channels set envelope = :e where version = 2", {{"e", forged}});
    return {};
  }));
  node.node.reload();
  node.node.reload();
  CHECK_FALSE(node.ask().allow);
  const auto report = node.node.report("operator");
  REQUIRE(report->refusal.has_value());
  CHECK((report->refusal->stage == policy::Stage::verified));
  CHECK(report->refusal->error.name() == std::string("policy_signature_invalid"));
  const auto all = deeds(db);
  CHECK(std::count(all.begin(), all.end(), "policy.refuse operator/dev") == 1);
}

CCP_DB_TEST("a generation that fails when it is live is withdrawn, by one node for all", &policies::kMigrations) {
  PolicyWorkshop shop;
  TestNode a(env, db, shop);
  auto other = env.openAnother();
  TestNode b(env, *other, shop);
  rootFor(a, shop);
  push(a, shop, modelPack(shop, 1));
  a.node.reload();
  b.node.reload();
  push(a, shop, modelPack(shop, 2, kFaulty));
  a.node.reload();
  b.node.reload();
  REQUIRE(a.running("operator") == 2);
  a.node.start();
  b.node.start();
  for (int i = 0; i < 400 && (a.running("operator") == 2 || b.running("operator") == 2); ++i) {
    a.ask();
    b.ask();
  }
  const auto by = std::chrono::steady_clock::now() + std::chrono::seconds(20);
  while ((a.running("operator") != 3 || b.running("operator") != 3) && std::chrono::steady_clock::now() < by) std::this_thread::sleep_for(std::chrono::milliseconds(10));
  CHECK(a.running("operator") == 3);
  CHECK(b.running("operator") == 3);
  CHECK(a.ask().allow);
  CHECK(b.ask().allow);
  const auto view = must(a.publishing().view("operator", Channel::dev));
  CHECK(view->deed == "withdraw");
  CHECK(view->document.packs[0].version == 1);
  const auto all = deeds(db);
  CHECK(std::count(all.begin(), all.end(), "policy.withdraw operator/dev") == 1);
}

CCP_DB_TEST("of two packs the one that fails is withdrawn, and the other one is not held against", &policies::kMigrations) {
  PolicyWorkshop shop;
  TestNode a(env, db, shop);
  rootFor(a, shop);
  push(a, shop, modelPack(shop, 1));
  push(a, shop, shop.pack("gate", 1, PolicyWorkshop::kAllow, policy::Point::feature_gate));
  a.node.reload();
  push(a, shop, modelPack(shop, 2, kFaulty));
  a.node.reload();
  REQUIRE(a.running("operator") == 3);
  for (int i = 0; i < 400 && a.running("operator") == 3; ++i) a.ask();
  REQUIRE(a.running("operator") == 2);
  a.node.start();
  const auto by = std::chrono::steady_clock::now() + std::chrono::seconds(20);
  while (a.running("operator") != 4 && std::chrono::steady_clock::now() < by) std::this_thread::sleep_for(std::chrono::milliseconds(10));
  CHECK(a.running("operator") == 4);
  const auto view = must(a.publishing().view("operator", Channel::dev));
  CHECK(view->deed == "withdraw");
  REQUIRE(view->document.packs.size() == 2);
  CHECK(view->document.packs[0].version == 1);
}

CCP_DB_TEST("what is published between opening a node and its first look is not missed", &policies::kMigrations) {
  PolicyWorkshop shop;
  TestNode a(env, db, shop);
  rootFor(a, shop);
  push(a, shop, modelPack(shop, 1));
  auto other = env.openAnother();
  TestNode b(env, *other, shop);
  REQUIRE(b.running("operator") == 1);
  push(a, shop, modelPack(shop, 2, PolicyWorkshop::kDeny));
  b.node.start();
  const auto by = std::chrono::steady_clock::now() + std::chrono::seconds(5);
  while (b.running("operator") != 2 && std::chrono::steady_clock::now() < by) std::this_thread::sleep_for(std::chrono::milliseconds(10));
  CHECK(b.running("operator") == 2);
}

CCP_DB_TEST("a node says so while it could not take what was published", &policies::kMigrations) {
  PolicyWorkshop shop;
  TestNode node(env, db, shop);
  rootFor(node, shop);
  push(node, shop, modelPack(shop, 1));
  node.node.reload();
  const auto current = [&] { return env.metrics.gauge("ccp_policy_current", "", {{"set", "operator"}}).value(); };
  CHECK(current() == 1);
  tamper(db, "delete from policy_channels");
  node.node.reload();
  CHECK(current() == 0);
  REQUIRE(node.node.report("operator")->refusal.has_value());
  CHECK(node.ask().allow);
}

CCP_DB_TEST("without a pin a node in prod takes no policies of the operator", &policies::kMigrations) {
  PolicyWorkshop shop;
  TestNode publisher(env, db, shop);
  rootFor(publisher, shop);
  push(publisher, shop, modelPack(shop, 1, PolicyWorkshop::kDeny));
  policy::Engine engine;
  Forget sink;
  policy::Runtime runtime({engine, env.clock, env.random, env.metrics, sink}, TestNode::runtimeOptions(Channel::dev));
  TempDir dir = TempDir::inMemory();
  Node::Options options;
  options.folder = dir.path();
  Node node({db, env.clock, env.metrics, runtime}, options);
  node.open();
  CHECK(runtime.decide({policy::Point::model_use, {}, {}, ccp::test::modelInput()}).allow);
  CHECK(node.report("operator")->refusal->error.name() == std::string("policy_pin_mismatch"));
  node.stop();
  runtime.onLoad({});
}

CCP_DB_TEST("what stands on dev decides beside prod, without effect, until it is prod itself", &policies::kMigrations) {
  PolicyWorkshop shop;
  TestNode node(env, db, shop, Channel::prod, {}, true);
  rootFor(node, shop);
  const auto both = [&](const policy::PackDocument& pack) { must(node.publishing().push("operator", shop.sign(pack, {"ada", "bob"}), "operator")); };
  const auto promote = [&](std::int64_t version) {
    PromoteRequest request;
    request.name = "base";
    request.version = version;
    request.reason = "test";
    must(node.publishing().promote("operator", request, "operator"));
    node.node.reload();
  };
  both(modelPack(shop, 1));
  promote(1);
  CHECK_FALSE(node.runtime.status("operator")->draft.has_value());  // the same packs
  both(modelPack(shop, 2, PolicyWorkshop::kDeny));
  node.node.reload();
  CHECK(node.ask().allow);
  REQUIRE(node.runtime.status("operator")->draft.has_value());
  CHECK(node.runtime.status("operator")->draft->version == 2);
  for (int i = 0; i < 500 && node.runtime.status("operator")->draft->decisions == 0; ++i) std::this_thread::sleep_for(milliseconds(10));
  CHECK(node.runtime.status("operator")->draft->differing == 1);
  promote(2);
  CHECK_FALSE(node.ask().allow);
  CHECK_FALSE(node.runtime.status("operator")->draft.has_value());
}
