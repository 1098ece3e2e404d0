#include "core/decisions/repository.hpp"

#include <algorithm>
#include <array>
#include <bit>

namespace ccp::decisions {
namespace {

constexpr std::array<const char*, 28> kColumns = {
    "org_id", "id",     "decided_at",  "node",         "sequence",   "seat_hash", "point",       "channel", "generation",
    "packs",  "outcome", "allowed",    "rule",         "reason",     "effect",    "lane",        "fields_read", "input_sha256",
    "elapsed_us", "fuel", "memory_peak", "origin",     "stale",      "shadow",    "prev",        "digest",  "written_at", "shadow_of"};

constexpr std::string_view kSelect =
    "select d.org_id, d.id, d.decided_at, d.node, d.sequence, d.seat_hash, d.point, d.channel, d.generation, d.packs, d.outcome, d.allowed, "
    "d.rule, d.reason, d.effect, d.lane, d.fields_read, d.input_sha256, d.elapsed_us, d.fuel, d.memory_peak, d.origin, d.stale, d.shadow, "
    "d.prev, d.digest, d.shadow_of, i.sealed from policy_decisions d left join policy_inputs i on i.org_id = d.org_id and i.id = d.id ";

policy::Verdict verdictFrom(std::string_view text) {
  using policy::Verdict;
  for (const auto verdict : {Verdict::allow, Verdict::deny, Verdict::timeout, Verdict::memory, Verdict::stale}) {
    if (text == policy::toString(verdict)) return verdict;
  }
  return Verdict::error;
}
policy::Origin originFrom(std::string_view text) {
  using policy::Origin;
  for (const auto origin : {Origin::server, Origin::cache, Origin::bootstrap}) {
    if (text == policy::toString(origin)) return origin;
  }
  return Origin::builtin;
}
Json jsonOf(const std::string& text, Json otherwise) {
  auto parsed = parseJson(text, {.max_bytes = 4u << 20, .max_depth = 64});
  return parsed ? std::move(*parsed) : std::move(otherwise);
}

std::vector<WithInput> select(db::Tx& tx, const std::string& rest, const db::Binds& binds) {
  std::vector<WithInput> out;
  using S = std::string;
  using I = std::int64_t;
  for (auto& [org, id, at, node, sequence, seat, point, channel, generation, packs, outcome, allowed, rule, reason, effect, lane, fields, sha,
              us, fuel, memory, origin, stale, shadow, prev, digest, shadow_of, sealed] :
       tx.query<S, S, Timestamp, S, I, S, S, S, I, S, S, bool, S, S, S, S, S, S, I, I, I, S, bool, bool, S, S, S, std::optional<S>>(
           std::string(kSelect) + rest, binds)) {
    WithInput row;
    LoggedDecision& d = row.decision;
    d.org = std::move(org);
    d.id = std::move(id);
    d.at = at;
    d.node = std::move(node);
    d.sequence = sequence;
    d.seat = std::move(seat);
    d.point = policy::pointFromName(point).value_or(policy::Point::feature_gate);
    d.channel = policy::channelFromName(channel).value_or(policy::Channel::dev);
    d.generation = static_cast<std::uint64_t>(generation);
    const Json asked = jsonOf(packs, Json::array());
    for (const auto& pack : asked.items()) {
      d.packs.push_back({pack.strOr("org"), pack.strOr("name"), pack.intOr("version"), pack.strOr("sha256")});
    }
    d.outcome = verdictFrom(outcome);
    d.allow = allowed;
    d.rule = std::move(rule);
    d.reason = std::move(reason);
    d.effect = std::move(effect);
    d.lane = std::move(lane);
    d.fields_read = jsonOf(fields, Json::object());
    d.input_sha256 = std::move(sha);
    d.elapsed_us = us;
    d.fuel = fuel;
    d.memory_peak = memory;
    d.origin = originFrom(origin);
    d.stale = stale;
    d.shadow = shadow;
    d.shadow_of = std::move(shadow_of);
    d.prev = std::move(prev);
    d.digest = std::move(digest);
    d.input_kept = sealed.has_value();
    if (sealed) row.sealed = std::move(*sealed);
    out.push_back(std::move(row));
  }
  return out;
}

std::vector<LoggedDecision> withoutInputs(std::vector<WithInput> rows) {
  std::vector<LoggedDecision> out;
  for (auto& row : rows) out.push_back(std::move(row.decision));
  return out;
}

/// Ids carry their time: a bound that the primary key can use. A second less, because clocks differ.
std::string idBefore(Timestamp at) {
  static constexpr std::string_view kAlphabet = "0123456789abcdefghjkmnpqrstvwxyz";
  auto ms = static_cast<std::uint64_t>(std::max<std::int64_t>(toMicros(at) / 1000 - 1000, 0));
  std::string out(10, '0');
  for (std::size_t i = 10; i-- > 0; ms >>= 5) out[i] = kAlphabet[ms & 31];
  return "dec_" + out;
}

}  // namespace

namespace repository {

void insertDecisions(db::Tx& tx, const std::vector<LoggedDecision>& decisions) {
  std::size_t next = 0;
  while (next < decisions.size()) {
    // Few texts are kept prepared: powers of two, and below the limit of binds of one statement.
    const std::size_t rows = std::min<std::size_t>(16, std::bit_floor(decisions.size() - next));
    std::string text = "insert into policy_decisions (";
    for (std::size_t c = 0; c < kColumns.size(); ++c) text += std::string(c > 0 ? ", " : "") + kColumns[c];
    text += ") values ";
    db::Binds binds;
    for (std::size_t r = 0; r < rows; ++r) {
      const LoggedDecision& d = decisions[next + r];
      const Json record = recordJson(d);
      const std::string suffix = "_" + std::to_string(r);
      text += r > 0 ? ", (" : "(";
      for (std::size_t c = 0; c < kColumns.size(); ++c) text += std::string(c > 0 ? ", :" : ":") + kColumns[c] + suffix;
      text += ")";
      const db::Binds row = {{"org_id", d.org},
                             {"id", d.id},
                             {"decided_at", d.at},
                             {"node", d.node},
                             {"sequence", d.sequence},
                             {"seat_hash", d.seat},
                             {"point", policy::toString(d.point)},
                             {"channel", policy::toString(d.channel)},
                             {"generation", static_cast<std::int64_t>(d.generation)},
                             {"packs", record["packs"]},
                             {"outcome", policy::toString(d.outcome)},
                             {"allowed", d.allow},
                             {"rule", d.rule},
                             {"reason", d.reason},
                             {"effect", d.effect},
                             {"lane", d.lane},
                             {"fields_read", d.fields_read},
                             {"input_sha256", d.input_sha256},
                             {"elapsed_us", d.elapsed_us},
                             {"fuel", d.fuel},
                             {"memory_peak", d.memory_peak},
                             {"origin", policy::toString(d.origin)},
                             {"stale", d.stale},
                             {"shadow", d.shadow},
                             {"prev", d.prev},
                             {"digest", d.digest},
                             {"written_at", tx.now()},
                             {"shadow_of", d.shadow_of}};
      for (const auto& bind : row) {
        binds.push_back(bind);
        binds.back().name += suffix;
      }
    }
    tx.exec(text, binds);
    next += rows;
  }
}

void insertInputs(db::Tx& tx, const std::vector<SealedInput>& inputs) {
  for (const auto& input : inputs) {
    tx.exec("insert into policy_inputs (org_id, id, decided_at, sealed, written_at) values (:org, :id, :at, :sealed, :now)",
            {{"org", input.org}, {"id", input.id}, {"at", input.decided_at}, {"sealed", input.sealed}, {"now", tx.now()}});
  }
}

bool exists(db::Tx& tx, const std::string& org, const std::string& id) {
  return tx.one<std::int64_t>("select 1 from policy_decisions where org_id = :org and id = :id", {{"org", org}, {"id", id}}).has_value();
}

std::optional<ChainHead> head(db::Tx& tx, const std::string& org, const std::string& node) {
  const auto row = tx.one<std::int64_t, std::string, std::int64_t>(
      "select sequence, digest, swept from policy_decision_chains where org_id = :org and id = :node", {{"org", org}, {"node", node}});
  if (!row) return std::nullopt;
  return ChainHead{org, node, std::get<0>(*row), std::get<1>(*row), std::get<2>(*row)};
}

void putHead(db::Tx& tx, const ChainHead& head) {
  // `swept` of a row that is there belongs to the sweeper.
  tx.exec(
      "insert into policy_decision_chains (org_id, id, sequence, digest, swept, updated_at) values (:org, :node, :sequence, :digest, :swept, :now) "
      "on conflict (org_id, id) do update set sequence = excluded.sequence, digest = excluded.digest, updated_at = excluded.updated_at",
      {{"org", head.org}, {"node", head.node}, {"sequence", head.sequence}, {"digest", head.digest}, {"swept", head.swept}, {"now", tx.now()}});
}

std::vector<ChainHead> heads(db::Tx& tx, const std::optional<std::string>& org, const std::string& after_org, const std::string& after_node, int limit) {
  std::vector<ChainHead> out;
  std::string where = "where (org_id > :after_org or (org_id = :after_org2 and id > :after_node)) ";
  db::Binds binds = {{"after_org", after_org}, {"after_org2", after_org}, {"after_node", after_node}, {"limit", limit}};
  if (org) {
    where += "and org_id = :org ";
    binds.emplace_back("org", *org);
  }
  for (auto& [of, node, sequence, digest, swept] : tx.query<std::string, std::string, std::int64_t, std::string, std::int64_t>(
           "select org_id, id, sequence, digest, swept from policy_decision_chains " + where + "order by org_id, id limit :limit", binds)) {
    out.push_back({std::move(of), std::move(node), sequence, std::move(digest), swept});
  }
  return out;
}

std::vector<LoggedDecision> chain(db::Tx& tx, const ChainHead& head, std::int64_t after_sequence, int limit) {
  return withoutInputs(select(tx,
                              "where d.org_id = :org and d.node = :node and d.sequence > :after and d.sequence <= :last "
                              "order by d.sequence limit :limit",
                              {{"org", head.org}, {"node", head.node}, {"after", after_sequence}, {"last", head.sequence}, {"limit", limit}}));
}

std::vector<LoggedDecision> list(db::Tx& tx, const std::optional<std::string>& org, const Filter& filter) {
  std::string where = "where d.shadow = :shadow ";
  db::Binds binds = {{"shadow", filter.shadow}, {"limit", filter.limit}};
  const auto add = [&](const char* condition, db::Bind bind) {
    where += std::string("and ") + condition + " ";
    binds.push_back(std::move(bind));
  };
  if (org) add("d.org_id = :org", {"org", *org});
  if (filter.point) add("d.point = :point", {"point", policy::toString(*filter.point)});
  if (filter.outcome == "fault") where += "and d.outcome in ('error', 'timeout', 'memory', 'stale') ";
  else if (!filter.outcome.empty()) add("d.outcome = :outcome", {"outcome", filter.outcome});
  if (filter.since) {
    add("d.id > :floor", {"floor", idBefore(*filter.since)});
    add("d.decided_at >= :since", {"since", *filter.since});
  }
  if (!filter.cursor.empty()) add("d.id < :cursor", {"cursor", filter.cursor});
  return withoutInputs(select(tx, where + "order by d.id desc limit :limit", binds));
}

std::optional<WithInput> byId(db::Tx& tx, const std::optional<std::string>& org, const std::string& id) {
  db::Binds binds = {{"id", id}};
  std::string where = "where d.id = :id ";
  if (org) {
    where += "and d.org_id = :org";
    binds.emplace_back("org", *org);
  }
  auto rows = select(tx, where, binds);
  if (rows.empty()) return std::nullopt;
  return std::move(rows.front());
}

std::vector<WithInput> past(db::Tx& tx, const PastQuery& query, const std::string& before) {
  std::string where = "where d.shadow = 0 ";
  db::Binds binds = {{"limit", static_cast<std::int64_t>(query.limit)}};
  if (query.set != policy::kOperatorSet) {
    where += "and d.org_id = :org ";
    binds.emplace_back("org", query.set);
  }
  if (query.point) {
    where += "and d.point = :point ";
    binds.emplace_back("point", policy::toString(*query.point));
  } else if (query.set != policy::kOperatorSet) {
    std::string points;
    for (const auto& info : policy::allPoints()) {
      if (info.commercial) continue;
      const std::string name = "point_" + std::to_string(static_cast<int>(info.point));
      points += (points.empty() ? ":" : ", :") + name;
      binds.emplace_back(name, info.name);
    }
    where += "and d.point in (" + points + ") ";
  }
  if (query.since) {
    where += "and d.id > :floor and d.decided_at >= :since ";
    binds.emplace_back("floor", idBefore(*query.since));
    binds.emplace_back("since", *query.since);
  }
  if (!before.empty()) {
    where += "and d.id < :before ";
    binds.emplace_back("before", before);
  }
  return select(tx, where + "order by d.id desc limit :limit", binds);
}

std::optional<std::string> orgKey(db::Tx& tx, const std::string& org) {
  const auto row = tx.one<std::string>("select sealed from policy_org_keys where org_id = :org and id = '1'", {{"org", org}});
  if (!row) return std::nullopt;
  return std::get<0>(*row);
}

void putOrgKey(db::Tx& tx, const std::string& org, const std::string& sealed) {
  tx.exec("insert into policy_org_keys (org_id, id, sealed, created_at) values (:org, '1', :sealed, :now) on conflict (org_id, id) do nothing",
          {{"org", org}, {"sealed", sealed}, {"now", tx.now()}});
}

std::int64_t sweepDecisions(db::Tx& tx, Timestamp before, int limit) {
  std::int64_t gone = 0;
  const auto old = tx.query<std::string, std::string, std::int64_t, std::int64_t>(
      "select org_id, node, cast(min(sequence) as bigint), cast(max(sequence) as bigint) from policy_decisions where written_at < :before "
      "group by org_id, node limit 100",
      {{"before", before}});
  for (const auto& [org, node, first, last] : old) {
    if (gone >= limit) break;
    const std::int64_t through = std::min(last, first + limit - 1);
    tx.exec("delete from policy_inputs where org_id = :org and id in (select id from policy_decisions where org_id = :org2 and node = :node "
            "and sequence <= :through)",
            {{"org", org}, {"org2", org}, {"node", node}, {"through", through}});
    gone += tx.exec("delete from policy_decisions where org_id = :org and node = :node and sequence <= :through",
                    {{"org", org}, {"node", node}, {"through", through}});
    tx.exec("update policy_decision_chains set swept = :through where org_id = :org and id = :node and swept < :through2",
            {{"through", through}, {"through2", through}, {"org", org}, {"node", node}});
  }
  // A node that is gone, with nothing left of what it wrote.
  if (old.empty()) tx.exec("delete from policy_decision_chains where swept = sequence and updated_at < :before", {{"before", before}});
  return gone;
}

std::int64_t sweepInputs(db::Tx& tx, Timestamp before, int limit) {
  std::int64_t gone = 0;
  for (const auto& [org, id] : tx.query<std::string, std::string>(
           "select org_id, id from policy_inputs where written_at < :before order by written_at limit :limit", {{"before", before}, {"limit", limit}})) {
    gone += tx.exec("delete from policy_inputs where org_id = :org and id = :id", {{"org", org}, {"id", id}});
  }
  return gone;
}

}  // namespace repository
}  // namespace ccp::decisions
