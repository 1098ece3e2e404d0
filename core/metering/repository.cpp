#include "core/metering/repository.hpp"

namespace ccp::metering {

namespace {

constexpr const char* kToReport = "(sending is not null or used <> reported)";

std::vector<Hour> hours(db::Tx& tx, const std::string& where, const db::Binds& binds) {
  std::vector<Hour> out;
  for (auto& [org, id, instance, customer, meter, hour_at, used, reported, sending, reports, tries,
              next_try, error] :
       tx.query<std::string, std::string, std::string, std::string, std::string, Timestamp,
                std::int64_t, std::int64_t, std::optional<std::int64_t>, std::int64_t,
                std::int64_t, Timestamp, std::string>(
           "select org_id, id, instance, provider_customer_id, meter, hour_at, used, reported, "
           "sending, reports, tries, next_try_at, error from metering_hours " +
               where,
           binds)) {
    Hour hour;
    hour.org = std::move(org);
    hour.id = std::move(id);
    hour.instance = std::move(instance);
    hour.provider_customer_id = std::move(customer);
    hour.meter = std::move(meter);
    hour.hour_at = hour_at;
    hour.used = used;
    hour.reported = reported;
    hour.sending = sending;
    hour.reports = reports;
    hour.tries = tries;
    hour.next_try_at = next_try;
    hour.error = std::move(error);
    out.push_back(std::move(hour));
  }
  return out;
}

}  // namespace

std::optional<Hour> Repository::find(db::Tx& tx, const std::string& org, const std::string& meter,
                                     Timestamp hour_at) {
  auto found = hours(tx, "where org_id = :org and meter = :meter and hour_at = :hour",
                     {{"org", org}, {"meter", meter}, {"hour", hour_at}});
  if (found.empty()) return std::nullopt;
  return std::move(found.front());
}

void Repository::add(db::Tx& tx, const Hour& hour) {
  tx.exec(
      "insert into metering_hours (org_id, id, instance, provider_customer_id, meter, hour_at, "
      "used, reported, reports, tries, next_try_at, error) values (:org, :id, :instance, "
      ":customer, :meter, :hour, :used, 0, 0, 0, :now, '')",
      {{"org", hour.org},
       {"id", hour.id},
       {"instance", hour.instance},
       {"customer", hour.provider_customer_id},
       {"meter", hour.meter},
       {"hour", hour.hour_at},
       {"used", hour.used},
       {"now", tx.now()}});
}

void Repository::setUsed(db::Tx& tx, const Hour& hour) {
  tx.exec("update metering_hours set used = :used where org_id = :org and id = :id",
          {{"used", hour.used}, {"org", hour.org}, {"id", hour.id}});
}

std::vector<Hour> Repository::due(db::Tx& tx, Timestamp now, int limit) {
  return hours(tx,
               std::string("where ") + kToReport +
                   " and next_try_at <= :now order by next_try_at, id limit :n",
               {{"now", now}, {"n", limit}});
}

bool Repository::claim(db::Tx& tx, const Hour& hour, Timestamp seen, Timestamp until) {
  return tx.exec(
             "update metering_hours set sending = :sending, reports = :reports, tries = :tries, "
             "next_try_at = :until where org_id = :org and id = :id and next_try_at = :seen",
             {{"sending", hour.sending},
              {"reports", hour.reports},
              {"tries", hour.tries},
              {"until", until},
              {"org", hour.org},
              {"id", hour.id},
              {"seen", seen}}) == 1;
}

void Repository::settle(db::Tx& tx, const Hour& hour) {
  tx.exec(
      "update metering_hours set reported = :reported, sending = :sending, tries = :tries, "
      "next_try_at = :next, error = :error where org_id = :org and id = :id and reports = "
      ":reports",
      {{"reported", hour.reported},
       {"sending", hour.sending},
       {"tries", hour.tries},
       {"next", hour.next_try_at},
       {"error", hour.error},
       {"org", hour.org},
       {"id", hour.id},
       {"reports", hour.reports}});
}

Waiting Repository::waiting(db::Tx& tx) {
  Waiting out;
  const auto found = tx.one<std::int64_t, std::int64_t>(
      std::string("select cast(count(*) as bigint), cast(coalesce(sum(case when tries > 0 then 1 "
                  "else 0 end), 0) as bigint) from metering_hours where ") +
      kToReport);
  if (found) std::tie(out.hours, out.failing) = *found;
  return out;
}

}  // namespace ccp::metering
