#include "core/decisions/feature.hpp"

#include "core/decisions/org_keys.hpp"
#include "core/decisions/writer.hpp"

namespace ccp::decisions {
namespace {

constexpr int kSweepSlice = 2000;
constexpr int kSweepSlices = 50;
constexpr int kMaxPage = 200;
constexpr JsonLimits kKeptLimits{.max_bytes = 4u << 20, .max_depth = 64};

/// What the replay store sealed: {"input": text, "masked": [pointers]}.
Result<KeptInput> openInput(OrgKeys& keys, const WithInput& row) {
  CCP_TRY(const auto key, keys.find(row.decision.org));
  CCP_TRY(const auto plain, key->inputs.open(row.sealed, "policy_inputs/" + row.decision.org + "/" + row.decision.id));
  CCP_TRY(const auto kept, parseJson(plain.text(), kKeptLimits));
  KeptInput out;
  CCP_TRY(out.text, kept.str("input"));
  for (const auto& pointer : kept["masked"].items()) out.masked.push_back(pointer.asString() ? *pointer.asString() : std::string());
  return out;
}

}  // namespace

struct Feature::Impl {
  Impl(const Deps& d, Options o, crypto::MasterKey master)
      : deps(d),
        options(std::move(o)),
        keys(d.db, d.random, std::move(master)),
        writer({d.db, d.clock, d.random, d.metrics, keys}, options.sample_allow, options.keep_inputs, options.queue_max) {}

  Deps deps;
  Options options;
  OrgKeys keys;
  Writer writer;
};

Feature::Feature(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Feature::~Feature() = default;

Result<std::unique_ptr<Feature>> Feature::open(const Deps& deps, Options options) {
  CCP_TRY(auto master, crypto::MasterKey::load(options.master_key_file, options.create_master_key, deps.random));
  return std::unique_ptr<Feature>(new Feature(std::make_unique<Impl>(deps, std::move(options), std::move(master))));
}

policy::DecisionSink& Feature::sink() noexcept { return impl_->writer; }
const std::string& Feature::node() const noexcept { return impl_->writer.node(); }
void Feature::connect(licensing::Licenses& licenses, LogTap* tap) { impl_->writer.connect(licenses, tap); }
void Feature::start() { impl_->writer.start(); }
void Feature::stop() { impl_->writer.stop(); }
Status Feature::flush() { return impl_->writer.flush(); }
LogStatus Feature::logStatus() const { return impl_->writer.status(); }

Status Feature::sweep() {
  const Timestamp now = impl_->deps.clock.now();
  const auto repeat = [&](auto sweep_slice, Timestamp before) -> Status {
    for (int slice = 0; slice < kSweepSlices; ++slice) {
      // System scope: age is the same for everybody's.
      CCP_TRY(const auto gone, impl_->deps.db.writeReadCommitted(db::Scope::system(), [&](db::Tx& tx) -> Result<std::int64_t> {
        return sweep_slice(tx, before, kSweepSlice);
      }));
      if (gone == 0) break;
    }
    return {};
  };
  CCP_CHECK_OK(repeat(repository::sweepInputs, now - impl_->options.input_retention));
  return repeat(repository::sweepDecisions, now - impl_->options.retention);
}

Result<Page> Feature::list(const std::optional<std::string>& org, const Filter& filter) {
  Filter one_more = filter;
  const int limit = std::clamp(filter.limit, 1, kMaxPage);
  one_more.limit = limit + 1;
  CCP_TRY(auto rows, impl_->deps.db.read(org ? db::Scope::org(*org) : db::Scope::system(), [&](db::Tx& tx) -> Result<std::vector<LoggedDecision>> {
    return repository::list(tx, org, one_more);
  }));
  Page out;
  if (rows.size() > static_cast<std::size_t>(limit)) {
    rows.resize(static_cast<std::size_t>(limit));
    out.next = rows.back().id;
  }
  out.decisions = std::move(rows);
  return out;
}

Result<std::pair<LoggedDecision, std::optional<KeptInput>>> Feature::withInput(const std::optional<std::string>& org, const std::string& id) {
  CCP_TRY(auto row, impl_->deps.db.read(org ? db::Scope::org(*org) : db::Scope::system(), [&](db::Tx& tx) -> Result<std::optional<WithInput>> {
    return repository::byId(tx, org, id);
  }));
  if (!row) return fail(Errc::not_found, "There is no decision \"" + id + "\" in the log; `ccp policy decisions` lists what is there.");
  std::optional<KeptInput> input;
  if (!row->sealed.empty()) {
    if (auto kept = openInput(impl_->keys, *row)) input = std::move(*kept);
  }
  return std::pair(std::move(row->decision), std::move(input));
}

Result<LoggedDecision> Feature::byId(const std::optional<std::string>& org, const std::string& id) {
  CCP_TRY(auto found, withInput(org, id));
  return std::move(found.first);
}

Result<std::vector<PastRow>> Feature::pastRows(const PastQuery& query, const std::string& before) {
  CCP_TRY(auto rows, impl_->deps.db.read(db::Scope::system(), [&](db::Tx& tx) -> Result<std::vector<WithInput>> {
    return repository::past(tx, query, before);
  }));
  std::vector<PastRow> out;
  out.reserve(rows.size());
  for (auto& row : rows) {
    PastRow one;
    one.past.id = row.decision.id;
    one.past.org = row.decision.org;
    one.past.point = row.decision.point;
    one.past.input_sha256 = row.decision.input_sha256;
    one.past.allow = row.decision.allow;
    one.past.lane = row.decision.lane;
    one.past.rule = row.decision.rule;
    if (!row.sealed.empty()) {
      // One that does not open any more counts as not kept: the rest can still be decided again.
      if (auto kept = openInput(impl_->keys, row)) {
        one.past.input = std::move(kept->text);
        one.past.masked = std::move(kept->masked);
      }
    }
    one.decision = std::move(row.decision);
    out.push_back(std::move(one));
  }
  return out;
}

Result<std::vector<policy::PastDecision>> Feature::past(const PastQuery& query) {
  CCP_TRY(auto rows, pastRows(query, ""));
  std::vector<policy::PastDecision> out;
  out.reserve(rows.size());
  for (auto& row : rows) out.push_back(std::move(row.past));
  return out;
}

Result<ChainReport> Feature::verify(const std::optional<std::string>& org) {
  constexpr int kHeads = 200;
  constexpr int kRows = 500;
  ChainReport out;
  std::string after_org;
  std::string after_node;
  for (bool more = true; more;) {
    // One snapshot for heads and rows: what is written meanwhile is not looked at.
    CCP_TRY(more, impl_->deps.db.read(org ? db::Scope::org(*org) : db::Scope::system(), [&](db::Tx& tx) -> Result<bool> {
      const auto heads = repository::heads(tx, org, after_org, after_node, kHeads);
      for (const auto& head : heads) {
        ChainWalk walk(head);
        std::int64_t after = head.swept;
        for (;;) {
          const auto rows = repository::chain(tx, head, after, kRows);
          for (const auto& row : rows) walk.step(row);
          if (rows.size() < static_cast<std::size_t>(kRows)) break;
          after = rows.back().sequence;
        }
        walk.end();
        ++out.chains;
        out.records += walk.seen();
        if (!walk.broken().empty()) out.broken.push_back(walk.broken());
        after_org = head.org;
        after_node = head.node;
      }
      return heads.size() == static_cast<std::size_t>(kHeads);
    }));
  }
  return out;
}

}  // namespace ccp::decisions
