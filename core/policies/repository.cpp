#include "core/policies/repository.hpp"

namespace ccp::policies::repository {
namespace {

using policy::Channel;

constexpr const char* kRootColumns = "select version, sha256, envelope, created_at, created_by from policy_roots ";
constexpr const char* kChannelColumns =
    "select org_id, channel, version, sha256, envelope, listed, deed, reason, created_by, expires_at, created_at, revision from policy_channels ";
constexpr const char* kHeadColumns = "select org_id, channel, version, sha256, revision from policy_channels ";
constexpr const char* kPackColumns = "select id, name, version, size, envelope, created_at, created_by from policy_packs ";
/// Where a row is the newest of its set and channel.
constexpr const char* kIsNewest =
    "not exists (select 1 from policy_channels later where later.org_id = policy_channels.org_id "
    "and later.channel = policy_channels.channel and later.version > policy_channels.version)";

Channel channelOf(const std::string& text) { return policy::channelFromName(text).value_or(Channel::dev); }

std::string channelId(Channel channel, std::int64_t version) { return std::string(policy::toString(channel)) + "." + std::to_string(version); }

std::vector<RootRow> rootRows(db::Tx& tx, const std::string& where, const db::Binds& binds) {
  std::vector<RootRow> out;
  for (auto& [number, sha256, envelope, created_at, created_by] :
       tx.query<std::int64_t, std::string, std::string, Timestamp, std::string>(kRootColumns + where, binds)) {
    out.push_back({number, std::move(sha256), std::move(envelope), created_at, std::move(created_by)});
  }
  return out;
}

std::vector<ChannelRow> channelRows(db::Tx& tx, const std::string& where, const db::Binds& binds) {
  std::vector<ChannelRow> out;
  for (auto& [set, channel, number, sha256, envelope, listed, deed, reason, created_by, expires_at, created_at, rev] :
       tx.query<std::string, std::string, std::int64_t, std::string, std::string, std::string, std::string, std::string, std::string, Timestamp,
                Timestamp, std::int64_t>(kChannelColumns + where, binds)) {
    out.push_back({std::move(set), channelOf(channel), number, std::move(sha256), std::move(envelope), std::move(listed), std::move(deed),
                   std::move(reason), std::move(created_by), expires_at, created_at, rev});
  }
  return out;
}

std::vector<Head> headRows(db::Tx& tx, const std::string& where, const db::Binds& binds) {
  std::vector<Head> out;
  for (auto& [set, channel, number, sha256, rev] :
       tx.query<std::string, std::string, std::int64_t, std::string, std::int64_t>(kHeadColumns + where, binds)) {
    out.push_back({std::move(set), channelOf(channel), number, std::move(sha256), rev});
  }
  return out;
}

std::vector<PackRow> packRows(db::Tx& tx, const std::string& where, const db::Binds& binds) {
  std::vector<PackRow> out;
  for (auto& [sha256, name, number, size, envelope, created_at, created_by] :
       tx.query<std::string, std::string, std::int64_t, std::int64_t, std::string, Timestamp, std::string>(kPackColumns + where, binds)) {
    out.push_back({std::move(sha256), std::move(name), number, size, std::move(envelope), created_at, std::move(created_by)});
  }
  return out;
}

template <class T>
std::optional<T> first(std::vector<T> rows) {
  if (rows.empty()) return std::nullopt;
  return std::move(rows.front());
}

}  // namespace

db::Scope scopeOf(const std::string& set) {
  // The operator's set belongs to no organization.
  return set == policy::kOperatorSet ? db::Scope::system() : db::Scope::org(set);
}

std::vector<RootRow> roots(db::Tx& tx, const std::string& set) {
  return rootRows(tx, "where org_id = :set order by version", {{"set", set}});
}

std::optional<RootRow> root(db::Tx& tx, const std::string& set, std::int64_t number) {
  return first(rootRows(tx, "where org_id = :set and version = :version", {{"set", set}, {"version", number}}));
}

bool addRoot(db::Tx& tx, const std::string& set, const RootRow& row) {
  return tx.exec(
             "insert into policy_roots (org_id, id, version, sha256, envelope, created_at, created_by) "
             "values (:set, :id, :version, :sha256, :envelope, :now, :actor) on conflict do nothing",
             {{"set", set}, {"id", std::to_string(row.version)}, {"version", row.version}, {"sha256", row.sha256}, {"envelope", row.envelope},
              {"now", tx.now()}, {"actor", row.created_by}}) == 1;
}

std::optional<ChannelRow> newest(db::Tx& tx, const std::string& set, Channel channel) {
  return first(channelRows(tx, "where org_id = :set and channel = :channel order by version desc limit 1",
                           {{"set", set}, {"channel", policy::toString(channel)}}));
}

std::optional<ChannelRow> version(db::Tx& tx, const std::string& set, Channel channel, std::int64_t number) {
  return first(channelRows(tx, "where org_id = :set and channel = :channel and version = :version",
                           {{"set", set}, {"channel", policy::toString(channel)}, {"version", number}}));
}

std::optional<ChannelRow> newestWithOther(db::Tx& tx, const std::string& set, Channel channel, std::int64_t below, const std::string& listed) {
  return first(channelRows(tx, "where org_id = :set and channel = :channel and version < :below and listed <> :listed order by version desc limit 1",
                           {{"set", set}, {"channel", policy::toString(channel)}, {"below", below}, {"listed", listed}}));
}

bool wasWithdrawn(db::Tx& tx, const std::string& set, Channel channel, const std::string& listed) {
  return tx.one<std::int64_t>(
               "select 1 from policy_channels bad join policy_channels next on next.org_id = bad.org_id and next.channel = bad.channel "
               "and next.version = bad.version + 1 where bad.org_id = :set and bad.channel = :channel and bad.listed = :listed "
               "and next.deed = 'withdraw' limit 1",
               {{"set", set}, {"channel", policy::toString(channel)}, {"listed", listed}})
      .has_value();
}

std::vector<ChannelRow> history(db::Tx& tx, const std::string& set, Channel channel, int limit) {
  return channelRows(tx, "where org_id = :set and channel = :channel order by version desc limit :n",
                     {{"set", set}, {"channel", policy::toString(channel)}, {"n", limit}});
}

std::int64_t revision(db::Tx& tx) {
  const auto row = tx.one<std::string>("select value from server_state where name = 'policy.revision'");
  return row ? std::stoll(std::get<0>(*row)) : 0;
}

bool addChannel(db::Tx& tx, const ChannelRow& row) {
  // One counter for all sets: a node sees with one small read whether anything was published.
  const std::int64_t next = revision(tx) + 1;
  tx.exec(
      "insert into server_state (name, value, updated_at) values ('policy.revision', :value, :now) "
      "on conflict (name) do update set value = excluded.value, updated_at = excluded.updated_at",
      {{"value", std::to_string(next)}, {"now", tx.now()}});
  return tx.exec(
             "insert into policy_channels (org_id, id, channel, version, sha256, envelope, listed, deed, reason, created_by, expires_at, "
             "created_at, revision) values (:set, :id, :channel, :version, :sha256, :envelope, :listed, :deed, :reason, :actor, :expires, :now, "
             ":revision) on conflict do nothing",
             {{"set", row.set}, {"id", channelId(row.channel, row.version)}, {"channel", policy::toString(row.channel)}, {"version", row.version},
              {"sha256", row.sha256}, {"envelope", row.envelope}, {"listed", row.listed}, {"deed", row.deed}, {"reason", row.reason},
              {"actor", row.created_by}, {"expires", row.expires_at}, {"now", tx.now()}, {"revision", next}}) == 1;
}

std::vector<Head> headsAfter(db::Tx& tx, Channel channel, std::int64_t after) {
  return headRows(tx, std::string("where revision > :after and channel = :channel and ") + kIsNewest,
                  {{"after", after}, {"channel", policy::toString(channel)}});
}

std::optional<Head> head(db::Tx& tx, const std::string& set, Channel channel) {
  return first(headRows(tx, "where org_id = :set and channel = :channel order by version desc limit 1",
                        {{"set", set}, {"channel", policy::toString(channel)}}));
}

std::vector<Expiring> expiring(db::Tx& tx, Channel channel, Timestamp before, const std::optional<Expiring>& after, int limit) {
  std::string where = "where channel = :channel and expires_at < :before ";
  db::Binds binds = {{"channel", policy::toString(channel)}, {"before", before}, {"n", limit}};
  if (after) {
    where += "and (expires_at > :from or (expires_at = :same and org_id > :set)) ";
    binds.emplace_back("from", after->expires_at);
    binds.emplace_back("same", after->expires_at);
    binds.emplace_back("set", after->set);
  }
  std::vector<Expiring> out;
  for (auto& [set, expires_at] : tx.query<std::string, Timestamp>(
           "select org_id, expires_at from policy_channels " + where + "and " + kIsNewest + " order by expires_at, org_id limit :n", binds)) {
    out.push_back({std::move(set), expires_at});
  }
  return out;
}

std::int64_t sweepRenewals(db::Tx& tx, Channel channel, Timestamp before, int limit) {
  return tx.exec(
      "delete from policy_channels where (org_id, id) in (select old.org_id, old.id from policy_channels old where old.channel = :channel "
      "and old.expires_at < :before and old.deed = 'renew' and exists (select 1 from policy_channels later where later.org_id = old.org_id "
      "and later.channel = old.channel and later.version > old.version) limit :n)",
      {{"channel", policy::toString(channel)}, {"before", before}, {"n", limit}});
}

std::optional<PackRow> pack(db::Tx& tx, const std::string& set, const std::string& sha256) {
  return first(packRows(tx, "where org_id = :set and id = :id", {{"set", set}, {"id", sha256}}));
}

std::optional<PackRow> packByVersion(db::Tx& tx, const std::string& set, const std::string& name, std::int64_t number) {
  return first(packRows(tx, "where org_id = :set and name = :name and version = :version", {{"set", set}, {"name", name}, {"version", number}}));
}

std::int64_t highestPack(db::Tx& tx, const std::string& set, const std::string& name) {
  const auto row = tx.one<std::optional<std::int64_t>>("select max(version) from policy_packs where org_id = :set and name = :name",
                                                       {{"set", set}, {"name", name}});
  return row ? std::get<0>(*row).value_or(0) : 0;
}

void addPack(db::Tx& tx, const std::string& set, const PackRow& row) {
  tx.exec(
      "insert into policy_packs (org_id, id, name, version, size, envelope, created_at, created_by, updated_at) "
      "values (:set, :id, :name, :version, :size, :envelope, :now, :actor, :updated)",
      {{"set", set}, {"id", row.sha256}, {"name", row.name}, {"version", row.version}, {"size", row.size}, {"envelope", row.envelope},
       {"now", tx.now()}, {"actor", row.created_by}, {"updated", tx.now()}});
}

void setEnvelope(db::Tx& tx, const std::string& set, const std::string& sha256, const std::string& envelope) {
  tx.exec("update policy_packs set envelope = :envelope, updated_at = :now where org_id = :set and id = :id",
          {{"envelope", envelope}, {"now", tx.now()}, {"set", set}, {"id", sha256}});
}

void putReport(db::Tx& tx, const std::string& org, const ReportRow& row) {
  tx.exec(
      "insert into policy_reports (org_id, id, client, policy_set, channel, version, sha256, state, report, reported_at) "
      "values (:org, :id, :client, :set, :channel, :version, :sha256, :state, :report, :now) "
      "on conflict (org_id, id) do update set version = excluded.version, sha256 = excluded.sha256, state = excluded.state, "
      "report = excluded.report, reported_at = excluded.reported_at",
      {{"org", org}, {"id", row.client + "/" + row.set + "/" + row.channel}, {"client", row.client}, {"set", row.set}, {"channel", row.channel},
       {"version", row.version}, {"sha256", row.sha256}, {"state", row.state}, {"report", row.report}, {"now", tx.now()}});
  // Bounded, whatever clients make up: the oldest go.
  tx.exec(
      "delete from policy_reports where org_id = :org and id in (select id from policy_reports where org_id = :same "
      "order by reported_at desc, id limit 1000000 offset :keep)",
      {{"org", org}, {"same", org}, {"keep", kMaxReports}});
}

std::vector<ReportRow> reports(db::Tx& tx, const std::string& org, int limit) {
  std::vector<ReportRow> out;
  for (auto& [client, set, channel, number, sha256, state, report, at] :
       tx.query<std::string, std::string, std::string, std::int64_t, std::string, std::string, std::string, Timestamp>(
           "select client, policy_set, channel, version, sha256, state, report, reported_at from policy_reports where org_id = :org "
           "order by reported_at desc, id limit :n",
           {{"org", org}, {"n", limit}})) {
    out.push_back({std::move(client), std::move(set), std::move(channel), number, std::move(sha256), std::move(state), std::move(report), at});
  }
  return out;
}

}  // namespace ccp::policies::repository
