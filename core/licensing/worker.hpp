// The background work of licensing on one thread: reads revocations and keys every few seconds,
// applies time to licenses and keys, forgets what is over.
// Threads: start() makes one; runOnce() is what it repeats.
#pragma once

#include <condition_variable>
#include <mutex>
#include <thread>

#include "core/base/metrics.hpp"
#include "core/licensing/keys.hpp"
#include "core/licensing/licenses.hpp"
#include "core/licensing/revocations.hpp"

namespace ccp::licensing {

class Worker {
 public:
  Worker(const Clock& clock, Metrics& metrics, KeyService& keys, RevocationList& revocations, StoredLicenses& licenses);
  ~Worker();
  Worker(const Worker&) = delete;
  Worker& operator=(const Worker&) = delete;

  void start();
  void stop();
  /// One round; failures are logged and counted, and tried again in the next one.
  void runOnce();

 private:
  void loop();
  void attempt(const char* what, const Status& status);

  const Clock& clock_;
  Counter& failures_;
  KeyService& keys_;
  RevocationList& revocations_;
  StoredLicenses& licenses_;
  Timestamp next_tick_;
  Timestamp next_cleanup_;
  std::mutex mutex_;
  std::condition_variable wake_;
  bool stopping_ = false;
  std::thread thread_;
};

}  // namespace ccp::licensing
