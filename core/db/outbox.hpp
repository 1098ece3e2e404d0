// Delivers domain events from the outbox to subscribers in this process: at least once, in order per
// subject, one in flight per subject, with back-off. Rows are claimed by state, never by position,
// so that several nodes may run one each; a claim of a node that died ends with its lease.
// Threads: start() makes one worker; subscribers run on it, outside of any unit of work.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "core/db/db.hpp"

namespace ccp::db {

struct OutboxEvent {
  std::string id;  ///< evt_…
  std::string type;
  std::string org;
  std::string subject;
  Timestamp at;
  Json data;
  int attempt = 1;
};

class OutboxDispatcher {
 public:
  /// Success, or an error that makes the dispatcher try again later, with the subject's later events
  /// waiting meanwhile. A subscriber that succeeded is not called again for the same event, except
  /// after a crash: be idempotent by OutboxEvent::id.
  using Subscriber = std::function<Status(const OutboxEvent&)>;

  OutboxDispatcher(Db& db, const Clock& clock, Metrics& metrics);
  ~OutboxDispatcher();

  /// `types` empty = every event. `name` identifies the subscriber in logs and metrics.
  void subscribe(std::string name, std::vector<std::string> types, Subscriber fn);
  /// Makes every claimed event due: for the only node of a database, before it starts. What is claimed then
  /// was claimed by a process that died, and need not wait for the end of its lease.
  Status takeOver();
  void start();
  /// Ends after the event in hand; claims that were not delivered go back at once.
  void stop();
  void wake() noexcept;
  /// Delivers everything that is due now, on the caller's thread; for tests. Returns how many.
  Result<int> drainOnce();

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace ccp::db
