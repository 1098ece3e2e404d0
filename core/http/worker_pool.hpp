// Threads for handlers that may block, behind a bounded queue. Threads are started as they are
// needed. What waited in the queue for too long is told so instead of being run: whoever asked has
// given up. Threads: offer() from any thread; stop() once.
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "core/base/metrics.hpp"
#include "core/base/time.hpp"
#include "core/http/router.hpp"

namespace ccp::http {

class WorkerPool {
 public:
  class Job {
   public:
    explicit Job(const Route* of) noexcept : route(of) {}
    virtual ~Job() = default;
    /// `late`: it waited longer than the pool's patience; answer without the handler.
    virtual void run(bool late) = 0;
    const Route* route;
    std::uint64_t queued_ns = 0;
  };
  struct Options {
    std::string name;
    int threads = 64;
    std::size_t queue = 4096;
    Duration patience = seconds(5);
  };

  WorkerPool(Options options, Metrics& metrics);
  ~WorkerPool();
  WorkerPool(const WorkerPool&) = delete;
  WorkerPool& operator=(const WorkerPool&) = delete;

  /// Takes the job and clears the pointer; false: the queue is full, or the pool has stopped.
  bool offer(std::unique_ptr<Job>& job);
  /// Less than half of the queue is in use: for what can wait outside of it.
  bool relaxed() const;
  /// Jobs that wait or run.
  std::size_t busy() const;
  /// Drops what waits and ends the threads; false when one still runs after `patience`: it is left
  /// behind with what it uses.
  bool stop(Duration patience);

  /// What a thread runs now, for the watchdog: route and since when; each run has its own number.
  struct Running {
    const Route* route;
    std::uint64_t since_ns;
    std::uint64_t run;
  };
  void each(const std::function<void(const Running&)>& look) const;

 private:
  struct Impl;
  std::shared_ptr<Impl> impl_;  // shared with threads, which may outlive a stop() that gave up
};

}  // namespace ccp::http
