#include "core/exports/worker.hpp"

#include <atomic>
#include <set>

#include "core/base/log.hpp"

namespace ccp::exports {
namespace {

/// Records that another node queued and retries whose time has come are seen by polling.
constexpr auto kPoll = std::chrono::seconds(1);
constexpr auto kFollow = std::chrono::seconds(2);
constexpr Duration kRegisterEvery = minutes(10);
constexpr Duration kMeasureEvery = seconds(15);

std::vector<Lane> lanesOf(const plugin::Exporters& exporters) {
  std::vector<Lane> out;
  for (const auto& instance : exporters.exporterInstances()) {
    for (const auto stream : kStreams) out.push_back({instance, std::string(stream)});
  }
  return out;
}

}  // namespace

struct Worker::Thread {
  Thread(Worker& w, const Lane& lane) : worker(w), sender(w.deps_, lane, w.node_), thread([this] { run(); }) {}
  ~Thread() {
    {
      const std::lock_guard lock(worker.mutex_);
      ended = true;
    }
    worker.changed_.notify_all();
    thread.join();
  }

  void run() {
    std::uint64_t seen = 0;
    for (;;) {
      {
        const std::lock_guard lock(worker.mutex_);
        if (ended || worker.stopping_) break;
        seen = worker.wanted_;
      }
      auto more = sender.step();
      if (!more) log::warn("exports.step_failed", {{"detail", more.error().text()}});
      if (more.value_or(false)) continue;
      std::unique_lock lock(worker.mutex_);
      worker.changed_.wait_for(lock, kPoll, [&] { return ended || worker.stopping_ || worker.wanted_ != seen; });
    }
    sender.close();
  }

  Worker& worker;
  Sender sender;
  bool ended = false;  // under the worker's mutex
  std::thread thread;
};

Worker::Worker(const Sender::Deps& deps) : deps_(deps), node_(newId("nod", deps.clock, deps.random)) {}

Worker::~Worker() { stop(); }

Status Worker::registerLanes() {
  const auto lanes = lanesOf(deps_.exporters);
  if (lanes.empty()) return {};
  return deps_.db.write(db::Scope::system(), [&](db::Tx& tx) -> Status {
    repository::registerLanes(tx, lanes);
    return {};
  });
}

void Worker::syncThreads(bool stopping) {
  std::set<Lane> wanted;
  if (!stopping) {
    for (auto& lane : lanesOf(deps_.exporters)) wanted.insert(std::move(lane));
  }
  std::erase_if(threads_, [&](const auto& entry) { return !wanted.contains(entry.first); });
  for (const auto& lane : wanted) {
    if (!threads_.contains(lane)) threads_.emplace(lane, std::make_unique<Thread>(*this, lane));
  }
}

Status Worker::measure() {
  CCP_TRY(const auto lanes, deps_.db.read(db::Scope::system(), [&](db::Tx& tx) -> Result<std::vector<LaneStatus>> {
    return repository::list(tx);
  }));
  const Timestamp now = deps_.clock.now();
  for (const auto& lane : lanes) {
    const Labels labels = {{"instance", lane.lane.instance}, {"stream", lane.lane.stream}};
    deps_.metrics.gauge("ccp_export_queued", "Records that an exporter has not acknowledged yet", labels).set(static_cast<double>(lane.queued));
    deps_.metrics.gauge("ccp_export_lag_seconds", "Age of the oldest record that is not acknowledged yet", labels)
        .set(lane.oldest_at ? static_cast<double>((now - *lane.oldest_at).count()) / 1e6 : 0);
    deps_.metrics.gauge("ccp_export_disabled", "1 while a stream is paused because its target is gone", labels)
        .set(lane.state == StreamState::disabled ? 1 : 0);
  }
  return {};
}

void Worker::follow() {
  Timestamp registered_at = deps_.clock.now();
  Timestamp measured_at{};
  std::vector<Lane> known = lanesOf(deps_.exporters);
  for (;;) {
    auto lanes = lanesOf(deps_.exporters);
    if (lanes != known || deps_.clock.now() - registered_at >= kRegisterEvery) {
      if (const Status done = registerLanes()) {
        known = std::move(lanes);
        registered_at = deps_.clock.now();
      } else {
        log::warn("exports.register_failed", {{"detail", done.error().text()}});
      }
    }
    syncThreads(false);
    if (deps_.clock.now() - measured_at >= kMeasureEvery) {
      if (const Status done = measure(); !done) log::warn("exports.measure_failed", {{"detail", done.error().text()}});
      measured_at = deps_.clock.now();
    }
    std::unique_lock lock(mutex_);
    if (changed_.wait_for(lock, kFollow, [&] { return stopping_; })) return;
  }
}

void Worker::start() {
  if (follower_.joinable()) return;
  stopping_ = false;
  if (deps_.db.dialect() == db::Dialect::sqlite) {
    // The only node: what still holds a lease died with its process.
    const Status freed = deps_.db.write(db::Scope::system(), [](db::Tx& tx) -> Status {
      repository::releaseAll(tx);
      return {};
    });
    if (!freed) log::warn("exports.release_failed", {{"detail", freed.error().text()}});
  }
  follower_ = std::thread([this] { follow(); });
}

void Worker::stop() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  changed_.notify_all();
  if (follower_.joinable()) follower_.join();
  syncThreads(true);
}

void Worker::wake() {
  {
    const std::lock_guard lock(mutex_);
    ++wanted_;
  }
  changed_.notify_all();
}

}  // namespace ccp::exports
