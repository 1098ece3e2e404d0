#include "core/app/plugin_guard.hpp"

#include <doctest/doctest.h>

#include "tests/support/fake_decider.hpp"

using namespace ccp;
using plugin::Change;

namespace {

Change swapOf(Change::Occasion occasion = Change::Occasion::request) {
  Change out;
  out.kind = Change::Kind::swap;
  out.wanted.name = "polar";
  out.occasion = occasion;
  out.reason = "security fix";
  out.before = Json::object({{"plugin", "ccp.billing-polar"}, {"version", "1.3.2"}, {"trust", "vendor"}, {"isolation", "inproc"}});
  out.after = Json::object({{"plugin", "ccp.billing-polar"}, {"version", "1.4.0"}, {"trust", "key:abc"}, {"isolation", "inproc"}});
  return out;
}

}  // namespace

TEST_CASE("policies are asked about a change of plugins, with all that is known of it") {
  ccp::test::FakeDecider policies;
  const auto guard = app::makePluginGuard(policies, config::Mode::prod);
  CHECK(guard(swapOf(), {"ccp.billing/1"}, "operator"));
  REQUIRE(policies.asked.size() == 1);
  CHECK((policies.asked[0].point == policy::Point::plugin_change));
  CHECK(policies.asked[0].org.empty());
  CHECK(policies.asked[0].input.dump() ==
        R"({"subject":{"kind":"operator"},"action":"swap","mode":"prod","instance":"polar","occasion":"request","actor":"operator","reason":"security fix",)"
        R"("plugin":"ccp.billing-polar","version":"1.4.0","isolation":"inproc","trust":"key","key":"abc","provides":["ccp.billing/1"],)"
        R"("from":{"plugin":"ccp.billing-polar","version":"1.3.2","isolation":"inproc","trust":"vendor"}})");
}

TEST_CASE("a change that policies deny is refused with their reason, but not at start") {
  ccp::test::FakeDecider policies;
  policies.answer = [](const policy::Question&, policy::Decision& out) {
    out.allow = false;
    out.reason = "Not on a Friday";
    out.rule = "friday";
  };
  const auto guard = app::makePluginGuard(policies, config::Mode::prod);
  const auto refused = guard(swapOf(), {}, "operator");
  REQUIRE_FALSE(refused);
  CHECK((refused.error().code == Errc::policy_denied));
  CHECK(refused.error().detail == "The policies do not allow to swap \"polar\": Not on a Friday. Rule \"friday\"; `ccp policy explain dec_1` shows more.");
  CHECK_FALSE(guard(swapOf(Change::Occasion::reload), {}, "config:watch"));
  CHECK(guard(swapOf(Change::Occasion::start), {}, "system"));
}

TEST_CASE("a policy may want the code in a process of its own") {
  ccp::test::FakeDecider policies;
  policies.answer = [](const policy::Question&, policy::Decision& out) { out.result = Json::object({{"isolation", "process"}}); };
  const auto guard = app::makePluginGuard(policies, config::Mode::prod);
  CHECK_FALSE(guard(swapOf(), {}, "operator"));
  auto change = swapOf();
  change.after.set("isolation", "process");
  CHECK(guard(change, {}, "operator"));
}
