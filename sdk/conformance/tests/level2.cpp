// Level 2: the lifecycle, as hosts go through it, and as they go through it on a bad day.
#include <set>

#include "sdk/conformance/tests/tests.hpp"

namespace ccp::kit::tests {
namespace {

constexpr int kMany = 8;

void checkDestroy(Context& t, Unit& unit, const std::string& state) {
  t.step("destroy " + state);
  const Outcome end = unit.destroy();
  if (!end.lost.empty()) t.fail("destroy " + state + ": " + end.lost, "destroy is legal after any state", "Free what is there and nothing else.");
}

}  // namespace

void createMany(Context& t) {
  KitHost host(t.subject, t.config().value_or(Json()));
  std::vector<std::unique_ptr<Unit>> units;
  const int count = t.mode == Mode::process ? 3 : kMany;
  for (int i = 0; i < count; ++i) {
    auto unit = t.created(host, "instance-" + std::to_string(i));
    if (!unit) return;
    units.push_back(std::move(unit));
  }
  for (auto& unit : units) checkDestroy(t, *unit, "of one of " + std::to_string(count) + " instances");
}

void destroyCreated(Context& t) {
  KitHost host(t.subject);
  const auto unit = t.created(host);
  if (unit) checkDestroy(t, *unit, "right after create");
}

void destroyConfigured(Context& t) {
  KitHost host(t.subject, t.config().value_or(Json()));
  const auto unit = t.configured(host);
  if (!unit) return;
  if (host.effects() > 0) t.fail("configure used a service of the host", "configure is free of side effects: checking a configuration calls it", "Move it to start, or to the first operation.");
  checkDestroy(t, *unit, "after configure");
}

void configureInvalid(Context& t) {
  if (!t.subject.manifest || t.subject.manifest->config_schema.empty()) return t.skip("the plugin takes no configuration");
  const auto config = t.config();
  if (!config) return;
  std::vector<std::pair<std::string, std::string>> cases = {{"text that is no JSON", "{\"a\":"}, {"an empty text", ""}, {"JSON nested 100,000 levels deep", std::string(100000, '[')}};
  for (const auto& [name, input] : cases) {
    KitHost host(t.subject, *config);
    const auto unit = t.created(host);
    if (!unit) return;
    t.step("configure with " + name);
    const Outcome answer = unit->control(Fn::configure, input);
    if (answer.lost.empty() && answer.rc == CCP_RC_INVALID_ARGUMENT) {
      const auto problem = parseJson(answer.err);
      if (!problem || problem->strOr("detail").empty()) {
        t.fail("configure with " + name + " answered INVALID_ARGUMENT without a text", "call->err says what is wrong with the configuration", "Write {\"code\":\"…\",\"detail\":\"…\"} to call->err.");
      }
    } else {
      t.fail("configure with " + name + " answered " + answer.text(), "INVALID_ARGUMENT", "Parse the configuration before you use it.");
    }
    checkDestroy(t, *unit, "after a configure that was refused");
  }
}

void startHealth(Context& t) {
  KitHost host(t.subject, t.config().value_or(Json()));
  const auto unit = t.ready(host);
  if (!t.refusedConfig().empty()) {
    t.fail(t.refusedConfig(), "a configuration that the plugin takes", "Put one into conformance/config.json beside the plugin; values of secrets for the tests belong into conformance/secrets.json.");
  }
  if (!unit) return;
  t.step("health");
  const Outcome answer = unit->control(Fn::health);
  if (!t.checkOk(answer, "health")) return;
  const auto value = parseJson(answer.out);
  const std::string status = value ? value->strOr("status") : "";
  if (status != "ok" && status != "degraded" && status != "failing") {
    t.fail("health answered " + answer.out.substr(0, 200), "{\"status\":\"ok\"|\"degraded\"|\"failing\",\"detail\":\"…\"}", "Return one of the three words.");
  }
  if (status != "ok") t.note("health says " + answer.out.substr(0, 200));
  t.step("stop");
  t.checkOk(unit->control(Fn::stop), "stop");
  checkDestroy(t, *unit, "after stop");
}

void secondInstance(Context& t) {
  KitHost host(t.subject, t.config().value_or(Json()));
  {
    const auto first = t.ready(host, "first");
    if (!first) return;
    // A swap: the second one works before the first one ends, and goes on after it.
    const auto second = t.ready(host, "second");
    if (!second) return;
    t.step("drain of the first instance");
    t.checkOk(first->control(Fn::drain), "drain");
    t.checkOk(first->control(Fn::stop), "stop");
    checkDestroy(t, *first, "of the first instance");
    t.step("health of the second instance");
    t.checkOk(second->control(Fn::health), "health of the second instance after the first one ended");
    t.checkOk(second->control(Fn::stop), "stop of the second instance");
  }
  t.step("a third instance");
  const auto third = t.ready(host, "third");
  if (third) t.checkOk(third->control(Fn::stop), "stop of a third instance");
}

void doubleDrain(Context& t) {
  KitHost host(t.subject, t.config().value_or(Json()));
  const auto unit = t.ready(host);
  if (!unit) return;
  for (const char* time : {"drain", "drain, the second time"}) {
    t.step(time);
    if (!t.checkOk(unit->control(Fn::drain), time)) return;
  }
  t.step("stop");
  t.checkOk(unit->control(Fn::stop), "stop");
}

void destroyRunning(Context& t) {
  KitHost host(t.subject, t.config().value_or(Json()));
  const auto unit = t.ready(host);
  if (unit) checkDestroy(t, *unit, "of a started instance, without drain and stop");
}

}  // namespace ccp::kit::tests
