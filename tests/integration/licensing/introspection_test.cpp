// Introspection (RFC 7662) and what it remembers: every end of a token is seen at once, whatever is in
// memory; nobody learns anything about another organization.
#include <atomic>
#include <thread>

#include "tests/integration/licensing/world.hpp"

using namespace ccp;
using namespace ccp::test;
using namespace ccp::licensing;

namespace {

http::Principal deployer() {
  http::Principal out;
  out.kind = http::PrincipalKind::api_key;
  out.api_key = "introspection";
  out.scopes = {"introspect"};
  return out;
}
http::Principal keyOf(const std::string& org) {
  auto out = deployer();
  out.org = org;
  out.api_key = "key_1";
  return out;
}

http::Request ask(const http::Principal& who, std::string body) {
  http::Request out;
  out.method = "POST";
  out.path = out.target = "/oauth/introspect";
  out.headers.add("Content-Type", "application/x-www-form-urlencoded");
  out.body = std::move(body);
  out.principal = who;
  out.remote_address = "192.0.2.1";
  return out;
}

/// What a worker answers, as "active", "inactive" or the error's code; and what memory answers after it.
std::string stateOf(const Result<http::Response>& answer) {
  if (!answer) return answer.error().name();
  const auto json = parseJson(answer->body);
  REQUIRE(json);
  if (answer->status != 200) return json->strOr("error");
  if (json->boolOr("active")) return "active";
  CHECK(answer->body == R"({"active":false})");
  return "inactive";
}
std::string cold(Node& on, const http::Principal& who, const std::string& token) {
  return stateOf(on.feature->introspection().answer(ask(who, "token=" + token)));
}
std::string warm(Node& on, const http::Principal& who, const std::string& token) {
  const auto known = on.feature->introspection().fromMemory(ask(who, "token=" + token));
  return known ? stateOf(*known) : "unknown";
}

double metric(TempDb& env, const char* name, const char* cache) { return env.metrics.counter(name, "", {{"cache", cache}}).value(); }

}  // namespace

LICENSING_TEST("an active token is shown with its organization's license; the second time from memory") {
  World w(env);
  w.bill({w.fact("active", "team", 5)});
  const auto token = w.token();
  CHECK(warm(w.node, deployer(), token) == "unknown");
  const auto first = w.node.feature->introspection().answer(ask(deployer(), "token=" + token));
  REQUIRE(first);
  const auto json = parseJson(first->body);
  REQUIRE(json);
  CHECK(json->boolOr("active"));
  CHECK(json->strOr("token_type") == "DPoP");
  CHECK(json->strOr("sub") == w.grant.user.id);
  CHECK(json->strOr("client_id") == "ccp-cli");
  CHECK(json->strOr("scope") == "license usage billing dash");
  CHECK(json->strOr("iss") == "https://ccp.example");
  CHECK(json->strOr("aud") == "acme-cli");
  CHECK(json->strOr("org") == w.grant.org.id);
  CHECK(json->intOr("exp") - json->intOr("iat") == 900);
  CHECK((*json)["cnf"].strOr("jkt") == w.device.publicKey().thumbprint());
  const Json& license = (*json)["license"];
  CHECK(license.strOr("state") == "active");
  CHECK(license.strOr("plan") == "team");
  CHECK(license.intOr("version") == 1);
  CHECK(license["features"].dump() == R"(["zai_offload","dashboards","reviewer_bot"])");
  CHECK(first->headers.get("Cache-Control") == "no-store");

  const auto second = w.node.feature->introspection().fromMemory(ask(deployer(), "token=" + token));
  REQUIRE(second);
  REQUIRE(*second);
  CHECK((*second)->body == first->body);
  // The hint is a hint, and forms may be escaped.
  const auto hinted = w.node.feature->introspection().fromMemory(ask(deployer(), "token_type_hint=refresh_token&token=" + token));
  REQUIRE(hinted);
  REQUIRE(*hinted);
  CHECK((*hinted)->body == first->body);
}

LICENSING_TEST("a signature is checked once, for introspection and for requests with proofs together") {
  World w(env);
  const auto token = w.token();
  REQUIRE(w.call(w.node, token));
  CHECK(metric(env, "ccp_cache_misses_total", "tokens") == 1);
  REQUIRE(w.call(w.node, token));
  CHECK(cold(w.node, deployer(), token) == "active");
  CHECK(warm(w.node, deployer(), token) == "active");
  CHECK(metric(env, "ccp_cache_misses_total", "tokens") == 1);
  CHECK(metric(env, "ccp_cache_hits_total", "tokens") == 3);
}

LICENSING_TEST("what ends a token is seen at once, in memory too") {
  World w(env);
  w.bill({w.fact("active", "team", 5)});
  SUBCASE("its session is revoked") {
    const auto token = w.token();
    CHECK(cold(w.node, deployer(), token) == "active");
    REQUIRE(db.write(db::Scope::org(w.grant.org.id), [&](db::Tx& tx) -> Status {
      w.node.feature->tokenIssuer().sidRevoked(tx, w.grant.org.id, w.grant.device.sid);
      return {};
    }));
    CHECK(warm(w.node, deployer(), token) == "inactive");
    CHECK(cold(w.node, deployer(), token) == "inactive");
    CHECK(codeOf(w.call(w.node, token)) == "token_revoked");
  }
  SUBCASE("its license goes down") {
    const auto token = w.token();
    CHECK(cold(w.node, deployer(), token) == "active");
    w.override_(AdminOverride::suspended);
    CHECK(warm(w.node, deployer(), token) == "inactive");
    CHECK(cold(w.node, deployer(), token) == "inactive");
  }
  SUBCASE("it expires, and so does its leeway") {
    const auto token = w.token();
    CHECK(cold(w.node, deployer(), token) == "active");
    for (int i = 0; i < 24; ++i) {
      env.clock.advance(seconds(40));
      w.node.feature->worker().runOnce();
      REQUIRE(codeOf(w.call(w.node, token)) == (i < 23 ? "ok" : "token_expired"));
      CHECK(cold(w.node, deployer(), token) == (i < 23 ? "active" : "inactive"));
    }
    CHECK(warm(w.node, deployer(), token) == "inactive");
  }
  SUBCASE("its key is compromised; a key that only grows older keeps what it signed") {
    const auto token = w.token();
    CHECK(cold(w.node, deployer(), token) == "active");
    REQUIRE(w.node.feature->keyAdmin().rotate("access", "operator"));
    const double checked = metric(env, "ccp_cache_misses_total", "tokens");
    CHECK(warm(w.node, deployer(), token) == "active");
    CHECK(metric(env, "ccp_cache_misses_total", "tokens") == checked);
    const auto kid = crypto::parseJws(token)->header.strOr("kid");
    REQUIRE(w.node.feature->keyAdmin().compromise(kid, "stolen", "operator"));
    CHECK(warm(w.node, deployer(), token) == "inactive");
    CHECK(cold(w.node, deployer(), token) == "inactive");
    CHECK(codeOf(w.call(w.node, token)) == "key_unknown");
  }
}

LICENSING_TEST("another node sees an end after its next reading, and judges nothing when it cannot read") {
  World w(env);
  auto other_db = env.openAnother();
  Node second(*other_db, env, w.settings);
  const auto token = w.token();
  CHECK(cold(second, deployer(), token) == "active");
  CHECK(warm(second, deployer(), token) == "active");
  REQUIRE(db.write(db::Scope::org(w.grant.org.id), [&](db::Tx& tx) -> Status {
    w.node.feature->tokenIssuer().sidRevoked(tx, w.grant.org.id, w.grant.device.sid);
    return {};
  }));
  second.feature->worker().runOnce();
  CHECK(warm(second, deployer(), token) == "inactive");

  CHECK(cold(w.node, deployer(), token) == "inactive");
  env.clock.advance(seconds(45));
  CHECK(warm(w.node, deployer(), token) == "inactive");
  env.clock.advance(seconds(1));
  CHECK(warm(w.node, deployer(), token) == "stale_state");
  CHECK(cold(w.node, deployer(), token) == "stale_state");
  CHECK(cold(w.node, deployer(), "x.y.z") == "stale_state");
  w.node.feature->worker().runOnce();
  CHECK(warm(w.node, deployer(), token) == "inactive");
}

LICENSING_TEST("a change of the license shows at once on its node, and in ten seconds on others") {
  World w(env);
  auto other_db = env.openAnother();
  Node second(*other_db, env, w.settings);
  w.bill({w.fact("active", "solo")});
  const auto token = w.token();
  const auto plan = [&](Node& on) {
    const auto answer = on.feature->introspection().answer(ask(deployer(), "token=" + token));
    REQUIRE(answer);
    return (*parseJson(answer->body))["license"].strOr("plan");
  };
  CHECK(plan(w.node) == "solo");
  CHECK(plan(second) == "solo");
  w.bill({w.fact("active", "team", 5)});  // up: the token stays good
  CHECK(warm(w.node, deployer(), token) == "unknown");
  CHECK(plan(w.node) == "team");
  CHECK(warm(w.node, deployer(), token) == "active");
  CHECK(warm(second, deployer(), token) == "active");
  env.clock.advance(seconds(5));
  CHECK(warm(second, deployer(), token) == "unknown");  // one caller looks again …
  CHECK(warm(second, deployer(), token) == "active");   // … the others do not wait for it
  CHECK(plan(second) == "team");
  CHECK(warm(second, deployer(), token) == "active");
  env.clock.advance(seconds(10));
  CHECK(warm(second, deployer(), token) == "unknown");
  CHECK(warm(second, deployer(), token) == "unknown");
}

LICENSING_TEST("features are those that the policies allow to the token's bearer") {
  World w(env);
  w.bill({w.fact("active", "team", 5)});
  w.node.decider.answer = [](const policy::Question& question, policy::Decision& out) { out.allow = question.input.strOr("feature") != "dashboards"; };
  const auto token = w.token();
  const auto answer = w.node.feature->introspection().answer(ask(deployer(), "token=" + token));
  REQUIRE(answer);
  CHECK((*parseJson(answer->body))["license"]["features"].dump() == R"(["zai_offload","reviewer_bot"])");
  CHECK(w.node.decider.asked.front().input["subject"].strOr("user") == w.grant.user.id);
  CHECK(w.node.decider.asked.front().input.strOr("action") == "status");
  CHECK(w.node.decider.asked.front().repeated);
  // Asked once for each feature, not for each request.
  const auto asked = w.node.decider.asked.size();
  CHECK(warm(w.node, deployer(), token) == "active");
  CHECK(w.node.decider.asked.size() == asked);
}

LICENSING_TEST("a key of an organization learns nothing about another one's tokens") {
  World w(env);
  const auto token = w.token();
  CHECK(cold(w.node, keyOf("org_another"), token) == "inactive");
  CHECK(warm(w.node, keyOf("org_another"), token) == "inactive");
  CHECK(cold(w.node, keyOf(w.grant.org.id), token) == "active");
  CHECK(warm(w.node, keyOf("org_another"), token) == "inactive");
  CHECK(warm(w.node, keyOf(w.grant.org.id), token) == "active");
  auto unscoped = keyOf(w.grant.org.id);
  unscoped.scopes = {"license", "usage"};
  CHECK(cold(w.node, unscoped, token) == "insufficient_scope");
  CHECK(warm(w.node, unscoped, token) == "insufficient_scope");
  CHECK(w.node.feature->introspection().answer(ask(unscoped, "token=" + token))->status == 403);
}

LICENSING_TEST("what is no access token of ours is not active; what is no question is refused") {
  World w(env);
  const auto token = w.token();
  const auto signer = *w.node.feature->keys().signer(crypto::KeyUse::access);
  const auto pack_signer = *w.node.feature->keys().signer(crypto::KeyUse::pack);
  const Json claims = crypto::parseJws(token)->claims;
  Json foreign = claims;
  foreign.set("iss", "https://evil.example");
  for (const auto& text : {std::string("x"), std::string("x.y.z"), token.substr(0, token.size() - 4) + "AAAA", std::string(16'000, 'a'),
                           crypto::signJws(*pack_signer, crypto::kTypLicensePack, claims), crypto::signJws(*signer, "JWT", claims),
                           crypto::signJws(*signer, crypto::kTypAccessToken, foreign)}) {
    CAPTURE(text.substr(0, 80));
    CHECK(cold(w.node, deployer(), text) == "inactive");
    CHECK(warm(w.node, deployer(), text) == "inactive");
  }
  auto& introspection = w.node.feature->introspection();
  for (const auto* body : {"", "token=", "tok=a", "token=a&token=b", "token=%zz", "token=%ff", "token_type_hint=a&token_type_hint=b&token=a"}) {
    CAPTURE(body);
    const auto answer = introspection.answer(ask(deployer(), body));
    CHECK(stateOf(answer) == "invalid_request");
    CHECK(answer->status == 400);
    const auto known = introspection.fromMemory(ask(deployer(), body));
    REQUIRE(known);
    CHECK(stateOf(*known) == "invalid_request");
  }
  auto json = ask(deployer(), R"({"token":"a"})");
  json.headers.set("Content-Type", "application/json");
  CHECK(stateOf(introspection.answer(json)) == "invalid_request");
}

LICENSING_TEST("an address that sends many unknown tokens waits; others, and known tokens, do not") {
  World w(env);
  w.settings.server.verifications_per_second_per_address = 10;
  Node node(db, env, w.settings);
  const auto token = w.token(node);
  CHECK(cold(node, deployer(), token) == "active");
  for (int i = 0; i < 9; ++i) CHECK(cold(node, deployer(), token + std::to_string(i)) == "inactive");
  CHECK(cold(node, deployer(), token + "x") == "rate_limited");
  const auto refused = node.feature->introspection().answer(ask(deployer(), "token=" + token + "y"));
  CHECK(refused.error().httpStatus() == 429);
  CHECK(refused.error().retry_after_s > 0);
  CHECK(codeOf(w.call(node, token)) == "ok");
  CHECK(cold(node, deployer(), token) == "active");
  CHECK(cold(node, deployer(), token + "1") == "inactive");  // remembered
  auto elsewhere = ask(deployer(), "token=" + token + "z");
  elsewhere.remote_address = "192.0.2.2";
  CHECK(stateOf(node.feature->introspection().answer(elsewhere)) == "inactive");
  env.clock.advance(seconds(1));
  CHECK(cold(node, deployer(), token + "x") == "inactive");
  // A request with a proof is metered the same way.
  for (int i = 0; i < 20; ++i) (void)cold(node, deployer(), token + "q" + std::to_string(i));
  auto request = w.request(w.token(node), w.proof("x"));
  request.remote_address = "192.0.2.1";
  CHECK(codeOf(node.feature->authenticator().authenticate(request)) == "rate_limited");
}

LICENSING_TEST("verifying, revoking, evicting and reading again go on at the same time") {
  World w(env);
  w.settings.server.token_cache = 64;
  w.settings.server.verifications_per_second_per_address = 0;
  Node node(db, env, w.settings);
  std::vector<std::string> tokens;
  std::vector<std::string> sids;
  for (int i = 0; i < 96; ++i) {
    w.grant.device.sid = sids.emplace_back("ses_" + std::to_string(i));
    tokens.push_back(w.token(node));
  }
  std::vector<std::atomic<bool>> revoked(tokens.size());
  std::atomic<bool> over{false};
  std::atomic<int> wrong{0}, answers{0};
  const auto who = deployer();
  std::vector<std::thread> threads;
  for (int t = 0; t < 3; ++t) {
    threads.emplace_back([&, t] {
      for (std::size_t i = static_cast<std::size_t>(t); !over; i = (i + 7) % tokens.size()) {
        const bool ended = revoked[i];
        const auto request = ask(who, "token=" + tokens[i]);
        auto known = node.feature->introspection().fromMemory(request);
        const auto answer = known ? std::move(*known) : node.feature->introspection().answer(request);
        ++answers;
        if (!answer || (ended && answer->body != R"({"active":false})")) ++wrong;
      }
    });
  }
  threads.emplace_back([&] {
    while (!over) {
      if (!node.feature->revocations().refresh() || !node.feature->keys().refresh()) ++wrong;
    }
  });
  for (std::size_t i = 0; i < tokens.size(); i += 2) {
    const auto done = db.write(db::Scope::org(w.grant.org.id), [&](db::Tx& tx) -> Status {
      node.feature->tokenIssuer().sidRevoked(tx, w.grant.org.id, sids[i]);
      return {};
    });
    if (!done) ++wrong;
    revoked[i] = true;
    w.bill(node, {w.fact("active", i % 4 == 0 ? "team" : "solo", 1)});
    if (i == 48 && !node.feature->keyAdmin().rotate("access", "operator")) ++wrong;
  }
  over = true;
  for (auto& thread : threads) thread.join();
  CHECK(wrong == 0);
  CHECK(answers > 100);
}
