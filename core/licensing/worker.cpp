#include "core/licensing/worker.hpp"

#include "core/base/log.hpp"

namespace ccp::licensing {
namespace {

constexpr Duration kTickEvery = seconds(60);
constexpr Duration kCleanupEvery = hours(1);
constexpr int kBatch = 200;

}  // namespace

Worker::Worker(const Clock& clock, Metrics& metrics, KeyService& keys, RevocationList& revocations, StoredLicenses& licenses)
    : clock_(clock),
      failures_(metrics.counter("ccp_licensing_worker_failures_total", "Rounds of licensing's background work that failed in part")),
      keys_(keys),
      revocations_(revocations),
      licenses_(licenses),
      next_tick_(clock.now()),
      next_cleanup_(clock.now() + kCleanupEvery) {}

Worker::~Worker() { stop(); }

void Worker::start() {
  if (thread_.joinable()) return;
  stopping_ = false;
  thread_ = std::thread([this] { loop(); });
}

void Worker::stop() {
  {
    const std::scoped_lock lock(mutex_);
    stopping_ = true;
  }
  wake_.notify_all();
  if (thread_.joinable()) thread_.join();
}

void Worker::loop() {
  std::unique_lock lock(mutex_);
  while (!stopping_) {
    lock.unlock();
    runOnce();
    lock.lock();
    wake_.wait_for(lock, kRefreshInterval, [this] { return stopping_; });
  }
}

void Worker::attempt(const char* what, const Status& status) {
  if (status) return;
  failures_.add();
  log::warn("licensing_worker_failed", {{"step", what}, {"error", status.error().text()}});
}

void Worker::runOnce() {
  attempt("revocations", revocations_.refresh());
  attempt("keys", keys_.refresh());
  for (;;) {
    const auto changed = licenses_.recomputeDue(kBatch);
    if (!changed) attempt("licenses", fail(changed.error()));
    if (!changed || *changed < kBatch) break;
  }
  const Timestamp now = clock_.now();
  if (now >= next_tick_) {
    next_tick_ = now + kTickEvery;
    attempt("key_states", keys_.tick());
  }
  if (now >= next_cleanup_) {
    next_cleanup_ = now + kCleanupEvery;
    attempt("cleanup", revocations_.deleteExpired());
  }
}

}  // namespace ccp::licensing
