#include "core/http/worker_pool.hpp"

#include <condition_variable>
#include <deque>
#include <mutex>
#include <system_error>
#include <thread>
#include <vector>

#include "core/base/log.hpp"

namespace ccp::http {
struct WorkerPool::Impl : std::enable_shared_from_this<WorkerPool::Impl> {
  Impl(Options o, Metrics& metrics)
      : options(std::move(o)),
        depth(metrics.gauge("ccp_http_queue_depth", "Requests that wait for a worker",
                            {{"listener", options.name}})),
        waited(metrics.histogram("ccp_http_queue_seconds", "Time that requests waited for a worker",
                                 {{"listener", options.name}})) {}

  struct Seat {
    const Route* route = nullptr;
    std::uint64_t since_ns = 0;
    std::uint64_t run = 0;
  };

  void work(std::size_t seat) {
    std::unique_lock lock(mutex);
    for (;;) {
      ++idle;
      wake.wait(lock, [&] { return stopping || !queue.empty(); });
      --idle;
      if (stopping) break;
      auto job = std::move(queue.front());
      queue.pop_front();
      const auto now = SystemClock().monotonicNs();
      seats[seat] = Seat{job->route, now, ++runs};
      ++running;
      lock.unlock();
      depth.add(-1);
      const auto in_queue = now - job->queued_ns;
      waited.observe(static_cast<double>(in_queue) / 1e9);
      try {
        job->run(in_queue / 1000 > static_cast<std::uint64_t>(options.patience.count()));
      } catch (const std::exception& error) {
        log::error("http.job_threw", {{"listener", options.name}, {"what", error.what()}});
      } catch (...) {
        log::error("http.job_threw", {{"listener", options.name}});
      }
      job.reset();
      lock.lock();
      seats[seat] = Seat{};
      --running;
    }
    --alive;
    ended.notify_all();
  }

  /// Under the lock. False: the queue is full, or nobody is there.
  bool take(std::unique_ptr<Job>& job) {
    // Jobs that a thread is about to take do not count as waiting.
    const auto most = options.queue + static_cast<std::size_t>(options.threads);
    if (stopping || queue.size() + running >= most) return false;
    job->queued_ns = SystemClock().monotonicNs();
    queue.push_back(std::move(job));
    depth.add(1);
    if (idle >= queue.size() || threads.size() >= static_cast<std::size_t>(options.threads)) return true;
    const auto seat = seats.size();
    seats.emplace_back();
    try {
      threads.emplace_back([self = shared_from_this(), seat] { self->work(seat); });
      ++alive;
      return true;
    } catch (const std::system_error& error) {
      // The system gives no more threads: those that there are do the work.
      log::error("http.no_thread", {{"listener", options.name}, {"what", error.what()}});
      seats.pop_back();
    }
    if (!threads.empty()) return true;
    job = std::move(queue.back());
    queue.pop_back();
    depth.add(-1);
    return false;
  }

  Options options;
  Gauge& depth;
  Histogram& waited;
  mutable std::mutex mutex;
  std::condition_variable wake, ended;
  std::deque<std::unique_ptr<Job>> queue;
  std::vector<std::thread> threads;
  std::deque<Seat> seats;  // one a thread; elements stay where they are
  std::size_t idle = 0;
  std::size_t running = 0;
  int alive = 0;
  std::uint64_t runs = 0;
  bool stopping = false;
};

WorkerPool::WorkerPool(Options options, Metrics& metrics)
    : impl_(std::make_shared<Impl>(std::move(options), metrics)) {}

WorkerPool::~WorkerPool() {
  stop(Duration(0));
}

bool WorkerPool::offer(std::unique_ptr<Job>& job) {
  Impl& pool = *impl_;
  {
    const std::lock_guard lock(pool.mutex);
    if (!pool.take(job)) return false;
  }
  pool.wake.notify_one();
  return true;
}

bool WorkerPool::relaxed() const {
  const std::lock_guard lock(impl_->mutex);
  return impl_->queue.size() * 2 < impl_->options.queue;
}

std::size_t WorkerPool::busy() const {
  const std::lock_guard lock(impl_->mutex);
  return impl_->queue.size() + impl_->running;
}

bool WorkerPool::stop(Duration patience) {
  Impl& pool = *impl_;
  std::unique_lock lock(pool.mutex);
  pool.stopping = true;
  auto dropped = std::move(pool.queue);
  pool.queue.clear();
  pool.depth.set(0);
  pool.wake.notify_all();
  const bool clean = pool.ended.wait_for(lock, patience, [&] { return pool.alive == 0; });
  auto threads = std::move(pool.threads);
  pool.threads.clear();
  lock.unlock();
  for (auto& thread : threads) {
    if (clean) {
      thread.join();
    } else {
      thread.detach();
    }
  }
  return clean;
}

void WorkerPool::each(const std::function<void(const Running&)>& look) const {
  std::vector<Running> now;
  {
    const std::lock_guard lock(impl_->mutex);
    for (const auto& seat : impl_->seats) {
      if (seat.route != nullptr) now.push_back({seat.route, seat.since_ns, seat.run});
    }
  }
  for (const auto& running : now) look(running);
}

}  // namespace ccp::http
