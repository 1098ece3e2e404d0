#include "core/usage/service.hpp"

#include <algorithm>

#include "core/base/fault.hpp"

namespace ccp::usage {
namespace {

Status requireScope(const http::Principal& who, std::string_view scope) {
  // A browser session carries no scopes: its person may see what the role allows.
  if (who.kind == http::PrincipalKind::session || who.hasScope(scope)) return {};
  return fail(Errc::forbidden, "the credential does not carry the scope '" + std::string(scope) + "'");
}

Status requireOrg(const http::Principal& who) {
  if (who.org.empty()) return fail(Errc::forbidden, "choose an organization first");
  return {};
}

/// A block as policies see it (policy/schema/points/ingest.accept.in.json).
Json policyBlock(const Block& block) {
  const Counters& c = block.counters;
  Json counters = Json::object({{"requests", c.requests},
                                {"errors", c.errors},
                                {"input_tokens", c.input_tokens},
                                {"output_tokens", c.output_tokens},
                                {"cache_read_tokens", c.cache_read_tokens},
                                {"cache_write_tokens", c.cache_write_tokens}});
  if (c.cost_microusd) counters.set("cost_microusd", *c.cost_microusd);
  return Json::object({{"period", toString(block.period)},
                       {"start_at", formatRfc3339(block.start_at)},
                       {"model", block.model},
                       {"lane", block.lane},
                       {"revision", block.revision},
                       {"counters", std::move(counters)}});
}

/// The policy's own word for clients, if it is one.
std::string refusalCode(const std::string& wanted) {
  const bool word = !wanted.empty() && std::all_of(wanted.begin(), wanted.end(), [](char c) { return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_'; });
  return word ? wanted : "policy_denied";
}

/// Stores the blocks of one request and fills in the results of those that were not refused before.
class Storing {
 public:
  Storing(db::Tx& tx, const Source& source, const Clock& clock, Random& random)
      : tx_(tx), source_(source), clock_(clock), random_(random) {}

  void run(const std::vector<Incoming>& incoming, std::vector<BlockResult>& results) {
    load(incoming);
    for (std::size_t i = 0; i < incoming.size(); ++i) {
      if (incoming[i].block) results[i] = take(*incoming[i].block);
    }
    repository::insertBlocks(tx_, source_, inserts_);
    for (const auto& [id, block, digest] : replacements_) repository::replaceBlock(tx_, source_, id, *block, digest);
  }

  /// What was accepted, for the event.
  Json summary() const {
    return Json::object({{"source", source_.id},
                         {"seat", source_.seat},
                         {"blocks", accepted_},
                         {"from_at", formatRfc3339(first_)},
                         {"until_at", formatRfc3339(last_)}});
  }
  std::int64_t accepted() const noexcept { return accepted_; }

 private:
  struct Replacement {
    std::string id;
    const Block* block;
    std::string digest;
  };

  void load(const std::vector<Incoming>& incoming) {
    std::set<Timestamp> days;
    for (const auto& item : incoming) {
      if (item.block) days.insert(floorTo(item.block->start_at, kDay));
    }
    for (const auto& range : dayRanges(days)) stored_.merge(repository::storedBlocks(tx_, source_, range));
    for (const auto& [key, block] : stored_) note(key);
  }

  void note(const BlockKey& key) {
    auto& day = days_[floorTo(key.start_at, kDay)];
    (key.period == Period::day ? day.day : day.hours) = true;
  }

  BlockResult take(const Block& block) {
    const BlockKey key = keyOf(block);
    const std::string digest = digestOf(block);
    const auto found = stored_.find(key);
    const auto known = found == stored_.end() ? std::nullopt : std::optional<Stored>(found->second.content);
    BlockResult result = decide(known, days_[floorTo(block.start_at, kDay)], block.period, block.revision, digest);
    if (result.status != BlockStatus::accepted) return result;

    if (accepted_ == 0 || block.start_at < first_) first_ = block.start_at;
    if (accepted_ == 0 || block.start_at + lengthOf(block.period) > last_) last_ = block.start_at + lengthOf(block.period);
    ++accepted_;
    if (found == stored_.end()) {
      inserts_.push_back({newId("rol", clock_, random_), &block, digest});
      stored_[key] = {inserts_.back().id, {block.revision, digest}};
      note(key);
      return result;
    }
    found->second.content = {block.revision, digest};
    // A block that this very request inserts is replaced before it is written.
    const auto mine = std::find_if(inserts_.begin(), inserts_.end(), [&](const NewBlock& n) { return n.id == found->second.id; });
    if (mine != inserts_.end()) *mine = {mine->id, &block, digest};
    else replacements_.push_back({found->second.id, &block, digest});
    return result;
  }

  db::Tx& tx_;
  const Source& source_;
  const Clock& clock_;
  Random& random_;
  std::map<BlockKey, StoredBlock> stored_;
  std::map<Timestamp, DayState> days_;
  std::vector<NewBlock> inserts_;
  std::vector<Replacement> replacements_;
  std::int64_t accepted_ = 0;
  Timestamp first_;
  Timestamp last_;
};

}  // namespace

std::int64_t IngestReport::count(BlockStatus status) const {
  return std::count_if(results.begin(), results.end(), [&](const BlockResult& r) { return r.status == status; });
}

UsageService::UsageService(db::Db& db, const Clock& clock, Random& random, licensing::Licenses& licenses, Metrics& metrics,
                           const config::Settings& settings, policy::Decider& policies)
    : db_(db), clock_(clock), random_(random), licenses_(licenses), settings_(settings), metrics_(metrics), policies_(policies) {}

/// A block that they refuse is a refusal like a malformed one.
void UsageService::askPolicies(const http::Principal& who, const licensing::Entitlements& entitlements, std::vector<Incoming>& incoming) {
  policy::Question question;
  question.point = policy::Point::ingest_accept;
  question.org = who.org;
  question.seat = who.seat;
  const Json base = Json::object({{"org", licensing::policyOrg(who.org, entitlements)}, {"subject", licensing::policySubject(who)}, {"source", "rollups"}});
  for (auto& item : incoming) {
    if (!item.block) continue;
    question.input = base;
    question.input.set("block", policyBlock(*item.block));
    const auto decision = policies_.decide(question);
    if (decision.allow) continue;
    item.block.reset();
    item.refusal = {BlockStatus::rejected, refusalCode(decision.result.strOr("code")), decision.reason};
  }
}

Result<IngestReport> UsageService::ingest(const http::Principal& who, const Json& body) {
  CCP_CHECK_OK(requireScope(who, "usage"));
  CCP_CHECK_OK(requireOrg(who));
  CCP_TRY(auto incoming, parseRollups(body, clock_.now()));
  const bool by_key = who.kind == http::PrincipalKind::api_key;
  const Source source{who.org, by_key ? who.api_key : who.device, by_key ? std::string() : who.seat};
  const bool attributed = !source.id.empty() && (by_key || !source.seat.empty());

  const auto refusals = [&] {
    std::vector<BlockResult> results;
    for (const auto& item : incoming) results.push_back(item.refusal);
    return results;
  };
  if (attributed) {
    // Before the unit of work: no writer waits for policies. Whether usage may come at all is asked again in it.
    CCP_TRY(const auto entitlements, db_.read(db::Scope::org(who.org), [&](db::Tx& tx) -> Result<licensing::Entitlements> {
      const auto license = licenses_.byOrg(tx, who.org);
      if (!license) return fail(Errc::license_inactive, "the organization has no license");
      CCP_CHECK_OK(mayIngest(license->admin, licenses_.entitlements(*license).privacy));
      return licenses_.entitlements(*license);
    }));
    askPolicies(who, entitlements, incoming);
  }
  faultPoint("rollups.before_store");
  // READ COMMITTED is enough: the source's row is locked first, and keys contain the source.
  auto report = db_.writeReadCommitted(db::Scope::org(who.org), [&](db::Tx& tx) -> Result<IngestReport> {
    const auto license = licenses_.byOrg(tx, who.org);
    if (!license) return fail(Errc::license_inactive, "the organization has no license");
    CCP_CHECK_OK(mayIngest(license->admin, licenses_.entitlements(*license).privacy));
    IngestReport out{refusals()};
    if (!attributed) {
      for (std::size_t i = 0; i < incoming.size(); ++i) {
        if (incoming[i].block) out.results[i] = {BlockStatus::unattributed, "no_seat", "the credential belongs to no seat"};
      }
      return out;
    }
    if (std::none_of(incoming.begin(), incoming.end(), [](const Incoming& i) { return i.block.has_value(); })) return out;
    repository::lockSource(tx, source);
    Storing storing(tx, source, clock_, random_);
    storing.run(incoming, out.results);
    if (storing.accepted() > 0) tx.emit({"usage.accepted", who.org, source.id, storing.summary()});
    faultPoint("rollups.after_store");
    return out;
  });
  if (!report) return report;
  faultPoint("rollups.after_commit");
  for (const auto status : {BlockStatus::accepted, BlockStatus::duplicate, BlockStatus::unattributed, BlockStatus::conflict,
                            BlockStatus::rejected}) {
    metrics_.counter("ccp_usage_rollups_total", "Rollups received, by what became of them", {{"status", toString(status)}})
        .add(static_cast<double>(report->count(status)));
  }
  return report;
}

Result<std::vector<AcceptedRollup>> UsageService::acceptedIn(db::Tx& tx, const std::string& org, Timestamp at, const Json& data) {
  CCP_TRY(auto source, data.str("source"));
  CCP_TRY(const auto from_text, data.str("from_at"));
  CCP_TRY(const auto until_text, data.str("until_at"));
  CCP_TRY(const auto from, parseRfc3339(from_text));
  CCP_TRY(const auto until, parseRfc3339(until_text));
  // All rows of a unit of work carry its one time, and so does its event.
  return repository::receivedAt(tx, {org, std::move(source), {}}, {from, until}, at);
}

std::vector<UsageService::HourTotal> UsageService::hourTotals(db::Tx& tx, const std::string& org, Timestamp from,
                                                              Timestamp until) {
  Window window;
  window.from_at = fromMicros(toMicros(from) / hours(1).count() * hours(1).count());
  window.until_at = until;
  window.bucket = hours(1);
  std::vector<HourTotal> out;
  for (const auto& sums : repository::sumsByBucket(tx, org, window)) {
    if (out.empty() || out.back().start_at != sums.start_at) out.push_back({sums.start_at, {}});
    out.back().counters.add(sums.counters);
  }
  return out;
}

Status UsageService::checkView(db::Tx& tx, const std::string& org) {
  const auto license = licenses_.byOrg(tx, org);
  if (!license) return fail(Errc::license_inactive, "the organization has no license");
  const auto entitlements = licenses_.entitlements(*license);
  return mayView(license->admin, entitlements.features, entitlements.plan_title);
}

Result<ModelsReport> UsageService::models(const http::Principal& who, WindowKind kind, Timestamp until) {
  CCP_CHECK_OK(requireScope(who, "dash"));
  CCP_CHECK_OK(requireOrg(who));
  return db_.read(db::Scope::org(who.org), [&](db::Tx& tx) -> Result<ModelsReport> {
    CCP_CHECK_OK(checkView(tx, who.org));
    ModelsReport out;
    out.window = windowUntil(kind, until);
    out.latest_at = repository::latestEnd(tx, who.org);
    std::map<std::pair<std::string, std::string>, Sketch> sketches;
    for (const auto& row : repository::sketches(tx, who.org, out.window)) {
      CCP_TRY(const auto json, parseJson(row.json));
      auto sketch = Sketch::parse(json);
      if (!sketch) return fail(Errc::data_loss, "a stored sketch does not read: " + sketch.error().detail);
      sketches[{row.model, row.lane}].merge(*sketch);
    }
    for (auto& row : repository::sumsByModel(tx, who.org, out.window)) {
      out.totals.add(row.counters);
      const auto sketch = sketches.find({row.model, row.lane});
      out.models.push_back({row.model, row.lane, row.counters,
                            sketch == sketches.end() ? std::nullopt : std::optional<Sketch>(sketch->second)});
    }
    std::stable_sort(out.models.begin(), out.models.end(), [](const ModelLine& a, const ModelLine& b) {
      return a.counters.tokens() > b.counters.tokens();
    });
    out.series = repository::sumsByBucket(tx, who.org, out.window);
    out.day_blocks = repository::dayBlocks(tx, who.org, out.window);
    return out;
  });
}

Result<SeatsReport> UsageService::seats(const http::Principal& who, WindowKind kind, Timestamp until) {
  CCP_CHECK_OK(requireScope(who, "dash"));
  CCP_CHECK_OK(requireOrg(who));
  return db_.read(db::Scope::org(who.org), [&](db::Tx& tx) -> Result<SeatsReport> {
    CCP_CHECK_OK(checkView(tx, who.org));
    SeatsReport out;
    out.window = windowUntil(kind, until);
    out.k = settings_.usage.k_safety;
    out.lines = repository::sumsBySeat(tx, who.org, out.window);
    for (const auto& line : out.lines) {
      out.totals.add(line.counters);
      out.seats += line.seat.empty() ? 0 : 1;
    }
    out.breakdown = showsSeats(who.isOrgAdmin(), out.seats, out.k);
    if (!out.breakdown) {
      std::erase_if(out.lines, [&](const SeatSums& line) { return line.seat.empty() || line.seat != who.seat; });
    }
    return out;
  });
}

Result<std::string> UsageService::licenseNotice(const std::string& org) {
  return db_.read(db::Scope::org(org), [&](db::Tx& tx) -> Result<std::string> {
    const auto license = licenses_.byOrg(tx, org);
    return license ? licenses_.entitlements(*license).notice : std::string();
  });
}

}  // namespace ccp::usage
