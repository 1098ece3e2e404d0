#include "core/isolation/child.hpp"

#include <fcntl.h>
#include <poll.h>
#include <sodium.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <ctime>
#include <utility>

#include "core/isolation/facts.hpp"
#include "core/isolation/serve_host.hpp"

namespace ccp::isolation {
namespace {

/// How long anybody waits before it looks at the clock and at is_cancelled again.
constexpr milliseconds kSlice{20};
constexpr std::size_t kBatch = 16;
/// A call has one thread, so it has one host call at a time; notices have no such bound.
constexpr int kNoticesPerCall = 10'000;
constexpr std::size_t kNoticeBytes = 16 * 1024;
constexpr std::size_t kMailBytes = std::size_t{4} << 20;
constexpr std::size_t kOrphans = 256;
constexpr int kOrphansPerSecond = 200;
/// Threads and code beside the data: address space costs nothing, but has to end somewhere.
constexpr std::uint64_t kBaseMemory = std::uint64_t{1} << 30;
constexpr std::uint64_t kThreadMemory = std::uint64_t{16} << 20;

std::int64_t machineNs(clockid_t id) noexcept {
  timespec t{};
  ::clock_gettime(id, &t);
  return static_cast<std::int64_t>(t.tv_sec) * 1'000'000'000 + t.tv_nsec;
}

/// Two readings of the same clock differ a little; that is no offset.
std::int64_t unlessNoise(std::int64_t offset, std::int64_t noise) noexcept { return std::abs(offset) < noise ? 0 : offset; }

std::string_view viewOf(ccp_str s) noexcept { return s.ptr ? std::string_view(s.ptr, s.len) : std::string_view(); }

}  // namespace

struct Child::Waiter {
  const Request& request;
  const std::uint64_t id;
  const Instant kill_at;
  std::condition_variable wake;
  std::vector<Frame> mail;  ///< few at a time
  std::size_t mail_bytes = 0;
  std::uint64_t host_calls = 0;
  int notices = 0;
  bool asking = false;    ///< a host call is being served
  bool answered = false;  ///< its result has come
  bool cancelled = false, cancel_sent = false;
};

// --- start ----------------------------------------------------------------------------------------

Child::Child(std::unique_ptr<Process> process, Fd socket, Fd output, const ccp_host* host, std::size_t max_body)
    : process_(std::move(process)),
      socket_(std::move(socket)),
      output_(std::move(output)),
      host_(host),
      clock_(static_cast<const ccp_clock_v1*>(host->service(host, CCP_CLOCK_ID))),
      receiver_(socket_.get(), kBatch, max_body) {
  setReceiveSlice(socket_.get(), kSlice);
}

Result<std::unique_ptr<Child>> Child::launch(const SpawnOptions& options, const ccp_host* host) {
  const plugin::Manifest& m = *options.manifest;
  CCP_TRY(auto ends, socketPair());
  Fd output, output_end;
  if (options.capture_output) {
    int fds[2];
    if (::pipe2(fds, O_CLOEXEC) != 0) return fail(Errc::io_error, std::string("pipe2: ") + std::strerror(errno));
    output.reset(fds[0]);
    output_end.reset(fds[1]);
    ::fcntl(output.get(), F_SETFL, O_NONBLOCK);
  }
  CCP_TRY(auto process, Process::launch(options.program, {}, {ends.second.get(), options.library_fd, output_end.get()}));
  const std::size_t max_body = std::max(m.output_bytes + kErrBytes, kHostOutBytes) + 4096;
  std::unique_ptr<Child> child(new Child(std::move(process), std::move(ends.first), std::move(output), host, max_body));
  Hello hello;
  hello.instance = options.instance;
  hello.host_name = host->name;
  hello.host_version = host->version;
  if (CCP_HAS(host, mode)) hello.mode = host->mode;
  hello.host_bytes = host->size;
  hello.abi_major = host->abi_major;
  hello.abi_minor = host->abi_minor;
  hello.services = servicesOf(host);
  hello.plugin_id = m.id;
  hello.plugin_version = m.version;
  hello.provides = m.provides;
  hello.max_concurrency = static_cast<std::uint32_t>(m.max_concurrency);
  hello.output_bytes = m.output_bytes;
  hello.memory_bytes = kBaseMemory + 4 * m.rss_bytes + kThreadMemory * static_cast<std::uint64_t>(m.max_concurrency + 2);
  const std::string body = encode(hello);
  CCP_TRY(const Packet packet, pack(Kind::hello, 0, 0, body));
  if (send(child->socket_.get(), packet, seconds(1)) != Io::ok) return fail(Errc::io_error, options.program + " did not take the hello");
  return child;
}

Status Child::greet(const plugin::Manifest& manifest, Duration patience) {
  const std::string who = "Plugin " + manifest.id + " " + manifest.version + ": ";
  const Instant end = std::chrono::steady_clock::now() + patience;
  std::vector<Frame> frames;
  Io io = Io::again;
  while (io == Io::again && std::chrono::steady_clock::now() < end) io = receiver_.receive(frames, 1);  // a refusal is followed by its end
  if (io == Io::again) {
    kill("its library was not loaded in time");
    finish({});
    return fail(Errc::plugin_refused, who + "its library was not loaded within " + formatDuration(patience) + " in its process.");
  }
  const auto welcome = io == Io::ok && frames.size() == 1 && frames[0].header.kind == Kind::welcome
                           ? decodeWelcome(frames[0].body)
                           : fail(Errc::bad_encoding, io == Io::broken ? receiver_.why() : "no welcome came");
  if (!welcome) {
    finish(io == Io::closed ? std::string() : welcome.error().detail);
    return fail(Errc::plugin_refused, who + "its process ended while the library was loaded: " + reason() +
                                          ". Try the library with `ccp plugin check`, and ask its vendor.");
  }
  if (!welcome->refusal.empty()) {
    finish({});
    return fail(Errc::plugin_refused, who + welcome->refusal.substr(0, 2000) + ".");
  }
  if (Status checked = checkFacts(welcome->facts, manifest); !checked) {
    kill("its descriptor is not what its manifest says");
    finish({});
    return checked;
  }
  welcome_ = *welcome;
  return {};
}

Result<std::unique_ptr<Child>> Child::spawn(const SpawnOptions& options, const ccp_host* host, Duration patience) {
  CCP_TRY(auto child, launch(options, host));
  CCP_CHECK_OK(child->greet(*options.manifest, patience));
  return child;
}

// --- end ------------------------------------------------------------------------------------------

Child::~Child() { process_->kill(); }

bool Child::alive() const {
  const std::lock_guard lock(mutex_);
  return !dead_;
}

std::string Child::reason() const {
  const std::lock_guard lock(mutex_);
  return reason_;
}

bool Child::brokeProtocol() const {
  const std::lock_guard lock(mutex_);
  return dead_ && !violation_.empty();
}

void Child::kill(const std::string& why) {
  {
    const std::lock_guard lock(mutex_);
    if (killed_because_.empty()) killed_because_ = why;
  }
  process_->kill();
}

void Child::finish(const std::string& violation) {
  if (!violation.empty()) {
    {
      // Before the kill: the supervisor may see the end of the process before this thread goes on.
      const std::lock_guard lock(mutex_);
      if (violation_.empty()) violation_ = violation;
    }
    process_->kill();
  }
  // A process that closed its socket and lives on is not one that we can use.
  auto ended = process_->wait(milliseconds(500));
  if (!ended) {
    process_->kill();
    ended = process_->wait(seconds(5));
  }
  const std::lock_guard lock(mutex_);
  if (dead_) return;
  dead_ = true;
  reason_ = !violation_.empty()       ? "it broke the protocol: " + violation_ :
            !killed_because_.empty() ? killed_because_ :
            ended                    ? ended->text() :
                                       "it cannot be killed";
  for (Waiter* waiter : waiters_) waiter->wake.notify_one();
}

std::string Child::retire(Duration patience) {
  ::shutdown(socket_.get(), SHUT_RDWR);
  const auto ended = process_->wait(patience);
  finish({});
  return ended ? ended->text() : reason();
}

CallEnd Child::lost() const {
  CallEnd end;
  end.reason = reason();
  return end;
}

CallEnd Child::overran(const Waiter& waiter) {
  kill("a call to " + std::string(waiter.request.name) + " overran its deadline, so the process was killed");
  finish({});
  CallEnd end;
  end.kind = CallEnd::Kind::overran;
  end.reason = reason();
  return end;
}

// --- calls ----------------------------------------------------------------------------------------

std::string Child::encodeRequest(const Request& request) const {
  const ccp_call& c = *request.call;
  Call call;
  call.kind = request.kind;
  call.interface_id = request.interface_id;
  call.name = request.name;
  call.input = request.input;
  call.out_bytes = request.out_bytes;
  call.request_id = viewOf(c.request_id);
  call.tenant = viewOf(c.tenant);
  call.idempotency_key = viewOf(c.idempotency_key);
  call.deadline_mono_ns = c.deadline_mono_ns;
  if (clock_) {
    call.mono_offset_ns = unlessNoise(static_cast<std::int64_t>(clock_->mono_ns(clock_)) - machineNs(CLOCK_MONOTONIC), 1'000'000);
    call.wall_offset_us = unlessNoise(clock_->wall_us(clock_) - machineNs(CLOCK_REALTIME) / 1000, 1000);
  }
  return encode(call);
}

CallEnd Child::run(const Request& request) {
  Waiter waiter{request, next_id_.fetch_add(1), std::chrono::steady_clock::now() + request.patience + request.grace, {}, {}};
  const std::string body = encodeRequest(request);
  const auto packet = pack(Kind::call, waiter.id, 0, body);
  if (!packet) {
    CallEnd end;
    end.kind = CallEnd::Kind::answered;
    end.rc = CCP_RC_RESOURCE_EXHAUSTED;
    return end;
  }
  {
    const std::lock_guard lock(mutex_);
    if (!dead_) waiters_.push_back(&waiter);
  }
  CallEnd end;
  if (!alive()) {
    end = lost();
  } else if (sendOrDrain(waiter, *packet)) {
    end = await(waiter);
  } else {
    end = std::chrono::steady_clock::now() >= waiter.kill_at ? overran(waiter) : lost();
  }
  const std::lock_guard lock(mutex_);
  std::erase(waiters_, &waiter);
  return end;
}

void Child::cancel() {
  const std::lock_guard lock(mutex_);
  for (Waiter* waiter : waiters_) {
    waiter->cancelled = true;
    waiter->wake.notify_one();
  }
}

CallEnd Child::await(Waiter& waiter) {
  CallEnd end;
  std::unique_lock lock(mutex_);
  for (;;) {
    if (!waiter.mail.empty()) {
      const Frame frame = std::move(waiter.mail.front());
      waiter.mail.erase(waiter.mail.begin());
      waiter.mail_bytes -= frame.body.size();
      lock.unlock();
      if (handle(waiter, frame, end)) return end;
      lock.lock();
      continue;
    }
    if (dead_) {
      lock.unlock();
      return lost();
    }
    if (std::chrono::steady_clock::now() >= waiter.kill_at) {
      lock.unlock();
      return overran(waiter);
    }
    if (!leading_) {
      lead(lock);
      if (!waiter.mail.empty() || dead_) passLead(&waiter);
    } else {
      waiter.wake.wait_for(lock, kSlice);
    }
    const ccp_call* call = waiter.request.call;
    const bool unwanted = waiter.cancelled || (CCP_HAS(call, is_cancelled) && call->is_cancelled(call) != 0);
    if (unwanted && !waiter.cancel_sent && waiter.mail.empty() && !dead_) {
      lock.unlock();
      tellCancelled(waiter);
      lock.lock();
    }
  }
}

void Child::tellCancelled(Waiter& waiter) {
  waiter.cancel_sent = true;
  // One attempt: a child that does not read meets its deadline instead.
  if (const auto packet = pack(Kind::cancel, waiter.id, 0, {})) trySend(socket_.get(), *packet);
}

bool Child::handle(Waiter& waiter, const Frame& frame, CallEnd& end) {
  if (frame.header.kind == Kind::result) {
    answered(waiter, frame.body, end);
    return true;
  }
  serve(waiter, frame);
  return false;
}

void Child::answered(Waiter& waiter, std::string_view body, CallEnd& end) {
  const auto result = decodeCallResult(body);
  if (!result || result->out.size() > waiter.request.out_bytes) {
    finish(result ? "its output is larger than its cap" : result.error().detail);
    end = lost();
    return;
  }
  const ccp_call& call = *waiter.request.call;
  end.kind = CallEnd::Kind::answered;
  end.rc = result->rc;
  if (result->rc == CCP_RC_OK) {
    if (!result->out.empty()) end.rc = call.out->write(call.out, result->out.data(), result->out.size());
  } else if (!result->err.empty()) {
    call.err->write(call.err, result->err.data(), result->err.size());
  }
}

void Child::serve(Waiter& waiter, const Frame& frame) {
  const auto wanted = decodeHostCall(frame.body);
  const bool notice = frame.header.kind == Kind::notice;
  if (!wanted || (notice && wanted->method != Method::log_write && wanted->method != Method::metrics_record)) {
    return finish(wanted ? "it asks for a service and does not wait for it" : wanted.error().detail);
  }
  std::string body;
  const auto work = [&] { body = serveHost(host_, waiter.request.call, *wanted); };
  if (waiter.request.around) waiter.request.around(work);
  else work();
  if (notice) return;
  {
    const std::lock_guard lock(mutex_);
    waiter.asking = false;
  }
  if (const auto packet = pack(Kind::host_result, waiter.id, frame.header.sequence, body)) {
    sendOrDrain(waiter, *packet);
  } else {
    finish("the result of a host call cannot be sent");  // no memory for a memfd: not its fault, but its end
  }
  ::sodium_memzero(body.data(), body.size());  // it may hold a secret
}

bool Child::sendOrDrain(Waiter& waiter, const Packet& packet) {
  for (;;) {
    const Io sent = trySend(socket_.get(), packet);
    if (sent == Io::ok) return true;
    if (sent != Io::again) {
      finish({});
      return false;
    }
    // Its socket is full. It may be waiting for us to read ours.
    std::unique_lock lock(mutex_);
    if (dead_) return false;
    if (std::chrono::steady_clock::now() >= waiter.kill_at) return false;
    const bool read = !std::exchange(leading_, true);
    lock.unlock();
    pollfd p{socket_.get(), static_cast<short>(read ? POLLIN | POLLOUT : POLLOUT), 0};
    const int ready = ::poll(&p, 1, static_cast<int>(kSlice.count()));
    if (!read) continue;
    lock.lock();
    leading_ = false;
    if (ready > 0 && (p.revents & ~POLLOUT) != 0) lead(lock);
    passLead(&waiter);
  }
}

// --- leader ---------------------------------------------------------------------------------------

void Child::lead(std::unique_lock<std::mutex>& lock) {
  leading_ = true;
  const std::size_t most = std::min(waiters_.size(), kBatch);  // a lone caller looks for no second frame
  lock.unlock();
  batch_.clear();
  const Io io = receiver_.receive(batch_, most);
  std::string violation = io == Io::broken ? receiver_.why() : std::string();
  lock.lock();
  for (Frame& frame : batch_) {
    if (std::string why = dispatch(frame); !why.empty() && violation.empty()) violation = std::move(why);
  }
  if (!orphans_.empty()) {
    lock.unlock();
    serveOrphans();
    lock.lock();
  }
  leading_ = false;
  if (io == Io::closed || !violation.empty()) {
    lock.unlock();
    finish(violation);
    lock.lock();
  }
}

void Child::passLead(const Waiter* from) {
  for (Waiter* waiter : waiters_) {
    if (waiter == from || !waiter->mail.empty() || waiter->asking) continue;
    waiter->wake.notify_one();
    return;
  }
}

Child::Waiter* Child::find(std::uint64_t id) {
  const auto at = std::find_if(waiters_.begin(), waiters_.end(), [id](const Waiter* w) { return w->id == id; });
  return at == waiters_.end() ? nullptr : *at;
}

/// What is wrong with the frame; empty when it lies in a mailbox.
std::string Child::dispatch(Frame& frame) {
  const Kind kind = frame.header.kind;
  if (kind != Kind::result && kind != Kind::host_call && kind != Kind::notice) return "it sent a frame that only ccpd sends";
  if (kind == Kind::notice && frame.body.size() > kNoticeBytes) return "it sent a notice of " + std::to_string(frame.body.size()) + " bytes";
  Waiter* waiter = find(frame.header.call);
  if (waiter && !waiter->answered) return mailed(*waiter, frame);
  if (kind != Kind::notice) return "it answered a call that does not run";
  if (orphans_.size() < kOrphans) orphans_.push_back(std::move(frame));
  return {};
}

std::string Child::mailed(Waiter& waiter, Frame& frame) {
  switch (frame.header.kind) {
    case Kind::result: waiter.answered = true; break;
    case Kind::host_call:
      if (waiter.asking || frame.header.sequence != waiter.host_calls + 1) return "it sent a host call beside another one of the same call";
      waiter.asking = true;
      waiter.host_calls = frame.header.sequence;
      break;
    default:
      if (++waiter.notices > kNoticesPerCall) return "it sent more than " + std::to_string(kNoticesPerCall) + " notices in one call";
      break;
  }
  waiter.mail_bytes += frame.body.size();
  if (frame.header.kind == Kind::notice && waiter.mail_bytes > kMailBytes) return "it sends notices faster than anybody can take them";
  waiter.mail.push_back(std::move(frame));
  waiter.wake.notify_one();
  return {};
}

/// Log lines and measurements of threads that run no call: they belong to no request.
void Child::serveOrphans() {
  std::deque<Frame> frames;
  {
    const std::lock_guard lock(mutex_);
    frames.swap(orphans_);
  }
  const auto now = std::chrono::steady_clock::now();
  if (now - orphan_second_ > seconds(1)) {
    orphan_second_ = now;
    orphans_served_ = 0;
  }
  for (const Frame& frame : frames) {
    if (++orphans_served_ > kOrphansPerSecond) return;
    const auto wanted = decodeHostCall(frame.body);
    if (wanted && (wanted->method == Method::log_write || wanted->method == Method::metrics_record)) serveHost(host_, nullptr, *wanted);
  }
}

}  // namespace ccp::isolation
