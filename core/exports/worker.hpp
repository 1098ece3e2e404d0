// The threads that send: one per exporter instance and stream, so that a slow target delays nobody
// else, and one that follows which instances there are. Threads: start() and stop() from one; wake()
// from any.
#pragma once

#include <condition_variable>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <thread>

#include "core/exports/sender.hpp"

namespace ccp::exports {

class Worker {
 public:
  explicit Worker(const Sender::Deps& deps);
  ~Worker();
  Worker(const Worker&) = delete;
  Worker& operator=(const Worker&) = delete;

  /// Before events are queued: every exporter of this node gets its lanes.
  Status registerLanes();
  void start();
  /// Waits for the batches that are under way.
  void stop();
  void wake();

 private:
  struct Thread;
  void follow();
  void syncThreads(bool stopping);
  Status measure();

  Sender::Deps deps_;
  std::string node_;
  std::mutex mutex_;
  std::condition_variable changed_;
  bool stopping_ = false;
  std::uint64_t wanted_ = 0;  ///< grows with every wake()
  std::map<Lane, std::unique_ptr<Thread>> threads_;  ///< the follower's own, and stop()'s after it
  std::thread follower_;
};

}  // namespace ccp::exports
