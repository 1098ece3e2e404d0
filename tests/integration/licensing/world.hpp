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

config::Settings licensingSettings(const std::string& state_dir);

/// One server process, as far as licensing goes.
struct Node {
  Node(db::Db& database, TempDb& env, const config::Settings& settings);
  ~Node();
  static std::unique_ptr<licensing::Feature> unwrap(Result<std::unique_ptr<licensing::Feature>> opened);

  db::Db& db;
  FakeDecider decider;
  std::unique_ptr<licensing::Feature> feature;
  identity::StoredDirectory directory;
  identity::StoredReplayGuard replays;
};

struct World {
  explicit World(TempDb& e);
  ~World();

  std::string token(Node& by);
  std::string token() { return token(node); }

  std::string proof(const std::string& token_text, const char* method = "GET", const char* path = "/v1/license/status");
  http::Request request(const std::string& token_text, const std::string& proof_text, const char* method = "GET", const char* path = "/v1/license/status");
  Result<http::Principal> call(Node& on, const std::string& token_text, const char* method = "GET", const char* path = "/v1/license/status");
  http::Principal principal(Node& on);
  http::Principal principal() { return principal(node); }

  licensing::SubscriptionFact fact(std::string status, std::string plan = "solo", std::int64_t seats = 1);
  void bill(Node& on, const std::vector<licensing::SubscriptionFact>& facts);
  void bill(const std::vector<licensing::SubscriptionFact>& facts) { bill(node, facts); }
  void override_(licensing::AdminOverride value, const std::string& reason = "reason");
  licensing::License license(Node& on);
  licensing::License license() { return license(node); }
  std::int64_t count(const std::string& sql, const db::Binds& binds = {});

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
