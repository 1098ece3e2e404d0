// An organization with a logged-in device on a real database, and one or two nodes of licensing over
// it: what every test here starts from.
#pragma once

#include <doctest/doctest.h>

#include <memory>
#include <string>

#include "core/crypto/dpop.hpp"
#include "core/identity/directory.hpp"
#include "core/identity/replay_guard.hpp"
#include "core/licensing/feature.hpp"
#include "tests/support/fake_decider.hpp"
#include "tests/support/temp_db.hpp"

namespace ccp::identity {
extern const db::MigrationSet kMigrations;
}

namespace ccp::test {

inline config::Settings licensingSettings(const std::string& state_dir) {
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

/// One server process, as far as licensing goes.
struct Node {
  Node(db::Db& database, TempDb& env, const config::Settings& settings)
      : db(database),
        feature(unwrap(licensing::Feature::open(database, env.clock, env.random, env.metrics, settings))),
        directory(env.clock, env.random, feature->seatLimits(), feature->tokenIssuer()),
        replays(database) {
    feature->connect(directory, replays, decider);
  }
  static std::unique_ptr<licensing::Feature> unwrap(Result<std::unique_ptr<licensing::Feature>> opened) {
    if (!opened) FAIL(opened.error().text());
    return std::move(*opened);
  }

  db::Db& db;
  FakeDecider decider;
  std::unique_ptr<licensing::Feature> feature;
  identity::StoredDirectory directory;
  identity::StoredReplayGuard replays;
};

struct World {
  explicit World(TempDb& e) : env(e), settings(licensingSettings(dir.path())), node(e.db(), e, settings), device(crypto::SigningKey::generate(e.random)) {
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

  std::string token(Node& by) {
    auto issued = by.db.write(db::Scope::system(), [&](db::Tx& tx) { return by.feature->tokenIssuer().issueAccessToken(tx, grant); });
    REQUIRE(issued);
    return issued->token;
  }
  std::string token() { return token(node); }

  std::string proof(const std::string& token_text, const char* method = "GET", const char* path = "/v1/license/status") {
    return crypto::makeDpopProof(device, method, settings.server.public_url + path, newToken(env.random), env.clock.now(), token_text);
  }
  http::Request request(const std::string& token_text, const std::string& proof_text, const char* method = "GET", const char* path = "/v1/license/status") {
    http::Request out;
    out.method = method;
    out.path = out.target = path;
    out.headers.add("Authorization", "DPoP " + token_text);
    out.headers.add("DPoP", proof_text);
    return out;
  }
  Result<http::Principal> call(Node& on, const std::string& token_text, const char* method = "GET", const char* path = "/v1/license/status") {
    return on.feature->authenticator().authenticate(request(token_text, proof(token_text, method, path), method, path));
  }
  http::Principal principal(Node& on) {
    auto who = call(on, token(on));
    REQUIRE(who);
    return *who;
  }
  http::Principal principal() { return principal(node); }

  licensing::SubscriptionFact fact(std::string status, std::string plan = "solo", std::int64_t seats = 1) {
    licensing::SubscriptionFact out;
    out.id = "sub_1";
    out.status = std::move(status);
    out.plan = std::move(plan);
    out.seats = seats;
    return out;
  }
  void bill(Node& on, const std::vector<licensing::SubscriptionFact>& facts) {
    const auto done = on.db.write(db::Scope::org(grant.org.id), [&](db::Tx& tx) {
      return on.feature->licenses().applyBilling(tx, grant.org.id, facts, "billing:sandbox");
    });
    REQUIRE(done);
  }
  void bill(const std::vector<licensing::SubscriptionFact>& facts) { bill(node, facts); }
  void override_(licensing::AdminOverride value, const std::string& reason = "reason") {
    const auto done = node.db.write(db::Scope::org(grant.org.id), [&](db::Tx& tx) {
      return node.feature->licenses().setAdminOverride(tx, grant.org.id, value, reason, "operator");
    });
    REQUIRE(done);
  }
  licensing::License license(Node& on) {
    auto found = on.db.read(db::Scope::org(grant.org.id), [&](db::Tx& tx) -> Result<licensing::License> {
      auto license = on.feature->licenses().byOrg(tx, grant.org.id);
      if (!license) return fail(Errc::not_found, "no license");
      return *license;
    });
    REQUIRE(found);
    return *found;
  }
  licensing::License license() { return license(node); }
  std::int64_t count(const std::string& sql, const db::Binds& binds = {}) {
    const auto n = node.db.read(db::Scope::system(), [&](db::Tx& tx) -> Result<std::int64_t> { return std::get<0>(*tx.one<std::int64_t>(sql, binds)); });
    REQUIRE(n);
    return *n;
  }

  TempDb& env;
  TempDir dir;
  config::Settings settings;
  Node node;
  crypto::SigningKey device;
  identity::TokenIssuer::Grant grant;
};

template <class T>
std::string codeOf(const Result<T>& result) {
  return result ? "ok" : result.error().name();
}

}  // namespace ccp::test

#define LICENSING_TEST(name) CCP_DB_TEST(name, &ccp::identity::kMigrations, &ccp::licensing::kMigrations)
