#include "tests/integration/licensing/world.hpp"

namespace ccp::test {

config::Settings licensingSettings(const std::string& state_dir) {
  config::Settings s;
  s.mode = config::Mode::dev;
  s.product_id = "acme-cli";
  s.product_name = "Acme CLI";
  s.state_dir = state_dir;
  s.server.public_url = "https://ccp.example";
  s.plans.fallback = "community";
  s.plans.plans = {config::Plan{"community", "Community", {"basics"}, {{"seats", 1}}, {}},
                   config::Plan{"solo", "Solo", {"zai_offload", "dashboards"}, {{"seats", 1}}, {}},
                   config::Plan{"team", "Team", {"zai_offload", "dashboards", "reviewer_bot"}, {{"seats", 50}, {"devices", 5}}, {}}};
  return s;
}

Node::Node(db::Db& database, TempDb& env, const config::Settings& settings)
    : db(database),
      feature(unwrap(licensing::Feature::open(database, env.clock, env.random, env.metrics, settings))),
      directory(env.clock, env.random, feature->seatLimits(), feature->tokenIssuer()),
      replays(database) {
  feature->connect(directory, replays, decider);
}

Node::~Node() = default;

std::unique_ptr<licensing::Feature> Node::unwrap(Result<std::unique_ptr<licensing::Feature>> opened) {
  if (!opened) FAIL(opened.error().text());
  return std::move(*opened);
}

World::World(TempDb& e) : env(e), settings(licensingSettings(dir.path())), node(e.db(), e, settings), device(crypto::SigningKey::generate(e.random)) {
  const auto made = e.db().write(db::Scope::system(), [&](db::Tx& tx) -> Status {
    CCP_TRY(grant.org, node.directory.createOrg(tx, "Acme", "owner@acme.example", "operator"));
    const auto user = node.directory.userByEmail(tx, "owner@acme.example");
    const auto seat = node.directory.seatOf(tx, grant.org.id, user->id);
    grant.user = *user;
    grant.role = "owner";
    grant.scope = "license usage billing dash";
    grant.client_id = "ccp-cli";
    grant.device = {newId("dev", e.clock, e.random), grant.org.id, seat->id, user->id, newId("ses", e.clock, e.random),
                    device.publicKey().thumbprint(), "laptop", "active", tx.now(), tx.now()};
    tx.exec(
        "insert into devices (org_id, id, seat_id, user_id, sid, jkt, client_id, scope, hostname, state, created_at, last_seen_at) "
        "values (:org, :id, :seat, :user, :sid, :jkt, 'ccp-cli', :scope, 'laptop', 'active', :now, :now2)",
        {{"org", grant.org.id}, {"id", grant.device.id}, {"seat", seat->id}, {"user", user->id}, {"sid", grant.device.sid},
         {"jkt", grant.device.jkt}, {"scope", grant.scope}, {"now", tx.now()}, {"now2", tx.now()}});
    return {};
  });
  if (!made) FAIL(made.error().text());
}

World::~World() = default;

std::string World::token(Node& by) {
  auto issued = by.db.write(db::Scope::system(), [&](db::Tx& tx) { return by.feature->tokenIssuer().issueAccessToken(tx, grant); });
  REQUIRE(issued);
  return issued->token;
}

std::string World::proof(const std::string& token_text, const char* method, const char* path) {
  return crypto::makeDpopProof(device, method, settings.server.public_url + path, newToken(env.random), env.clock.now(), token_text);
}

http::Request World::request(const std::string& token_text, const std::string& proof_text, const char* method, const char* path) {
  http::Request out;
  out.method = method;
  out.path = out.target = path;
  out.headers.add("Authorization", "DPoP " + token_text);
  out.headers.add("DPoP", proof_text);
  return out;
}

Result<http::Principal> World::call(Node& on, const std::string& token_text, const char* method, const char* path) {
  return on.feature->authenticator().authenticate(request(token_text, proof(token_text, method, path), method, path));
}

http::Principal World::principal(Node& on) {
  auto who = call(on, token(on));
  REQUIRE(who);
  return *who;
}

licensing::SubscriptionFact World::fact(std::string status, std::string plan, std::int64_t seats) {
  licensing::SubscriptionFact out;
  out.id = "sub_1";
  out.status = std::move(status);
  out.plan = std::move(plan);
  out.seats = seats;
  return out;
}

void World::bill(Node& on, const std::vector<licensing::SubscriptionFact>& facts) {
  const auto done = on.db.write(db::Scope::org(grant.org.id), [&](db::Tx& tx) {
    return on.feature->licenses().applyBilling(tx, grant.org.id, facts, "billing:sandbox");
  });
  REQUIRE(done);
}

void World::override_(licensing::AdminOverride value, const std::string& reason) {
  const auto done = node.db.write(db::Scope::org(grant.org.id), [&](db::Tx& tx) {
    return node.feature->licenses().setAdminOverride(tx, grant.org.id, value, reason, "operator");
  });
  REQUIRE(done);
}

licensing::License World::license(Node& on) {
  auto found = on.db.read(db::Scope::org(grant.org.id), [&](db::Tx& tx) -> Result<licensing::License> {
    auto license = on.feature->licenses().byOrg(tx, grant.org.id);
    if (!license) return fail(Errc::not_found, "no license");
    return *license;
  });
  REQUIRE(found);
  return *found;
}

std::int64_t World::count(const std::string& sql, const db::Binds& binds) {
  const auto n = node.db.read(db::Scope::system(), [&](db::Tx& tx) -> Result<std::int64_t> { return std::get<0>(*tx.one<std::int64_t>(sql, binds)); });
  REQUIRE(n);
  return *n;
}

}  // namespace ccp::test
