// What the outcomes of a runner mean to callers: a process of its own may be restarting, broken or lost.
#include <doctest/doctest.h>

#include "core/plugin/instance.hpp"
#include "tests/unit/core/plugin/plugin_world.hpp"

using namespace ccp;
using namespace ccp::plugin;

namespace {

/// Answers {} until a test says otherwise.
struct Script {
  CallOutcome next;
  Json status, facts;
  int runs = 0;
};

class ScriptedRunner final : public Runner {
 public:
  explicit ScriptedRunner(Script& script) : script_(script) {}
  CallOutcome run(const Function& function, const CallContext& context, std::string) override {
    CHECK_FALSE(context.deadline.isNone());
    if (function.kind != Function::Kind::operation && function.kind != Function::Kind::health) {
      CallOutcome fine;
      fine.end = CallOutcome::End::answered;
      fine.rc = CCP_RC_OK;
      return fine;
    }
    ++script_.runs;
    return script_.next;
  }
  Json status() const override { return script_.status; }
  Json facts() const override { return script_.facts; }

 private:
  Script& script_;
};

struct World {
  World() : db(db::Dialect::sqlite), secrets("/nowhere", {}), host{db.db(), http, secrets, db.clock, db.random, db.metrics, true} {
    InstanceGrants grants;
    grants.name = "far";
    grants.manifest.id = "com.example.far";
    grants.manifest.provides = {"ccp.billing/1"};
    instance = std::make_unique<Instance>(host, grants, [this](const auto&) { return std::make_unique<ScriptedRunner>(script); });
    REQUIRE(instance->start({}, {}).has_value());
  }
  Result<Json> call() {
    auto place = instance->enter({});
    if (!place) return fail(place.error());
    return instance->call(*place, "ccp.billing/1", "get_checkout", {}, Json::object());
  }
  std::vector<Result<Json>> callTwice(std::string_view interface_id = "ccp.billing/1") {
    auto place = instance->enter({});
    if (!place) return {fail(place.error())};
    return instance->callEach(*place, interface_id, "verify_webhook", {}, {"{}", "{}"});
  }
  test::TempDb db;
  test::ScriptedHttp http;
  config::SecretStore secrets;
  HostContext host;
  Script script;
  std::unique_ptr<Instance> instance;
};

}  // namespace

TEST_CASE("a call that did not start says why and when to come back") {
  World w;
  w.script.next.end = CallOutcome::End::not_started;
  w.script.next.detail = "its process is being restarted";
  w.script.next.retry_after = milliseconds(1200);
  const auto answer = w.call();
  REQUIRE_FALSE(answer.has_value());
  CHECK((answer.error().code == Errc::plugin_unavailable));
  CHECK(answer.error().retry_after_s == 2);
  CHECK(answer.error().detail == "Plugin instance \"far\" was not asked for get_checkout: its process is being restarted.");
  w.script.next.code = Errc::overloaded;
  CHECK((w.call().error().code == Errc::overloaded));
}

TEST_CASE("a call that was lost may have happened, and its caller is told") {
  World w;
  w.script.next.end = CallOutcome::End::lost;
  w.script.next.detail = "its process was killed by signal 11";
  const auto answer = w.call();
  REQUIRE_FALSE(answer.has_value());
  CHECK((answer.error().code == Errc::plugin_unavailable));
  CHECK(answer.error().detail.find("may or may not have happened") != std::string::npos);
  CHECK(answer.error().detail.find("signal 11") != std::string::npos);
}

TEST_CASE("a process that was ended for overrunning does not rest the instance") {
  World w;
  w.script.next.end = CallOutcome::End::overran;
  const auto answer = w.call();
  REQUIRE_FALSE(answer.has_value());
  CHECK((answer.error().code == Errc::deadline_exceeded));
  CHECK(answer.error().detail.find("its process was ended") != std::string::npos);
  w.script.next.end = CallOutcome::End::answered;
  w.script.next.rc = CCP_RC_OK;
  w.script.next.out = "{}";
  CHECK(w.call().has_value());
}

TEST_CASE("health and facts show what the runner knows") {
  World w;
  w.script.status = Json::object({{"state", "broken"}, {"detail", "it crashed 5 times in a minute"}, {"restarts", 5}});
  w.script.facts = Json::object({{"pid", 42}, {"restarts", 5}, {"breaker", "open"}});
  w.script.next.end = CallOutcome::End::not_started;
  w.script.next.detail = "it crashed 5 times in a minute";
  const Json health = w.instance->health();
  CHECK(health.strOr("status") == "failing");
  CHECK(health.strOr("detail").find("crashed 5 times") != std::string::npos);
  CHECK(w.instance->info().trouble.strOr("state") == "broken");
  CHECK(w.instance->info().process.intOr("pid") == 42);
}

TEST_CASE("several inputs have an answer each, on any runner") {
  World w;
  w.script.next.end = CallOutcome::End::answered;
  w.script.next.rc = CCP_RC_OK;
  w.script.next.out = "{}";
  auto answers = w.callTwice();
  REQUIRE(answers.size() == 2);
  CHECK(answers[0].has_value());
  CHECK(answers[1].has_value());
  CHECK(w.script.runs == 2);
  w.script.next.rc = CCP_RC_NOT_FOUND;
  answers = w.callTwice();
  REQUIRE(answers.size() == 2);
  CHECK(answers[0].error().code == Errc::not_found);
  CHECK(answers[1].error().code == Errc::not_found);
  w.script.next = {};
  w.script.next.end = CallOutcome::End::lost;
  for (const auto& answer : w.callTwice()) CHECK(answer.error().code == Errc::plugin_unavailable);
  CHECK(w.script.runs == 6);
}

TEST_CASE("what an instance does not provide is refused for each input, and nothing is run") {
  World w;
  const auto answers = w.callTwice("ccp.identity/1");
  REQUIRE(answers.size() == 2);
  for (const auto& answer : answers) CHECK(answer.error().code == Errc::unimplemented);
  CHECK(w.script.runs == 0);
}
