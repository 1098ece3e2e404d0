#include "core/metering/reporter.hpp"

#include <map>

#include "core/base/fault.hpp"
#include "core/base/log.hpp"
#include "core/usage/service.hpp"

namespace ccp::metering {

namespace {

constexpr int kBatch = 100;
constexpr Duration kCallTime = seconds(20);
/// As long as a call may take and be written down: nobody else tries meanwhile.
constexpr Duration kLease = minutes(2);

}  // namespace

Status Reporter::noteHours(db::Tx& tx, const std::string& org, Timestamp from, Timestamp until) {
  const auto customer = deps_.billing.meteredCustomer(tx, org);
  const auto settings = deps_.settings.now();
  for (const auto& hour : usage::UsageService::hourTotals(tx, org, from, until)) {
    for (const auto& meter : settings->billing.meters) {
      Hour row;
      row.used = quantityOf(meter, hour.counters);
      if (auto known = repository_.find(tx, org, meter.name, hour.start_at)) {
        if (known->used == row.used) continue;
        known->used = row.used;
        repository_.setUsed(tx, *known);
        continue;
      }
      if (!customer || row.used == 0) continue;
      row.org = org;
      row.id = newId("mtr", deps_.clock, deps_.random);
      row.instance = customer->instance;
      row.provider_customer_id = customer->provider_customer_id;
      row.meter = meter.name;
      row.hour_at = hour.start_at;
      repository_.add(tx, row);
    }
  }
  return {};
}

Status Reporter::take(const db::OutboxEvent& event) {
  if (deps_.settings.now()->billing.meters.empty()) return {};
  const auto from = parseRfc3339(event.data.strOr("from_at"));
  const auto until = parseRfc3339(event.data.strOr("until_at"));
  if (!from || !until) {
    // Trying again would not help, and the subject's later events must not wait for ever.
    log::error("metering.usage_unreadable", {{"event", event.id}});
    return {};
  }
  const Timestamp oldest = deps_.clock.now() - kOldest;
  if (*until < oldest) return {};
  return deps_.db.write(db::Scope::org(event.org), [&](db::Tx& tx) -> Status {
    return noteHours(tx, event.org, std::max(*from, oldest), *until);
  });
}

bool Reporter::send(const std::string& instance, std::vector<Hour> hours) {
  plugin::CallContext context;
  context.deadline = Deadline::after(deps_.clock, kCallTime);
  context.request_id = newId("req", deps_.clock, deps_.random);
  context.idempotency_key = context.request_id;
  std::vector<plugin::UsageRecord> records;
  for (const auto& hour : hours) {
    plugin::UsageRecord record;
    record.id = reportId(hour);
    record.org_id = hour.org;
    record.customer_id = hour.provider_customer_id;
    record.meter = hour.meter;
    record.quantity = *hour.sending;
    record.delta = *hour.sending - hour.reported;
    record.window_start_at = hour.hour_at;
    record.occurred_at = reportTime(hour);
    records.push_back(std::move(record));
  }
  const auto provider = deps_.providers.find(instance);
  faultPoint("metering.before_send");
  const Status sent =
      provider ? (*provider)->reportUsage(context, records) : Status(fail(provider.error()));
  faultPoint("metering.after_send");
  // A record that the provider refuses must not hold up the others, again and again: in halves the
  // good ones get through. Their ids make it harmless that some of them were taken already.
  if (!sent && hours.size() > 1 && sent.error().code == Errc::validation_failed) {
    const auto middle = hours.begin() + static_cast<std::ptrdiff_t>(hours.size() / 2);
    const bool first = send(instance, {hours.begin(), middle});
    return send(instance, {middle, hours.end()}) && first;
  }
  const Timestamp now = deps_.clock.now();
  for (auto& hour : hours) {
    if (sent) {
      taken(hour);
      hour.next_try_at = now;
    } else {
      hour.error = sent.error().text();
      hour.next_try_at = now + backoff(hour.tries);
      ++hour.tries;
    }
  }
  // System scope: one batch holds the hours of many organizations.
  const Status stored = deps_.db.write(db::Scope::system(), [&](db::Tx& tx) -> Status {
    for (const auto& hour : hours) repository_.settle(tx, hour);
    return {};
  });
  if (!stored) log::error("metering.not_settled", {{"detail", stored.error().text()}});
  deps_.metrics
      .counter("ccp_metering_records_total", "Usage records sent to billing providers",
               {{"instance", instance}, {"outcome", sent ? "taken" : "failed"}})
      .add(static_cast<double>(hours.size()));
  if (!sent)
    log::warn("metering.report_failed", {{"instance", instance}, {"detail", sent.error().text()}});
  return sent.has_value();
}

Result<bool> Reporter::step() {
  CCP_TRY(auto due, deps_.db.read(db::Scope::system(), [&](db::Tx& tx) -> Result<std::vector<Hour>> {
    return repository_.due(tx, tx.now(), kBatch);
  }));
  if (due.empty()) return false;
  std::map<std::string, std::vector<Hour>> by_instance;
  CCP_CHECK_OK(deps_.db.write(db::Scope::system(), [&](db::Tx& tx) -> Status {
    by_instance.clear();
    for (Hour hour : due) {
      const Timestamp seen = hour.next_try_at;
      if (!beginReport(hour)) continue;
      if (repository_.claim(tx, hour, seen, tx.now() + kLease))
        by_instance[hour.instance].push_back(std::move(hour));
    }
    return {};
  }));
  faultPoint("metering.claimed");
  bool well = true;
  for (auto& [instance, hours] : by_instance) well = send(instance, std::move(hours)) && well;
  return well && due.size() == static_cast<std::size_t>(kBatch);
}

Result<Waiting> Reporter::waiting() {
  return deps_.db.read(db::Scope::system(), [&](db::Tx& tx) -> Result<Waiting> {
    return repository_.waiting(tx);
  });
}

Status Reporter::measure() {
  CCP_TRY(const Waiting now, waiting());
  deps_.metrics.gauge("ccp_metering_waiting", "Hours of usage that a billing provider has not taken yet", {})
      .set(static_cast<double>(now.hours));
  deps_.metrics.gauge("ccp_metering_failing", "Those of them that a provider has refused or not answered", {})
      .set(static_cast<double>(now.failing));
  return {};
}

}  // namespace ccp::metering
