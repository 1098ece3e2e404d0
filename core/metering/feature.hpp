// Metering as core/app builds it: the reporter behind the outbox and the thread that sends.
// Threads: start() and stop() from one.
#pragma once

#include <condition_variable>
#include <mutex>
#include <thread>

#include "core/db/migrations.hpp"
#include "core/metering/reporter.hpp"

namespace ccp::metering {

extern const db::MigrationSet kMigrations;

class Feature {
 public:
  explicit Feature(const Reporter::Deps& deps) : reporter_(deps) {}
  ~Feature();
  Feature(const Feature&) = delete;
  Feature& operator=(const Feature&) = delete;

  /// Before the outbox starts.
  void subscribe(db::OutboxDispatcher& outbox);
  void start();
  /// Waits for the batch that is under way.
  void stop();
  Reporter& reporter() noexcept { return reporter_; }

 private:
  void run();

  Reporter reporter_;
  std::mutex mutex_;
  std::condition_variable changed_;
  bool stopping_ = false;
  bool woken_ = false;
  std::thread thread_;
};

}  // namespace ccp::metering
