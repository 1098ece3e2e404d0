// What a reload may change while running, and what waits for a restart.
#include <doctest/doctest.h>

#include "core/config/live_settings.hpp"

using namespace ccp;
using namespace ccp::config;

namespace {

using Names = std::vector<std::string>;

Settings read(const std::string& yaml) {
  auto out = parseSettings(yaml, "ccp.yaml", {});
  REQUIRE_MESSAGE(out.has_value(), out.error().detail);
  return std::move(*out);
}

constexpr const char* kBase = R"(mode: dev
plugins: [{name: pay, plugin: ccp.billing-polar}, {name: other, plugin: ccp.billing-sandbox}]
billing: {default: pay}
plans:
  catalog: [{id: community}, {id: solo, prices: [{id: solo-month, interval: month, amount_minor: 900, currency: USD, providers: {pay: {price: p1}}}]}]
)";

std::string replaced(std::string text, const std::string& what, const std::string& with) {
  const auto at = text.find(what);
  REQUIRE(at != std::string::npos);
  return text.replace(at, what.size(), with);
}

}  // namespace

TEST_CASE("writing a default changes nothing") {
  const auto diff = compareSettings(read(kBase), read(std::string(kBase) + "server: {threads: 64, drain_timeout: 10s}\nreload: {watch: true}\nusage: {}\n"));
  CHECK(diff.live.empty());
  CHECK(diff.restart.empty());
}

TEST_CASE("what is live and what is not is told by name") {
  const Settings running = read(kBase);
  const auto diff = compareSettings(running, read(replaced(kBase, "default: pay", "default: other, grace_days: 9, on_dispute: suspend") +
                                                  "server: {listen: \"127.0.0.1:1\", admin_listen: \"127.0.0.1:2\"}\nlog: {level: debug}\n"));
  CHECK(diff.live == Names{"billing.default", "billing.on_dispute", "log.level"});
  CHECK(diff.restart == Names{"billing.grace_days", "server.admin_listen", "server.listen"});
  CHECK_FALSE(diff.plugins);
  CHECK(compareSettings(running, read(replaced(kBase, "mode: dev", "mode: dev\nsignup: closed"))).restart == Names{"signup"});
  CHECK(compareSettings(running, read(replaced(kBase, "ccp.billing-sandbox}", "ccp.billing-sandbox, config: {a: 1}}"))).plugins);
}

TEST_CASE("the providers' ids of prices are live, the catalog is not") {
  const Settings running = read(kBase);
  const Settings mapped = read(replaced(kBase, "pay: {price: p1}", "pay: {price: p1}, other: {price: q1}"));
  CHECK(compareSettings(running, mapped).live == Names{"plans.catalog"});
  CHECK(withLive(running, mapped).plans.findProvider("other", "", "q1").price != nullptr);
  const Settings dearer = read(replaced(kBase, "900", "1900"));
  CHECK(compareSettings(running, dearer).restart == Names{"plans.catalog"});
  CHECK(withLive(running, dearer).plans.findPrice("solo-month").price->amount_minor == 900);
  CHECK(compareSettings(running, read(replaced(kBase, "plans:", "plans:\n  fallback: solo"))).restart == Names{"plans.fallback"});
}

TEST_CASE("what was applied is running, and what was not is named again") {
  const Settings running = read(kBase);
  const Settings wanted = read(replaced(kBase, "default: pay", "default: other") + "server: {threads: 8}\nreload: {watch: false}\n");
  const Settings now = withLive(running, wanted);
  CHECK(now.billing.default_instance == "other");
  CHECK_FALSE(now.reload.watch);
  CHECK(now.server.threads == 64);
  const auto again = compareSettings(now, wanted);
  CHECK(again.live.empty());
  CHECK(again.restart == Names{"server.threads"});
  const auto back = compareSettings(now, running);
  CHECK(back.live == Names{"billing.default", "reload.watch"});
  CHECK(back.restart.empty());
}

TEST_CASE("readers keep the version they took") {
  LiveSettings live(read(kBase));
  const auto before = live.now();
  live.publish(read(replaced(kBase, "default: pay", "default: other")));
  CHECK(before->billing.default_instance == "pay");
  CHECK(live.now()->billing.default_instance == "other");
}
