// The child's end of the socket: hands calls to the threads that run them, and answers to those that asked.
//
// At most one thread reads. The thread that takes a call runs it at once and leaves the seat empty: most
// calls are shorter than waking another thread, and one thread that reads and runs in turn is twice as fast
// as two that alternate (docs/adr/0010-process-isolation.md). Who waits for an answer of the host reads
// meanwhile. One more thread watches: when nobody reads and nothing moves for a moment, it takes the seat.
// Threads: all.
#pragma once

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <functional>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include "core/isolation/channel.hpp"
#include "core/isolation/wire.hpp"

namespace ccp::isolation {

/// One call that the plugin runs, on the stack of its thread. current() is how a service knows who asks.
class RunningCall {
 public:
  explicit RunningCall(std::uint64_t id);
  ~RunningCall();
  RunningCall(const RunningCall&) = delete;
  RunningCall& operator=(const RunningCall&) = delete;
  static RunningCall* current() noexcept;

  const std::uint64_t id;
  std::atomic<bool> cancelled{false};

 private:
  friend class Link;
  RunningCall* const outer_;
  std::uint64_t sequence_ = 0;
  bool asking_ = false;
  bool answered_ = false;
  std::string answer_;
  std::condition_variable came_;
};

class Link {
 public:
  /// `grow` starts another thread that calls arrived() and then nextCall(); false when it cannot.
  Link(int socket, std::function<bool()> grow);

  void arrived();

  /// The next call for this thread to run; others are read and waited for meanwhile. Ends the process when
  /// the parent is gone.
  Frame nextCall();
  void enter(RunningCall& call);
  void leave(RunningCall& call);
  void send(Kind kind, std::uint64_t call, std::uint64_t sequence, std::string_view body);
  /// Asks the parent and waits. PERMISSION_DENIED without a call on this thread. Views of the result live
  /// in `storage`.
  HostResult ask(const HostCall& call, std::string& storage);
  /// Tells the parent; dropped when it does not read.
  void tell(const HostCall& call) noexcept;

 private:
  using Lock = std::unique_lock<std::mutex>;
  void read(Lock& lock);
  void deliver(Frame frame);
  void watch(Lock& lock);
  void wakeOne();
  void grow();
  void await(Lock& lock, RunningCall& call);
  RunningCall* find(std::uint64_t call);

  const int socket_;
  const std::function<bool()> grow_;
  std::mutex mutex_;
  std::vector<RunningCall*> running_;
  std::deque<Frame> pending_;  ///< calls that no thread has taken
  bool reading_ = false;
  bool watching_ = false, asleep_ = false, take_over_ = false;
  int idle_ = 0;
  int arriving_ = 0;  ///< threads that were started and are not here yet
  std::uint64_t progress_ = 0;
  std::condition_variable watch_, work_;
  // Of the thread that reads:
  Receiver receiver_;
  std::vector<Frame> batch_;
};

}  // namespace ccp::isolation
