#include "core/billing/worker.hpp"

#include "core/base/log.hpp"

namespace ccp::billing {

namespace {

/// How soon a postponed row or a customer whose turn has come is seen.
constexpr auto kPoll = std::chrono::seconds(5);
/// Between two rounds, however often it is woken: a round asks the database half a dozen questions, and
/// a burst of webhooks wakes it hundreds of times a second.
constexpr auto kRest = std::chrono::milliseconds(100);
constexpr Duration kPurgeEvery = hours(1);

template <class T>
void report(const char* step, const Result<T>& result) {
  if (!result)
    log::error("billing.worker_failed", {{"step", step}, {"detail", result.error().text()}});
}

}  // namespace

Worker::Worker(Inbox& inbox, Reconciler& reconciler, Moves& moves, const Clock& clock)
    : inbox_(inbox), reconciler_(reconciler), moves_(moves), clock_(clock) {}

Worker::~Worker() {
  stop();
}

bool Worker::round(bool first) {
  const auto stop = [this] { return stopping_.load(); };
  if (first) report("schedule", reconciler_.scheduleAll());
  report("events", reconciler_.recoverEvents(stop));
  const auto drained = inbox_.drain(first, stop);
  report("inbox", drained);
  report("refetch", reconciler_.refetchDirty(stop));
  report("moves", moves_.advance(stop));
  report("reconcile", reconciler_.reconcileDue(stop));
  if (clock_.now() - purged_at_ >= kPurgeEvery) {
    report("purge", inbox_.purge());
    purged_at_ = clock_.now();
  }
  return drained && drained->more();
}

void Worker::run() {
  for (bool first = true; !stopping_; first = false) {
    const bool more = round(first);
    std::unique_lock lock(mutex_);
    changed_.wait_for(lock, kRest, [this] { return stopping_.load(); });
    if (!more) changed_.wait_for(lock, kPoll, [this] { return stopping_ || woken_; });
    woken_ = false;
  }
}

void Worker::start() {
  stopping_ = false;
  thread_ = std::thread([this] { run(); });
}

void Worker::stop() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  changed_.notify_all();
  if (thread_.joinable()) thread_.join();
}

void Worker::wake() {
  {
    const std::lock_guard lock(mutex_);
    woken_ = true;
  }
  changed_.notify_all();
}

}  // namespace ccp::billing
