#include "core/licensing/repository.hpp"

namespace ccp::licensing {
namespace {

Json factsJson(const std::vector<SubscriptionFact>& facts) {
  Json out = Json::array();
  for (const auto& fact : facts) out.push(fact.json());
  return out;
}

std::vector<SubscriptionFact> factsFrom(const std::string& text) {
  std::vector<SubscriptionFact> out;
  const auto json = parseJson(text);
  if (!json) return out;
  for (const auto& item : json->items()) out.push_back(SubscriptionFact::from(item));
  return out;
}

std::optional<std::string> termText(const std::optional<ManualTerm>& term) {
  if (!term) return std::nullopt;
  Json json = Json::object({{"plan", term->plan}, {"seats", term->seats}});
  if (term->ends_at) json.set("ends_us", toMicros(*term->ends_at));
  return json.dump();
}

std::optional<ManualTerm> termFrom(const std::optional<std::string>& text) {
  if (!text) return std::nullopt;
  const auto json = parseJson(*text);
  if (!json) return std::nullopt;
  ManualTerm out{json->strOr("plan"), json->intOr("seats", 1), std::nullopt};
  if (const auto us = json->optInt("ends_us")) out.ends_at = fromMicros(*us);
  return out;
}

db::Binds bindsOf(const LicenseRow& row) {
  const Decision& d = row.decision;
  return {{"org", row.org},
          {"id", row.id},
          {"state", toString(d.state)},
          {"plan", d.plan},
          {"privacy", d.privacy},
          {"seats", d.seats},
          {"reason", d.reason},
          {"ends_at", d.ends_at},
          {"next_change_at", d.next_change_at},
          {"subscription", d.subscription},
          {"admin_override", toString(row.admin)},
          {"admin_reason", row.admin_reason},
          {"facts", factsJson(row.facts)},
          {"term", termText(row.term)},
          {"digest", row.policy_digest},
          {"version", row.version},
          {"updated_at", row.updated_at}};
}

}  // namespace

std::optional<LicenseRow> LicenseRepository::byOrg(const std::string& org) {
  const auto found = tx_.one<std::string, std::string, std::string, std::string, std::int64_t, std::string, std::optional<Timestamp>,
                             std::optional<Timestamp>, std::string, std::string, std::string, std::string, std::optional<std::string>,
                             std::string, std::int64_t, Timestamp, Timestamp>(
      "select id, state, plan, privacy, seats, reason, ends_at, next_change_at, subscription, admin_override, admin_reason, "
      "facts_json, term_json, policy_digest, version, created_at, updated_at from licenses where org_id = :org",
      {{"org", org}});
  if (!found) return std::nullopt;
  const auto& [id, state, plan, privacy, seats, reason, ends_at, next_change_at, subscription, admin, admin_reason, facts, term, digest,
               version, created_at, updated_at] = *found;
  LicenseRow row;
  row.org = org;
  row.id = id;
  row.decision = Decision{licenseStateFrom(state), plan, privacy, seats, reason, ends_at, next_change_at, subscription};
  row.admin = adminOverrideFrom(admin);
  row.admin_reason = admin_reason;
  row.facts = factsFrom(facts);
  row.term = termFrom(term);
  row.policy_digest = digest;
  row.version = version;
  row.created_at = created_at;
  row.updated_at = updated_at;
  return row;
}

std::optional<std::int64_t> LicenseRepository::versionOf(const std::string& org) {
  const auto found = tx_.one<std::int64_t>("select version from licenses where org_id = :org", {{"org", org}});
  return found ? std::optional(std::get<0>(*found)) : std::nullopt;
}

void LicenseRepository::insert(const LicenseRow& row) {
  auto binds = bindsOf(row);
  binds.emplace_back("created_at", row.created_at);
  tx_.exec(
      "insert into licenses (org_id, id, state, plan, privacy, seats, reason, ends_at, next_change_at, subscription, admin_override, "
      "admin_reason, facts_json, term_json, policy_digest, version, created_at, updated_at) values (:org, :id, :state, :plan, :privacy, "
      ":seats, :reason, :ends_at, :next_change_at, :subscription, :admin_override, :admin_reason, :facts, :term, :digest, :version, "
      ":created_at, :updated_at)",
      binds);
}

void LicenseRepository::update(const LicenseRow& row) {
  tx_.exec(
      "update licenses set state = :state, plan = :plan, privacy = :privacy, seats = :seats, reason = :reason, ends_at = :ends_at, "
      "next_change_at = :next_change_at, subscription = :subscription, admin_override = :admin_override, admin_reason = :admin_reason, "
      "facts_json = :facts, term_json = :term, policy_digest = :digest, version = :version, updated_at = :updated_at "
      "where org_id = :org and id = :id",
      bindsOf(row));
}

std::vector<std::string> LicenseRepository::due(Timestamp now, const std::string& policy_digest, int limit) {
  std::vector<std::string> out;
  const auto collect = [&](const auto& rows) {
    for (const auto& [org] : rows) out.push_back(org);
  };
  collect(tx_.query<std::string>("select org_id from licenses where next_change_at <= :now order by next_change_at limit :n",
                                 {{"now", now}, {"n", limit}}));
  // Two ranges, because an index cannot search "is not this one".
  if (const int left = limit - static_cast<int>(out.size()); left > 0) {
    collect(tx_.query<std::string>(
        "select org_id from licenses where (policy_digest < :digest or policy_digest > :digest_again) "
        "and (next_change_at is null or next_change_at > :now) limit :n",
        {{"digest", policy_digest}, {"digest_again", policy_digest}, {"now", now}, {"n", left}}));
  }
  return out;
}

std::vector<std::tuple<std::string, std::int64_t, std::int64_t>> LicenseRepository::countByPlan() {
  return tx_.query<std::string, std::int64_t, std::int64_t>(
      "select plan, cast(count(*) as bigint), cast(coalesce(sum(case when seats > 1000000 then 0 else seats end), 0) as bigint) "
      "from licenses group by plan order by plan",
      {});
}

void LicenseRepository::bumpAllVersions() { tx_.exec("update licenses set version = version + 1"); }

void LicenseRepository::putPack(const PackRow& row) {
  tx_.exec(
      "insert into packs (org_id, id, license_id, seat_id, device_id, sid, jkt, plan, version, issued_at, expires_at) values (:org, :id, "
      ":license, :seat, :device, :sid, :jkt, :plan, :version, :issued_at, :expires_at) on conflict (org_id, seat_id, device_id) do update "
      "set id = excluded.id, sid = excluded.sid, jkt = excluded.jkt, plan = excluded.plan, version = excluded.version, "
      "issued_at = excluded.issued_at, expires_at = excluded.expires_at",
      {{"org", row.org},
       {"id", row.id},
       {"license", row.license},
       {"seat", row.seat},
       {"device", row.device},
       {"sid", row.sid},
       {"jkt", row.jkt},
       {"plan", row.plan},
       {"version", row.version},
       {"issued_at", row.issued_at},
       {"expires_at", row.expires_at}});
}

std::optional<PackRow> LicenseRepository::packOf(const std::string& org, const std::string& seat, const std::string& device) {
  const auto found = tx_.one<std::string, std::string, std::string, std::string, std::string, std::int64_t, Timestamp, Timestamp>(
      "select id, license_id, sid, jkt, plan, version, issued_at, expires_at from packs "
      "where org_id = :org and seat_id = :seat and device_id = :device",
      {{"org", org}, {"seat", seat}, {"device", device}});
  if (!found) return std::nullopt;
  const auto& [id, license, sid, jkt, plan, version, issued_at, expires_at] = *found;
  return PackRow{org, id, license, seat, device, sid, jkt, plan, version, issued_at, expires_at};
}

}  // namespace ccp::licensing
