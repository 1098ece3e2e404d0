// One event loop of a listener: a thread that accepts, reads, writes and keeps time for its share
// of the connections, and blocks on nothing but epoll. Handlers run on workers, whose answers come
// back through post(); what is known from memory is answered here. Poco's sockets stay in loop.cpp.
// Threads: run() is the loop's own; the other methods say.
#pragma once

#include <atomic>
#include <memory>
#include <string>

#include "core/http/address_counts.hpp"
#include "core/http/body_budget.hpp"
#include "core/http/channel.hpp"
#include "core/http/pipeline.hpp"
#include "core/http/server.hpp"
#include "core/http/worker_pool.hpp"

namespace ccp::http {

/// What the loops of one listener have in common. Lives as long as any of them and any job.
struct Front {
  Front(ServerOptions o, Metrics& m);

  /// Who may not speak clear text to this listener.
  bool clearTextRefused(const std::string& peer) const;
  /// Counts what was turned away, by reason.
  void refused(const char* reason);

  ServerOptions options;
  ConnectionLimits limits;
  Metrics& metrics;
  Pipeline* pipeline = nullptr;
  TransportFactory* tls = nullptr;  ///< null: clear text
  WorkerPool pool;
  BodyBudget bodies;   ///< request bodies on their way or with a handler
  BodyBudget answers;  ///< answers that clients have not taken yet
  AddressCounts addresses;
  std::atomic<int> connections{0};
  std::atomic<int> parked{0};
  std::atomic<int> engaged{0};  ///< connections on which somebody waits for an answer
  std::atomic<bool> draining{false};
  /// Loops that have looked at `draining`: `engaged` is complete when all have.
  std::atomic<int> drained{0};
  std::atomic<bool> stopping{false};
  Gauge& open;
  Gauge& parked_now;
};

class Loop {
 public:
  Loop(std::shared_ptr<Front> front, int index);
  ~Loop();
  Loop(const Loop&) = delete;
  Loop& operator=(const Loop&) = delete;

  /// Takes the address before run(). `first`: nobody else may have it; the others share it with the
  /// first. The real address, or `io_error`.
  Result<std::string> bind(const std::string& address, bool first);
  Status listen();
  /// Until Front::stopping.
  void run();
  /// Look at the flags of the Front. Any thread.
  void wake();

  /// What the loop does now, for the watchdog: since when it has been at this turn or at this
  /// handler (0: it waits for events), and the number of the turn or handler. `route` is null when
  /// it is no handler. Any thread.
  struct Running {
    const Route* route;
    std::uint64_t since_ns;
    std::uint64_t run;
  };
  Running running() const noexcept;

 private:
  struct Impl;
  std::shared_ptr<Impl> impl_;  // shared with jobs on their way
};

}  // namespace ccp::http
