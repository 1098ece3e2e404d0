#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <mutex>
#include <thread>

#include "core/base/fault.hpp"
#include "core/base/log.hpp"
#include "core/db/outbox.hpp"

namespace ccp::db {
namespace {

/// A claim that is not settled by then belongs to a node that died or hangs.
constexpr Duration kLease = seconds(60);
constexpr Duration kFirstBackOff = seconds(1);
constexpr Duration kMaxBackOff = minutes(5);
constexpr int kBatch = 64;
/// Events of other nodes and back-offs that end are found by polling; own ones wake the worker.
constexpr auto kPoll = std::chrono::milliseconds(250);

struct Claim {
  OutboxEvent event;
  std::string delivered_to;  ///< names of subscribers, each with a line feed
  Timestamp lease_end;
};

struct Outcome {
  const Claim* claim;
  bool done;
  std::string delivered_to;
  std::string error;
};

Duration backOff(int attempt) {
  Duration wait = kFirstBackOff;
  for (int i = 1; i < attempt && wait < kMaxBackOff; ++i) wait *= 2;
  return std::min(wait, kMaxBackOff);
}

}  // namespace

struct OutboxDispatcher::Impl {
  struct Entry {
    std::string name;
    std::vector<std::string> types;
    Subscriber fn;
    Counter* failures;
  };

  Impl(Db& d, const Clock& c, Metrics& m)
      : db(d),
        clock(c),
        metrics(m),
        delivered(m.counter("ccp_outbox_delivered_total", "Events delivered to all of their subscribers")),
        lag(m.gauge("ccp_outbox_lag_seconds", "Age of the oldest event that is not delivered yet")) {
    SystemRandom random;
    node = newId("nod", clock, random);
  }

  Db& db;
  const Clock& clock;
  Metrics& metrics;
  Counter& delivered;
  Gauge& lag;
  std::string node;
  std::mutex deliver_mutex;  // one delivery at a time in this process: worker or drainOnce()
  std::vector<Entry> entries;

  std::mutex mutex;
  std::condition_variable woken;
  bool wanted = false;
  std::atomic<bool> stopping{false};
  std::thread worker;

  /// The oldest undelivered event of every subject, if it is due.
  Result<std::vector<Claim>> claim() {
    CCP_TRY(const bool due, db.read(Scope::system(), [&](Tx& tx) -> Result<bool> {
      // Cross-org: delivering is the server's own work.
      const auto oldest = tx.one<std::optional<Timestamp>>("select min(created_at) from outbox");
      const auto since = oldest ? std::get<0>(*oldest) : std::nullopt;
      lag.set(since ? static_cast<double>((tx.now() - *since).count()) / 1e6 : 0);
      return tx.one<std::int64_t>("select 1 from outbox where due_at <= :now limit 1", {{"now", tx.now()}}).has_value();
    }));
    if (!due) return std::vector<Claim>{};
    return db.writeReadCommitted(Scope::system(), [&](Tx& tx) -> Result<std::vector<Claim>> {
      std::string sql =
          "select o.org_id, o.id, o.type, o.subject, o.data, o.created_at, o.attempt, o.delivered_to from outbox o "
          "where o.due_at <= :now and not exists (select 1 from outbox p where p.org_id = o.org_id "
          "and p.subject = o.subject and p.position < o.position) order by o.position limit :batch";
      if (tx.dialect() == Dialect::postgresql) sql += " for update of o skip locked";
      std::vector<Claim> claims;
      const Timestamp lease_end = tx.now() + kLease;
      for (auto& [org, id, type, subject, data, at, attempt, done] :
           tx.query<std::string, std::string, std::string, std::string, std::string, Timestamp, std::int64_t,
                    std::string>(sql, {{"now", tx.now()}, {"batch", kBatch}})) {
        tx.exec("update outbox set attempt = :attempt, due_at = :due, claimed_by = :node where org_id = :org and id = :id",
                {{"attempt", attempt + 1}, {"due", lease_end}, {"node", node}, {"org", org}, {"id", id}});
        CCP_TRY(Json parsed, parseJson(data, {.max_bytes = 16u << 20, .max_depth = 64}));
        claims.push_back({{id, type, org, subject, at, std::move(parsed), static_cast<int>(attempt + 1)}, done, lease_end});
      }
      return claims;
    });
  }

  Outcome deliver(const Claim& claim) {
    Outcome outcome{&claim, true, claim.delivered_to, {}};
    for (auto& entry : entries) {
      const auto& types = entry.types;
      if (!types.empty() && std::find(types.begin(), types.end(), claim.event.type) == types.end()) continue;
      if (("\n" + outcome.delivered_to).find("\n" + entry.name + "\n") != std::string::npos) continue;
      Status status;
      try {
        status = entry.fn(claim.event);
      } catch (const std::exception& error) {
        status = fail(Errc::internal, error.what());
      } catch (...) {
        status = fail(Errc::internal, "an unknown exception");
      }
      if (status) {
        outcome.delivered_to += entry.name + "\n";
        continue;
      }
      outcome.done = false;
      outcome.error = entry.name + ": " + log::redact(status.error().text());
      entry.failures->add();
      log::warn("outbox.delivery_failed", {{"subscriber", entry.name},
                                           {"event", claim.event.id},
                                           {"type", claim.event.type},
                                           {"attempt", claim.event.attempt},
                                           {"error", status.error().text()}});
    }
    return outcome;
  }

  /// Records what became of claims, if they still are this node's.
  Status settle(std::vector<Outcome>& outcomes, const std::vector<const Claim*>& returned) {
    if (outcomes.empty() && returned.empty()) return {};
    const Status status = db.writeReadCommitted(Scope::system(), [&](Tx& tx) -> Status {
      for (const auto& outcome : outcomes) {
        const auto& event = outcome.claim->event;
        if (outcome.done) {
          tx.exec("delete from outbox where org_id = :org and id = :id and claimed_by = :node and attempt = :attempt",
                  {{"org", event.org}, {"id", event.id}, {"node", node}, {"attempt", event.attempt}});
        } else {
          tx.exec(
              "update outbox set due_at = :due, claimed_by = null, delivered_to = :done, last_error = :error "
              "where org_id = :org and id = :id and claimed_by = :node and attempt = :attempt",
              {{"due", tx.now() + backOff(event.attempt)},
               {"done", outcome.delivered_to},
               {"error", outcome.error.substr(0, 1000)},
               {"org", event.org},
               {"id", event.id},
               {"node", node},
               {"attempt", event.attempt}});
        }
      }
      for (const Claim* claim : returned) {
        tx.exec(
            "update outbox set due_at = :now, claimed_by = null, attempt = attempt - 1 "
            "where org_id = :org and id = :id and claimed_by = :node and attempt = :attempt",
            {{"now", tx.now()},
             {"org", claim->event.org},
             {"id", claim->event.id},
             {"node", node},
             {"attempt", claim->event.attempt}});
      }
      return {};
    });
    if (status) {
      delivered.add(static_cast<double>(std::count_if(outcomes.begin(), outcomes.end(), [](auto& o) { return o.done; })));
    }
    outcomes.clear();
    return status;
  }

  /// One claim and its deliveries; the number of events that were claimed.
  Result<int> round(int& done) {
    std::lock_guard lock(deliver_mutex);
    CCP_TRY(const auto claims, claim());
    if (!claims.empty()) faultPoint("outbox.before_delivery");
    std::vector<Outcome> outcomes;
    Timestamp last_settled = clock.now();
    std::size_t next = 0;
    for (; next < claims.size() && !stopping; ++next) {
      if (clock.now() >= claims[next].lease_end) break;  // too slow: another node may have it by now
      outcomes.push_back(deliver(claims[next]));
      if (outcomes.back().done) ++done;
      if (clock.now() - last_settled > seconds(1)) {
        CCP_CHECK_OK(settle(outcomes, {}));
        last_settled = clock.now();
      }
    }
    std::vector<const Claim*> returned;
    for (; next < claims.size(); ++next) returned.push_back(&claims[next]);
    CCP_CHECK_OK(settle(outcomes, returned));
    return static_cast<int>(claims.size());
  }

  Result<int> drain() {
    int done = 0;
    for (;;) {
      CCP_TRY(const int claimed, round(done));
      if (claimed == 0 || stopping) return done;
    }
  }

  void run() {
    while (!stopping) {
      if (auto drained = drain(); !drained && !stopping) {
        log::warn("outbox.unavailable", {{"error", drained.error().text()}});
      }
      std::unique_lock lock(mutex);
      woken.wait_for(lock, kPoll, [&] { return wanted || stopping; });
      wanted = false;
    }
  }
};

OutboxDispatcher::OutboxDispatcher(Db& db, const Clock& clock, Metrics& metrics)
    : impl_(std::make_unique<Impl>(db, clock, metrics)) {}

OutboxDispatcher::~OutboxDispatcher() { stop(); }

void OutboxDispatcher::subscribe(std::string name, std::vector<std::string> types, Subscriber fn) {
  std::lock_guard lock(impl_->deliver_mutex);
  auto& failures = impl_->metrics.counter("ccp_outbox_failures_total", "Deliveries that a subscriber refused",
                                          {{"subscriber", name}});
  impl_->entries.push_back({std::move(name), std::move(types), std::move(fn), &failures});
}

Status OutboxDispatcher::takeOver() {
  return impl_->db.write(Scope::system(), [](Tx& tx) -> Status {
    tx.exec("update outbox set due_at = :now, claimed_by = null where claimed_by is not null", {{"now", tx.now()}});
    return {};
  });
}

void OutboxDispatcher::start() {
  if (impl_->worker.joinable()) return;
  impl_->stopping = false;
  impl_->db.onEmit([this] { wake(); });
  impl_->worker = std::thread([this] { impl_->run(); });
}

void OutboxDispatcher::stop() {
  if (!impl_->worker.joinable()) return;
  impl_->db.onEmit({});
  {
    std::lock_guard lock(impl_->mutex);
    impl_->stopping = true;
  }
  impl_->woken.notify_all();
  impl_->worker.join();
  impl_->stopping = false;
}

void OutboxDispatcher::wake() noexcept {
  {
    std::lock_guard lock(impl_->mutex);
    impl_->wanted = true;
  }
  impl_->woken.notify_one();
}

Result<int> OutboxDispatcher::drainOnce() { return impl_->drain(); }

}  // namespace ccp::db
