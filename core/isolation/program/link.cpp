#include <unistd.h>

#include <utility>

#include "core/isolation/program/remote_host.hpp"

namespace ccp::isolation {
namespace {

thread_local RunningCall* t_current = nullptr;

}  // namespace

RunningCall::RunningCall(std::uint64_t the_id) : id(the_id), outer_(std::exchange(t_current, this)) {}
RunningCall::~RunningCall() { t_current = outer_; }
RunningCall* RunningCall::current() noexcept { return t_current; }

void Link::send(Kind kind, std::uint64_t call, std::uint64_t sequence, std::string_view body) {
  const auto packet = pack(kind, call, sequence, body);
  // Without the parent there is nothing left to do; nobody but the parent would hear why.
  if (!packet || isolation::send(socket_, *packet, Duration(-1)) != Io::ok) ::_exit(0);
}

void Link::enter(RunningCall& call) {
  const std::lock_guard lock(mutex_);
  running_.emplace(call.id, &call);
}

void Link::leave(RunningCall& call) {
  const std::lock_guard lock(mutex_);
  running_.erase(call.id);
}

HostResult Link::ask(const HostCall& request, std::string& storage) {
  HostResult result;
  RunningCall* call = RunningCall::current();
  if (!call) {
    result.rc = CCP_RC_PERMISSION_DENIED;
    return result;
  }
  const std::string body = encode(request);
  if (body.size() > kHostOutBytes) {
    result.rc = CCP_RC_RESOURCE_EXHAUSTED;
    return result;
  }
  std::uint64_t sequence = 0;
  {
    const std::lock_guard lock(mutex_);
    sequence = ++call->sequence_;
  }
  const auto packet = pack(Kind::host_call, call->id, sequence, body);
  if (!packet) {
    result.rc = CCP_RC_RESOURCE_EXHAUSTED;
    return result;
  }
  if (isolation::send(socket_, *packet, Duration(-1)) != Io::ok) ::_exit(0);
  {
    std::unique_lock lock(mutex_);
    call->came_.wait(lock, [&] { return call->answered_; });
    call->answered_ = false;
    storage = std::move(call->answer_);
  }
  const auto decoded = decodeHostResult(storage);
  if (decoded) result = *decoded;
  return result;
}

void Link::tell(const HostCall& request) noexcept {
  try {
    const RunningCall* call = RunningCall::current();
    const std::string body = encode(request);
    // A line beyond one packet is beyond every cap of the services that take notices.
    if (body.size() > kInlineBytes) return;
    const auto packet = pack(Kind::notice, call ? call->id : 0, 0, body);
    if (packet) isolation::send(socket_, *packet, call ? Duration(milliseconds(100)) : Duration::zero());
  } catch (...) {
    // No memory for a log line: it is lost, as when nobody reads.
    return;
  }
}

void Link::deliver(Frame frame) {
  const std::lock_guard lock(mutex_);
  const auto at = running_.find(frame.header.call);
  if (at == running_.end() || at->second->sequence_ != frame.header.sequence) return;
  at->second->answer_ = std::move(frame.body);
  at->second->answered_ = true;
  at->second->came_.notify_one();
}

void Link::cancel(std::uint64_t call) {
  const std::lock_guard lock(mutex_);
  if (const auto at = running_.find(call); at != running_.end()) at->second->cancelled = true;
}

}  // namespace ccp::isolation
