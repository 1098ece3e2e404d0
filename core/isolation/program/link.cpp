#include "core/isolation/program/link.hpp"

#include <unistd.h>

#include <algorithm>
#include <utility>

namespace ccp::isolation {
namespace {

thread_local RunningCall* t_current = nullptr;

/// How often the watcher looks while calls run, and how many quiet looks send it to sleep.
constexpr std::chrono::microseconds kTick{500};
constexpr int kQuietTicks = 4;
constexpr std::size_t kBatch = 8;
/// ccp.log/1 takes 8 KiB of fields; what is longer is as wrong when it is cut.
constexpr std::size_t kNoticeText = 9 * 1024;

}  // namespace

RunningCall::RunningCall(std::uint64_t the_id) : id(the_id), outer_(std::exchange(t_current, this)) {}
RunningCall::~RunningCall() { t_current = outer_; }
RunningCall* RunningCall::current() noexcept { return t_current; }

Link::Link(int socket, std::function<bool()> grow) : socket_(socket), grow_(std::move(grow)), receiver_(socket, kBatch, kMaxBodyBytes) {}

// --- sending --------------------------------------------------------------------------------------

void Link::send(Kind kind, std::uint64_t call, std::uint64_t sequence, std::string_view body) {
  const auto packet = pack(kind, call, sequence, body);
  // Without the parent there is nothing left to do; nobody but the parent would hear why.
  if (!packet || isolation::send(socket_, *packet, Duration(-1)) != Io::ok) ::_exit(0);
}

HostResult Link::ask(const HostCall& request, std::string& storage) {
  HostResult result;
  RunningCall* call = RunningCall::current();
  if (!call) {
    result.rc = CCP_RC_PERMISSION_DENIED;
    return result;
  }
  const std::string body = encode(request);
  const auto packet = body.size() <= kHostOutBytes ? pack(Kind::host_call, call->id, call->sequence_ + 1, body) : fail(Errc::io_error);
  if (!packet) {
    result.rc = CCP_RC_RESOURCE_EXHAUSTED;
    return result;
  }
  {
    const Lock lock(mutex_);
    ++call->sequence_;
    call->asking_ = true;
  }
  if (isolation::send(socket_, *packet, Duration(-1)) != Io::ok) ::_exit(0);
  {
    Lock lock(mutex_);
    await(lock, *call);
    call->asking_ = call->answered_ = false;
    storage = std::move(call->answer_);
  }
  const auto decoded = decodeHostResult(storage);
  if (decoded) result = *decoded;
  return result;
}

void Link::tell(const HostCall& request) noexcept {
  try {
    const RunningCall* call = RunningCall::current();
    HostCall cut = request;
    for (auto& text : cut.texts) text = text.substr(0, kNoticeText);
    const std::string body = encode(cut);
    const auto packet = pack(Kind::notice, call ? call->id : 0, 0, body);
    if (packet) isolation::send(socket_, *packet, call ? Duration(milliseconds(100)) : Duration::zero());
  } catch (...) {
    // No memory for a log line: it is lost, as when nobody reads.
    return;
  }
}

// --- receiving ------------------------------------------------------------------------------------

RunningCall* Link::find(std::uint64_t call) {
  const auto at = std::find_if(running_.begin(), running_.end(), [call](const RunningCall* r) { return r->id == call; });
  return at == running_.end() ? nullptr : *at;
}

void Link::enter(RunningCall& call) {
  const Lock lock(mutex_);
  running_.push_back(&call);
}

void Link::leave(RunningCall& call) {
  const Lock lock(mutex_);
  std::erase(running_, &call);
  ++progress_;
}

void Link::read(Lock& lock) {
  reading_ = true;
  lock.unlock();
  batch_.clear();
  const Io io = receiver_.receive(batch_);
  // No destructors, no exit handlers: they are the plugin's code, and nobody waits for them.
  if (io != Io::ok) ::_exit(io == Io::closed ? 0 : 71);
  lock.lock();
  reading_ = false;
  ++progress_;
  for (Frame& frame : batch_) deliver(std::move(frame));
}

void Link::deliver(Frame frame) {
  RunningCall* call = nullptr;
  switch (frame.header.kind) {
    case Kind::call: pending_.push_back(std::move(frame)); break;
    case Kind::cancel:
      if ((call = find(frame.header.call))) call->cancelled = true;
      break;
    case Kind::host_result:
      call = find(frame.header.call);
      if (!call || call->sequence_ != frame.header.sequence) break;
      call->answer_ = std::move(frame.body);
      call->answered_ = true;
      call->came_.notify_one();
      break;
    default: ::_exit(71);
  }
}

void Link::await(Lock& lock, RunningCall& call) {
  while (!call.answered_) {
    if (reading_) {
      call.came_.wait(lock);
      continue;
    }
    read(lock);
    if (!pending_.empty()) wakeOne();  // this thread has a call already
  }
  if (reading_) return;
  // The seat is free: somebody who waits for an answer takes it.
  const auto other = std::find_if(running_.begin(), running_.end(), [](const RunningCall* r) { return r->asking_ && !r->answered_; });
  if (other != running_.end()) (*other)->came_.notify_one();
}

/// One more thread looks for work: an idle one, the watcher, or a new one.
void Link::wakeOne() {
  if (idle_ > 0) {
    work_.notify_one();
  } else if (watching_) {
    take_over_ = true;
    watch_.notify_one();
  } else if (arriving_ < static_cast<int>(pending_.size())) {
    grow();  // not one more for each look at a call whose thread is on its way: on a busy machine that takes long
  }
}

void Link::grow() {
  if (grow_()) ++arriving_;
}

void Link::arrived() {
  const Lock lock(mutex_);
  --arriving_;
}

/// Returns when calls run, nobody reads, and nothing has moved for a tick.
void Link::watch(Lock& lock) {
  watching_ = true;
  int quiet = 0;
  std::uint64_t seen = progress_;
  take_over_ = false;
  while (!take_over_) {
    const bool busy = !running_.empty() || !pending_.empty();
    quiet = busy ? 0 : quiet + 1;
    if (quiet > kQuietTicks) {
      asleep_ = true;
      watch_.wait(lock);
      asleep_ = false;
      quiet = 0;
    } else {
      watch_.wait_for(lock, kTick);
      if (!reading_ && (!running_.empty() || !pending_.empty()) && progress_ == seen) break;
    }
    seen = progress_;
  }
  watching_ = false;
  // It becomes one that reads and runs; another one watches. Calls that wait prove that those which run
  // are slow: each gets a thread.
  for (std::size_t i = 0; i < std::max<std::size_t>(pending_.size(), 1); ++i) {
    if (static_cast<int>(i) < idle_) work_.notify_one();
    else if (static_cast<int>(i) >= idle_ + arriving_) grow();
  }
}

Frame Link::nextCall() {
  Lock lock(mutex_);
  for (;;) {
    if (!pending_.empty()) {
      Frame frame = std::move(pending_.front());
      pending_.pop_front();
      ++progress_;
      if (asleep_) watch_.notify_one();
      if (!watching_ && idle_ == 0 && arriving_ == 0) grow();
      return frame;
    }
    if (!reading_) {
      read(lock);
    } else if (!watching_) {
      watch(lock);
    } else {
      ++idle_;
      work_.wait(lock);
      --idle_;
    }
  }
}

}  // namespace ccp::isolation
