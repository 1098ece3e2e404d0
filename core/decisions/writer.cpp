#include "core/decisions/writer.hpp"

#include <algorithm>
#include <set>

#include "core/base/encoding.hpp"
#include "core/base/log.hpp"
#include "core/decisions/mask.hpp"

namespace ccp::decisions {
namespace {

/// How long a batch may wait for company: fewer, larger units of work.
constexpr auto kGather = std::chrono::milliseconds(100);
constexpr auto kPause = std::chrono::milliseconds(250);
constexpr int kAttempts = 20;
constexpr JsonLimits kInputLimits{.max_bytes = 1u << 20, .max_depth = 64};
constexpr std::size_t kMaxKnownChains = 50'000;

std::size_t sizeOf(const policy::DecisionRecord& record) {
  std::size_t out = 1024 + record.input.size();
  for (const auto& pointer : record.fields_read) out += pointer.size() + 32;
  return out;
}

}  // namespace

Writer::Writer(const Deps& deps, double sample_allow, bool keep_inputs, std::size_t max_records)
    : deps_(deps),
      node_(newId("nod", deps.clock, deps.random)),
      sample_allow_(sample_allow),
      keep_inputs_(keep_inputs),
      max_records_(max_records),
      written_(deps.metrics.counter("ccp_policy_log_written_total", "Decisions written to the decision log")),
      dropped_(deps.metrics.counter("ccp_policy_log_dropped_total", "Decisions that are missing in the log because its queue was full or the store refused them")),
      sampled_out_(deps.metrics.counter("ccp_policy_log_sampled_out_total", "Allowed decisions left out of the log by policy.decision_log.sample_allow")),
      queued_(deps.metrics.gauge("ccp_policy_log_queued", "Decisions that wait to be written to the log")) {}

Writer::~Writer() { stop(); }

void Writer::connect(licensing::Licenses& licenses, LogTap* tap) {
  const std::lock_guard lock(write_mutex_);
  licenses_ = &licenses;
  tap_ = tap;
}

void Writer::take(policy::DecisionRecord&& record) noexcept {
  try {
    if (!record.shadow && !sampled(record.decision, sample_allow_)) {
      sampled_out_.add();
      return;
    }
    const std::size_t bytes = sizeOf(record);
    bool wake = false;
    {
      const std::lock_guard lock(mutex_);
      if (queue_.size() >= max_records_ || queue_bytes_ + bytes > kMaxBytes) {
        dropped_.add();
        return;
      }
      queue_.push_back(std::move(record));
      queue_bytes_ += bytes;
      ++taken_;
      wake = queue_.size() == 1 || queue_.size() == kBatch;
    }
    if (wake) changed_.notify_one();
  } catch (...) {
    dropped_.add();  // out of memory: the decision stands all the same
  }
}

std::vector<policy::DecisionRecord> Writer::grab() {
  std::vector<policy::DecisionRecord> out;
  const std::lock_guard lock(mutex_);
  const std::size_t n = std::min(queue_.size(), kBatch);
  out.reserve(n);
  for (std::size_t i = 0; i < n; ++i) {
    queue_bytes_ -= sizeOf(queue_.front());
    out.push_back(std::move(queue_.front()));
    queue_.pop_front();
  }
  queued_.set(static_cast<double>(queue_.size()));
  return out;
}

/// Everything that needs no unit of work: masks, hashes, seals.
Result<Writer::Prepared> Writer::prepare(const std::vector<policy::DecisionRecord>& batch) {
  std::set<std::string> orgs;
  for (const auto& record : batch) orgs.insert(record.org);
  CCP_TRY(const auto keys, deps_.keys.make({orgs.begin(), orgs.end()}));
  Prepared out;
  for (const auto& record : batch) {
    const auto found = keys.find(record.org);
    if (found == keys.end()) return fail(Errc::internal, "The organization " + record.org + " got no policy key.");
    const OrgKey& key = *found->second;
    LoggedDecision d;
    d.id = record.decision.id;
    d.org = record.org;
    d.at = record.at;
    d.node = node_;
    if (!record.seat.empty()) d.seat = saltedHash(key.salt, record.seat);
    d.point = record.point;
    d.channel = record.channel;
    d.generation = record.generation;
    d.packs = record.packs;
    d.outcome = record.decision.verdict;
    d.allow = record.decision.allow;
    d.rule = printable(withoutSecrets(record.decision.rule));
    d.reason = printable(withoutSecrets(record.decision.reason));
    d.effect = printable(withoutSecrets(record.decision.effect));
    d.lane = printable(withoutSecrets(record.decision.lane));
    d.input_sha256 = record.input_sha256.empty() ? sha256Hex(record.input) : record.input_sha256;
    d.elapsed_us = record.elapsed.count();
    d.fuel = static_cast<std::int64_t>(record.fuel);
    d.memory_peak = static_cast<std::int64_t>(record.memory_peak);
    d.origin = record.origin;
    d.stale = record.decision.stale;
    d.shadow = record.shadow;
    d.shadow_of = record.shadow_of;

    SealedInput input{d.org, d.id, d.at, {}};
    if (const auto parsed = parseJson(record.input, kInputLimits)) {
      const auto masked = Mask(record.log_mask, key.salt).whole(*parsed);
      d.fields_read = Mask::fields(masked, record.fields_read);
      if (keep_inputs_ && !record.shadow) {
        Json hidden = Json::array();
        for (const auto& pointer : masked.hidden) hidden.push(pointer);
        // Nothing hidden: the very bytes that were decided on.
        const Json kept = Json::object({{"input", masked.hidden.empty() ? record.input : masked.value.dump()}, {"masked", std::move(hidden)}});
        input.sealed = key.inputs.seal(bytesOf(kept.dump()), "policy_inputs/" + d.org + "/" + d.id, deps_.random);
      }
    }
    out.decisions.push_back(std::move(d));
    out.inputs.push_back(std::move(input));
  }
  return out;
}

bool Writer::mayKeep(db::Tx& tx, const std::string& org) {
  if (org.empty()) return true;  // the server's own questions
  if (licenses_ == nullptr) return false;
  const auto license = licenses_->byOrg(tx, org);
  return license && licenses_->entitlements(*license).privacy != "local_only" && !licenses_->entitlements(*license).privacy.empty();
}

void Writer::store(db::Tx& tx, Prepared prepared, bool again, std::map<std::string, ChainHead>& heads, std::vector<LoggedDecision>& stored) {
  std::map<std::string, std::int64_t> before;  // sequences of the chains that this batch prolongs
  std::map<std::string, bool> keeps;
  std::vector<SealedInput> inputs;
  for (std::size_t i = 0; i < prepared.decisions.size(); ++i) {
    LoggedDecision& d = prepared.decisions[i];
    // An attempt whose commit was not confirmed may have been written.
    if (again && repository::exists(tx, d.org, d.id)) continue;
    auto at = heads.find(d.org);
    if (at == heads.end()) at = heads.emplace(d.org, repository::head(tx, d.org, node_).value_or(ChainHead{d.org, node_, 0, "", 0})).first;
    before.emplace(d.org, at->second.sequence);
    d.sequence = ++at->second.sequence;
    d.prev = at->second.digest;
    d.digest = at->second.digest = digestOf(d);
    if (SealedInput& input = prepared.inputs[i]; !input.sealed.empty()) {
      const auto known = keeps.find(d.org);
      if (known == keeps.end() ? keeps.emplace(d.org, mayKeep(tx, d.org)).first->second : known->second) {
        d.input_kept = true;
        inputs.push_back(std::move(input));
      }
    }
    stored.push_back(std::move(d));
  }
  repository::insertDecisions(tx, stored);
  repository::insertInputs(tx, inputs);
  for (const auto& [org, sequence] : before) {
    ChainHead head = heads.at(org);
    head.swept = sequence;
    repository::putHead(tx, head);
  }
}

Status Writer::write(const std::vector<policy::DecisionRecord>& batch, bool again) {
  CCP_TRY(const auto prepared, prepare(batch));
  if (again) heads_.clear();
  std::map<std::string, ChainHead> heads;
  std::int64_t count = 0;
  // System scope: the log is written for every organization at once. READ COMMITTED is enough: the chains
  // of a node have one writer.
  const Status done = deps_.db.writeReadCommitted(db::Scope::system(), [&](db::Tx& tx) -> Status {
    heads.clear();
    for (const auto& d : prepared.decisions) {
      if (const auto known = heads_.find(d.org); known != heads_.end()) heads.insert(*known);
    }
    std::vector<LoggedDecision> stored;
    store(tx, prepared, again, heads, stored);
    count = static_cast<std::int64_t>(stored.size());
    if (tap_ != nullptr && !stored.empty()) CCP_CHECK_OK(tap_->logged(tx, stored));
    return {};
  });
  CCP_CHECK_OK(done);
  if (heads_.size() > kMaxKnownChains) heads_.clear();
  for (auto& [org, head] : heads) heads_[org] = std::move(head);
  written_.add(static_cast<double>(count));
  return {};
}

void Writer::writeOrDrop(const std::vector<policy::DecisionRecord>& batch) {
  if (batch.empty()) return;
  {
    const std::lock_guard writing(write_mutex_);
    for (int attempt = 1;; ++attempt) {
      const Status done = write(batch, attempt > 1);
      if (done) break;
      std::unique_lock lock(mutex_);
      if (attempt >= kAttempts || stopping_ || !running_) {
        dropped_.add(static_cast<double>(batch.size()));
        log::error("decisions.dropped", {{"count", batch.size()}, {"detail", done.error().text()}});
        break;
      }
      if (attempt == 1) log::warn("decisions.write_failed", {{"detail", done.error().text()}});
      changed_.wait_for(lock, kPause, [&] { return stopping_; });
    }
  }
  {
    const std::lock_guard lock(mutex_);
    settled_ += batch.size();
  }
  drained_.notify_all();
}

void Writer::run() {
  for (;;) {
    {
      std::unique_lock lock(mutex_);
      changed_.wait(lock, [&] { return stopping_ || !queue_.empty(); });
      if (queue_.empty()) return;
      if (!stopping_ && !hurry_) changed_.wait_for(lock, kGather, [&] { return stopping_ || hurry_ || queue_.size() >= kBatch; });
      hurry_ = false;
    }
    writeOrDrop(grab());
  }
}

void Writer::start() {
  const std::lock_guard lock(mutex_);
  if (running_) return;
  running_ = true;
  stopping_ = false;
  thread_ = std::thread([this] { run(); });
}

void Writer::stop() {
  {
    const std::lock_guard lock(mutex_);
    if (!running_) return;
    stopping_ = true;
  }
  changed_.notify_all();
  thread_.join();
  const std::lock_guard lock(mutex_);
  running_ = false;
}

Status Writer::flush() {
  std::unique_lock lock(mutex_);
  const std::uint64_t wanted = taken_;
  if (running_) {
    hurry_ = true;
    changed_.notify_all();
    if (!drained_.wait_for(lock, std::chrono::seconds(5), [&] { return settled_ >= wanted; })) return fail(Errc::overloaded, "The decision log is behind.");
    return {};
  }
  while (settled_ < wanted) {
    lock.unlock();
    writeOrDrop(grab());
    lock.lock();
  }
  return {};
}

LogStatus Writer::status() const {
  LogStatus out;
  out.written = static_cast<std::int64_t>(written_.value());
  out.dropped = static_cast<std::int64_t>(dropped_.value());
  out.sampled_out = static_cast<std::int64_t>(sampled_out_.value());
  const std::lock_guard lock(mutex_);
  out.queued = static_cast<std::int64_t>(queue_.size());
  return out;
}

}  // namespace ccp::decisions
