// Workers when the system gives no more threads: those that there are do the work, and without any
// the job comes back to who offered it.
#include "core/http/worker_pool.hpp"

#include <doctest/doctest.h>
#include <pthread.h>

#include <condition_variable>
#include <mutex>

#include "core/base/log.hpp"
#include "core/base/metrics.hpp"

using namespace ccp;
using namespace ccp::http;

namespace {

/// While it lives, a thread's stack would be larger than what a process can address.
class NoThreads {
 public:
  NoThreads() {
    pthread_attr_t huge;
    pthread_getattr_default_np(&usual_);
    pthread_getattr_default_np(&huge);
    REQUIRE(pthread_attr_setstacksize(&huge, std::size_t{1} << 48) == 0);
    REQUIRE(pthread_setattr_default_np(&huge) == 0);
    pthread_attr_destroy(&huge);
  }
  ~NoThreads() {
    pthread_setattr_default_np(&usual_);
    pthread_attr_destroy(&usual_);
  }
  NoThreads(const NoThreads&) = delete;
  NoThreads& operator=(const NoThreads&) = delete;

 private:
  pthread_attr_t usual_;
};

/// Counts jobs that were done; a job can be held.
struct Bench {
  Metrics metrics;
  WorkerPool pool{{"test", 4, 16, seconds(60)}, metrics};
  std::mutex mutex;
  std::condition_variable changed;
  int done = 0;
  bool held = false;

  Bench() {
    log::setSink([](std::string_view) {});
  }
  ~Bench() {
    pool.stop(seconds(5));
    log::setSink({});
  }
  struct Work final : WorkerPool::Job {
    explicit Work(Bench& b) : Job(nullptr), bench(b) {}
    void run(bool) override {
      std::unique_lock lock(bench.mutex);
      bench.changed.wait_for(lock, std::chrono::seconds(20), [this] { return !bench.held; });
      ++bench.done;
      bench.changed.notify_all();
    }
    Bench& bench;
  };
  std::unique_ptr<WorkerPool::Job> job() { return std::make_unique<Work>(*this); }
  void hold(bool value) {
    const std::lock_guard lock(mutex);
    held = value;
    changed.notify_all();
  }
  bool awaitDone(int n) {
    std::unique_lock lock(mutex);
    return changed.wait_for(lock, std::chrono::seconds(20), [&] { return done >= n; });
  }
};

}  // namespace

TEST_CASE("without a single thread a job comes back, and a later one finds a thread") {
  Bench bench;
  {
    const NoThreads scarce;
    auto job = bench.job();
    CHECK(!bench.pool.offer(job));
    CHECK(job != nullptr);
    CHECK(bench.pool.busy() == 0);
  }
  auto job = bench.job();
  CHECK(bench.pool.offer(job));
  CHECK(job == nullptr);
  CHECK(bench.awaitDone(1));
}

TEST_CASE("when no further thread can be started the ones that there are do the work") {
  Bench bench;
  bench.hold(true);
  auto first = bench.job();
  REQUIRE(bench.pool.offer(first));
  {
    const NoThreads scarce;
    for (int i = 0; i < 3; ++i) {
      auto job = bench.job();
      CHECK(bench.pool.offer(job));
      CHECK(job == nullptr);
    }
    CHECK(bench.pool.busy() == 4);
    bench.hold(false);
    CHECK(bench.awaitDone(4));
  }
  int seats = 0;
  bench.pool.each([&](const WorkerPool::Running&) { ++seats; });
  CHECK(seats == 0);
  CHECK(bench.pool.stop(seconds(5)));
}
