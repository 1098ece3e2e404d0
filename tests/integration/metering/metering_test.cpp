// Usage on its way to billing providers, on both databases: every change once, whatever fails.
#include "core/metering/feature.hpp"
#include "tests/integration/billing/world.hpp"

namespace ccp::usage {
extern const db::MigrationSet kMigrations;
}

using namespace ccp;
using namespace ccp::test;

namespace {

const Timestamp kHour = fromUnixSeconds(1'800'000'000) - hours(10);

struct FakeBilling final : billing::Billing {
  Result<billing::BillingHealth> health(const Deadline&) override { return billing::BillingHealth{}; }
  std::optional<billing::MeteredCustomer> meteredCustomer(db::Tx&, const std::string& org) override {
    const auto found = customers.find(org);
    if (found == customers.end()) return std::nullopt;
    return found->second;
  }
  std::map<std::string, billing::MeteredCustomer> customers;
};

struct Meters {
  explicit Meters(TempDb& e) : env(e), live(settings()) {
    for (const char* name : {"pay", "other"})
      providers.all[name] = std::make_shared<FakeProvider>(name);
    const auto made = env.db().write(db::Scope::system(), [](db::Tx& tx) -> Status {
      tx.exec("insert into usage_sources (org_id, id, seat_id, created_at, synced_at) values "
              "('org_1', 'dev_1', '', 0, 0)",
              {});
      return {};
    });
    REQUIRE(made);
    billing.customers["org_1"] = {"pay", "cust_1"};
    restart();
  }
  static config::Settings settings() {
    config::Settings s;
    s.billing.meters = {{"tokens", {"input_tokens", "output_tokens"}}, {"calls", {"requests"}}};
    return s;
  }
  void restart() {
    reporter.emplace(metering::Reporter::Deps{env.db(), env.clock, env.random, env.metrics, live,
                                              billing, providers});
  }
  FakeProvider& pay() { return *providers.all["pay"]; }
  /// The device says what it used in one hour, again and again; the event follows.
  void use(int hour, std::int64_t input, std::int64_t output, std::int64_t requests) {
    const Timestamp at = kHour + hours(hour);
    const std::string id = "rol_" + std::to_string(hour);
    const auto stored = env.db().write(db::Scope::system(), [&](db::Tx& tx) -> Status {
      tx.exec("delete from usage_rollups where id = :id", {{"id", id}});
      tx.exec("insert into usage_rollups (org_id, id, source_id, seat_id, period, start_at, model, "
              "lane, requests, errors, input_tokens, output_tokens, cache_read_tokens, "
              "cache_write_tokens, cost_known, cost_microusd, ttft, revision, digest, received_at) "
              "values ('org_1', :id, 'dev_1', '', 'hour', :at, 'm', 'anthropic', :requests, 0, "
              ":input, :output, 0, 0, 0, 0, '', 1, '', :at)",
              {{"id", id}, {"at", at}, {"requests", requests}, {"input", input}, {"output", output}});
      return {};
    });
    REQUIRE(stored);
    db::OutboxEvent event;
    event.id = "evt_1";
    event.type = "usage.accepted";
    event.org = "org_1";
    event.data = Json::object({{"source", "dev_1"},
                               {"from_at", formatRfc3339(at)},
                               {"until_at", formatRfc3339(at + hours(1))}});
    REQUIRE(reporter->take(event));
    REQUIRE(reporter->take(event));  // at least once
  }
  void step() { REQUIRE(reporter->step()); }
  /// What a provider that adds up, and one that replaces, would bill of a meter.
  std::pair<std::int64_t, std::int64_t> billed(const std::string& meter) {
    std::map<std::string, plugin::UsageRecord> once;
    std::map<Timestamp, std::int64_t> newest;
    for (const auto& record : pay().usage) {
      if (record.meter != meter) continue;
      if (once.emplace(record.id, record).second) newest[record.window_start_at] = record.quantity;
    }
    std::int64_t added = 0, replaced = 0;
    for (const auto& [id, record] : once) added += record.delta;
    for (const auto& [at, quantity] : newest) replaced += quantity;
    return {added, replaced};
  }

  TempDb& env;
  config::LiveSettings live;
  FakeProviders providers;
  FakeBilling billing;
  std::optional<metering::Reporter> reporter;
};

}  // namespace

#define METERING_TEST(name)                                                    \
  CCP_DB_TEST(name, &ccp::usage::kMigrations, &ccp::metering::kMigrations)

METERING_TEST("an hour is reported once, and again when its value changes") {
  Meters m(env);
  m.use(0, 100, 20, 3);
  m.use(1, 50, 0, 1);
  m.step();
  REQUIRE(m.pay().usage.size() == 4);
  CHECK(m.pay().usage[0].customer_id == "cust_1");
  CHECK(m.billed("tokens") == std::pair<std::int64_t, std::int64_t>(170, 170));
  CHECK(m.billed("calls") == std::pair<std::int64_t, std::int64_t>(4, 4));
  m.step();
  CHECK(m.pay().usage.size() == 4);
  SUBCASE("more") {
    m.use(0, 200, 20, 3);
    m.step();
    CHECK(m.billed("tokens") == std::pair<std::int64_t, std::int64_t>(270, 270));
    CHECK(m.pay().usage.size() == 5);  // the other meter says the same
  }
  SUBCASE("less") {
    m.use(0, 10, 0, 3);
    m.step();
    CHECK(m.billed("tokens") == std::pair<std::int64_t, std::int64_t>(60, 60));
    CHECK(m.pay().usage.back().delta == -110);
  }
}

METERING_TEST("a provider that is down is told later, with the same report") {
  Meters m(env);
  m.use(0, 100, 0, 1);
  m.pay().broken["report_usage"] = Error{Errc::unavailable, "down"};
  m.step();
  CHECK(m.pay().usage.empty());
  CHECK(m.reporter->waiting()->failing == 2);
  m.use(0, 150, 0, 1);  // corrected meanwhile
  m.pay().broken.clear();
  m.step();
  CHECK(m.pay().usage.empty());  // not before the wait is over
  env.clock.advance(minutes(1));
  m.step();
  m.step();
  CHECK(m.billed("tokens") == std::pair<std::int64_t, std::int64_t>(150, 150));
  CHECK(m.reporter->waiting()->hours == 0);
}

METERING_TEST("a record that the provider refuses holds up no other one") {
  Meters m(env);
  m.billing.customers["org_1"] = {"pay", "cust_gone"};
  m.use(0, 7, 0, 1);
  m.billing.customers["org_1"] = {"pay", "cust_1"};
  m.use(1, 100, 0, 1);
  m.pay().refused_customer = "cust_gone";
  m.step();
  CHECK(m.reporter->waiting()->failing == 2);
  CHECK(m.reporter->waiting()->hours == 2);
  m.use(1, 150, 0, 1);
  m.step();
  CHECK(m.billed("tokens") == std::pair<std::int64_t, std::int64_t>(150, 150));
  CHECK(m.reporter->waiting()->hours == 2);
}

METERING_TEST("a crash after the provider took a report bills nothing twice") {
  Meters m(env);
  struct Crash {};
  m.use(0, 100, 0, 1);
  bool die = true;
  m.pay().after = [&](const std::string& op) {
    if (op == "report_usage" && std::exchange(die, false)) throw Crash{};
  };
  CHECK_THROWS_AS((void)m.reporter->step(), Crash);
  m.restart();
  m.use(0, 130, 0, 1);
  env.clock.advance(minutes(3));  // the lease of the dead process is over
  m.step();
  m.step();
  CHECK(m.billed("tokens") == std::pair<std::int64_t, std::int64_t>(130, 130));
}

METERING_TEST("two nodes send one report") {
  Meters m(env);
  m.use(0, 100, 0, 1);
  metering::Reporter other(metering::Reporter::Deps{env.db(), env.clock, env.random, env.metrics,
                                                    m.live, m.billing, m.providers});
  m.pay().before = [&](const std::string& op) {
    if (op == "report_usage") {
      m.pay().before = nullptr;
      REQUIRE(other.step());
    }
  };
  m.step();
  CHECK(m.pay().usage.size() == 2);
}

METERING_TEST("only who pays is metered, and an hour stays with whom it was told to first") {
  Meters m(env);
  m.billing.customers.clear();
  m.use(0, 100, 0, 1);
  m.step();
  CHECK(m.pay().usage.empty());
  m.billing.customers["org_1"] = {"pay", "cust_1"};
  m.use(1, 100, 0, 1);
  m.billing.customers["org_1"] = {"other", "cust_2"};  // moved
  m.use(1, 120, 0, 1);
  m.use(2, 7, 0, 1);
  m.step();
  CHECK(m.billed("tokens").first == 120);
  REQUIRE(m.providers.all["other"]->usage.size() == 2);
  CHECK(m.providers.all["other"]->usage[0].customer_id == "cust_2");
}

METERING_TEST("what a provider would refuse for its age is not sent") {
  Meters m(env);
  env.clock.advance(hours(24 * 40));
  m.use(0, 100, 0, 1);
  m.step();
  CHECK(m.pay().usage.empty());
}
