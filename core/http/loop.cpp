#include "core/http/loop.hpp"

#include <linux/sockios.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <Poco/Exception.h>
#include <Poco/Net/NetException.h>
#include <Poco/Net/SocketAddress.h>

#include <array>
#include <cerrno>

#include "core/base/log.hpp"
#include "core/http/loop_impl.hpp"

namespace ccp::http {
namespace {

using Poco::Net::StreamSocket;
using Steady = std::chrono::steady_clock;
using Time = Connection::Time;

constexpr std::size_t kReadChunk = 64 * 1024;
constexpr int kReadsAtOnce = 4;      // of one connection, before others get their turn
constexpr int kRequestsAtOnce = 32;  // pipelined, likewise
constexpr int kSendsAtOnce = 64;
constexpr int kAcceptsAtOnce = 64;
constexpr int kMostTurnedAway =
    256;  // that are told why, at once and per loop; more are just closed
constexpr int kMaxUnsent = 128 * 1024;  // bytes that a socket takes beyond what is on its way
constexpr auto kAcceptPause = std::chrono::milliseconds(100);

std::uint64_t ns(Time t) {
  return static_cast<std::uint64_t>(
      std::chrono::duration_cast<std::chrono::nanoseconds>(t.time_since_epoch()).count());
}

}  // namespace

Front::Front(ServerOptions o, Metrics& m)
    : options(std::move(o)),
      limits(options.limits()),
      metrics(m),
      pool({options.name, options.threads, static_cast<std::size_t>(options.max_queued),
            options.queue_patience},
           m),
      bodies(options.body_budget),
      answers(options.answer_budget),
      open(m.gauge("ccp_http_connections", "Open connections", {{"listener", options.name}})),
      parked_now(m.gauge("ccp_http_parked", "Requests that wait for news without a thread",
                         {{"listener", options.name}})) {}

bool Front::clearTextRefused(const std::string& peer) const {
  static const TrustedProxies itself = *TrustedProxies::parse({"127.0.0.0/8", "::1"});
  return options.clear_text_from_proxies_only && tls == nullptr && !itself.trusts(peer) &&
         !pipeline->trustedProxies().trusts(peer);
}

void Front::refused(const char* reason) {
  metrics
      .counter("ccp_http_refused_total", "Connections and requests turned away at a limit",
               {{"listener", options.name}, {"reason", reason}})
      .add();
}

Loop::Impl::Impl(std::shared_ptr<Front> f, int number)
    : front(std::move(f)),
      poller(::epoll_create1(EPOLL_CLOEXEC)),
      waker(::eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC)),
      wheel(Steady::now()),
      lag(front->metrics.gauge(
          "ccp_http_loop_lag_seconds",
          "Longest time in the last second in which the loop looked at no event",
          {{"listener", front->options.name}, {"loop", std::to_string(number)}})) {
  buffer.resize(kReadChunk);
}

Loop::Impl::~Impl() {
  sessions.clear();
  ::close(waker);
  ::close(poller);
}

void Loop::Impl::wake() const {
  const std::uint64_t one = 1;
  static_cast<void>(::write(waker, &one, sizeof one));
}

void Loop::Impl::post(Completion completion) {
  bool first = false;
  {
    const std::lock_guard lock(mailbox_mutex);
    if (ended) return;  // the loop is over, and its clients are gone
    first = mailbox.empty();
    mailbox.push_back(std::move(completion));
  }
  if (first) wake();
}

void Loop::Impl::watch(int fd, std::uint32_t events, std::uint64_t id, int operation) const {
  epoll_event event{};
  event.events = events;
  event.data.u64 = id;
  if (::epoll_ctl(poller, operation, fd, &event) != 0)
    log::error("http.epoll_failed", {{"listener", front->options.name}, {"errno", errno}});
}

void Loop::Impl::run() {
  watch(waker, EPOLLIN, kWaker, EPOLL_CTL_ADD);
  watch(listener.impl()->sockfd(), EPOLLIN, kListener, EPOLL_CTL_ADD);
  // Few at a time: mail and timers have their turn between the events of a thousand busy
  // connections.
  std::array<epoll_event, 64> events;
  Time measured = Steady::now();
  Steady::duration longest{};
  while (!front->stopping) {
    const int n = ::epoll_wait(poller, events.data(), static_cast<int>(events.size()), patience());
    now = Steady::now();
    ++turn_run;
    turn_since = ns(now);
    for (int i = 0; i < n; ++i) handle(events[static_cast<std::size_t>(i)]);
    takeMail();
    if (front->draining && !drained) drain();
    wheel.advance(now, [this](std::uint64_t id, std::uint64_t slot) { look(id, slot); });
    hearBells();
    resumeWoken();
    takeAgain();
    graveyard.clear();
    if (accept_again != Time::max() && now >= accept_again) {
      accept_again = Time::max();
      watch(listener.impl()->sockfd(), EPOLLIN, kListener, EPOLL_CTL_ADD);
    }
    turn_since = 0;
    const auto after = Steady::now();
    longest = std::max(longest, after - now);
    if (after - measured >= std::chrono::seconds(1)) {
      lag.set(std::chrono::duration<double>(longest).count());
      longest = {};
      measured = after;
    }
  }
  end();
}

int Loop::Impl::patience() const noexcept {
  if (!again.empty() || rung) return 0;
  if (!woken.empty()) return 5;
  if (!wheel.empty() || accept_again != Time::max()) return 50;
  return 1000;
}

void Loop::Impl::handle(const epoll_event& event) {
  if (event.data.u64 == kWaker) {
    std::uint64_t count = 0;
    static_cast<void>(::read(waker, &count, sizeof count));
    return;
  }
  if (event.data.u64 == kListener) return accept();
  const auto found = sessions.find(event.data.u64);
  if (found == sessions.end()) return;
  Session& session = *found->second;
  if ((event.events & EPOLLOUT) != 0) session.blocked = false;
  // Nobody is at the other end, and it would be said again at each turn.
  if ((event.events & (EPOLLHUP | EPOLLERR)) != 0 && !session.connection.wantsInput())
    return drop(session, false);
  if ((event.events & (EPOLLIN | EPOLLHUP | EPOLLERR)) != 0 && !read(session)) return;
  pump(session);
}

void Loop::Impl::accept() {
  for (int i = 0; i < kAcceptsAtOnce; ++i) {
    try {
      if (!listener.poll(Poco::Timespan(0), Poco::Net::Socket::SELECT_READ)) return;
      Poco::Net::SocketAddress from;
      StreamSocket socket(listener.acceptConnection(from));
      admit(std::move(socket), from.host().toString());
    } catch (const Poco::Exception& error) {
      // Out of descriptors: those that are open must end first.
      log::warn("http.accept_failed",
                {{"listener", front->options.name}, {"what", error.displayText()}});
      front->refused("accept_failed");
      ::epoll_ctl(poller, EPOLL_CTL_DEL, listener.impl()->sockfd(), nullptr);
      accept_again = now + kAcceptPause;
      return;
    }
  }
}

void Loop::Impl::admit(StreamSocket&& socket, std::string peer) {
  socket.setBlocking(false);
  const auto& options = front->options;
  std::string group;
  Error error{Errc::overloaded, {}, {}, 2};
  const char* reason = nullptr;
  if (front->connections >= options.max_connections) {
    error.detail = "more connections are open than this server keeps";
    reason = "connections";
  } else if (front->clearTextRefused(peer)) {
    error = Error{Errc::clear_text_refused, "this connection came from " + peer + " without TLS"};
    reason = "clear_text";
  } else if (!front->pipeline->trustedProxies().trusts(peer)) {
    group = addressGroup(peer);
    if (!front->addresses.enter(group, options.max_connections_per_address)) {
      group.clear();
      error.code = Errc::rate_limited;
      error.detail = "this address has " + std::to_string(options.max_connections_per_address) +
                     " connections open";
      reason = "connections_of_address";
    }
  }
  if (reason != nullptr) {
    front->refused(reason);
    // A handshake to say no in would cost more than the answer.
    if (turned_away >= kMostTurnedAway || front->tls != nullptr) return;
  }
  const auto id = ++last_id;
  auto made = std::make_unique<Session>(*this, id, std::move(socket), std::move(peer), now);
  Session& session = *made;
  session.group = std::move(group);
  sessions.emplace(id, std::move(made));
  if (reason != nullptr) {
    session.turned_away = true;
    ++turned_away;
    session.connection.turnAway(error, now);
  } else {
    ++front->connections;
    front->open.add(1);
    if (front->draining) session.connection.drain(now);
  }
  session.interest = EPOLLIN;
  watch(session.fd, session.interest, id, EPOLL_CTL_ADD);
  // What the client sent with its handshake is often there already.
  if (reason == nullptr && !read(session)) return;
  pump(session);
}

bool Loop::Impl::read(Session& session) {
  Channel& connection = session.connection;
  for (int i = 0; i < kReadsAtOnce && connection.wantsInput(); ++i) {
    // Not by Poco, whose sockets throw when they would block.
    const auto n = ::recv(session.fd, buffer.data(), buffer.size(), 0);
    if (n < 0) {
      if (errno == EINTR) continue;
      if (errno == EAGAIN) break;
      drop(session, false);
      return false;
    }
    if (n == 0) {
      connection.receiveEnd();
      break;
    }
    connection.receive(std::string_view(buffer.data(), static_cast<std::size_t>(n)), now);
    if (static_cast<std::size_t>(n) < buffer.size()) break;
  }
  return true;
}

bool Loop::Impl::flush(Session& session) {
  Channel& connection = session.connection;
  // A bounded part: refusals of requests that were sent ahead are made as fast as they are sent.
  for (int sends = 0; sends < kSendsAtOnce && !session.blocked; ++sends) {
    const auto output = connection.output();
    if (output.empty()) break;
    const auto n = ::send(session.fd, output.data(), output.size(), MSG_NOSIGNAL);
    if (n >= 0) {
      connection.wrote(static_cast<std::size_t>(n), now);
    } else if (errno == EAGAIN) {
      session.blocked = true;
    } else if (errno != EINTR) {
      drop(session, false);
      return false;
    }
  }
  return true;
}

void Loop::Impl::comeBackTo(Session& session) {
  if (!session.again) again.push_back(session.id);
  session.again = true;
}

void Loop::Impl::pump(Session& session) {
  Channel& connection = session.connection;
  if (session.parked && connection.clientLeft()) unpark(session);  // it may have half-closed
  for (int i = 0;; ++i) {
    if (connection.hasRequest()) {
      if (i >= kRequestsAtOnce) {
        comeBackTo(session);
        break;
      }
      dispatch(session);
    }
    if (connection.output().empty() || session.blocked) {
      if (!connection.hasRequest()) break;
      continue;
    }
    if (!flush(session)) return;
    if (!session.blocked && !connection.output().empty()) {
      comeBackTo(session);
      break;
    }
    if (!connection.hasRequest()) break;
  }
  settle(session);
}

void Loop::Impl::settle(Session& session) {
  Channel& connection = session.connection;
  if (connection.takeShutdown()) {
    try {
      session.socket.shutdownSend();
    } catch (const Poco::Exception&) {
      return drop(session, false);
    }
  }
  if (connection.finished()) return drop(session, connection.abandoned());
  if (session.blocked && connection.pending() > 0) {
    session.unread.release();
    if (!session.unread.grow(front->answers, connection.pending())) {
      front->refused("unread_answers");
      return drop(session, true);
    }
  } else {
    session.unread.release();
  }
  if (session.engaged != connection.engaged()) {
    session.engaged = connection.engaged();
    front->engaged += session.engaged ? 1 : -1;
  }
  Time due = connection.deadline();
  if (session.parked) due = std::min(due, session.parked->until);
  wheel.schedule(session.id, due, session.scheduled);
  const std::uint32_t interest =
      (connection.wantsInput() ? static_cast<std::uint32_t>(EPOLLIN) : 0U) |
      (session.blocked ? static_cast<std::uint32_t>(EPOLLOUT) : 0U);
  if (interest != session.interest) {
    session.interest = interest;
    watch(session.fd, interest, session.id, EPOLL_CTL_MOD);
  }
}

void Loop::Impl::drop(Session& session, bool reset) {
  if (session.dead) return;
  session.dead = true;
  const auto found = sessions.find(session.id);
  ::epoll_ctl(poller, EPOLL_CTL_DEL, session.fd, nullptr);
  if (!reset && !session.blocked) {
    if (const auto farewell = session.connection.farewell(); !farewell.empty())
      static_cast<void>(::send(session.fd, farewell.data(), farewell.size(), MSG_NOSIGNAL));
  }
  try {
    if (reset) session.socket.setLinger(true, 0);
    session.socket.close();
  } catch (const Poco::Exception&) {  // it is gone, which is what is wanted
  }
  if (session.parked) {
    front->pipeline->settle(session.parked->ticket, Response::empty(499));
    forget(session);
  }
  if (session.awaited) front->pipeline->settle(session.awaited->ticket, Response::empty(499));
  if (!session.group.empty()) front->addresses.leave(session.group);
  if (session.turned_away) {
    --turned_away;
  } else {
    --front->connections;
    front->open.add(-1);
  }
  if (session.engaged) --front->engaged;
  graveyard.push_back(std::move(found->second));  // callers up the stack may still look at it
  sessions.erase(found);
}

void Loop::Impl::look(std::uint64_t id, std::uint64_t slot) {
  const auto found = sessions.find(id);
  if (found == sessions.end() || found->second->scheduled != slot) return;
  Session& session = *found->second;
  session.scheduled = 0;
  if (session.parked && now >= session.parked->until) unpark(session);
  if (now >= session.connection.deadline()) {
    int unsent = 0;
    if (session.connection.pending() > 0) ::ioctl(session.fd, SIOCOUTQ, &unsent);
    session.connection.expire(now, static_cast<std::size_t>(std::max(unsent, 0)));
  }
  pump(session);
}

void Loop::Impl::takeAgain() {
  std::vector<std::uint64_t> ids;
  ids.swap(again);
  for (const auto id : ids) {
    const auto found = sessions.find(id);
    if (found == sessions.end()) continue;
    found->second->again = false;
    pump(*found->second);
  }
}

std::vector<std::uint64_t> Loop::Impl::everyone() const {
  std::vector<std::uint64_t> ids;
  ids.reserve(sessions.size());
  for (const auto& [id, session] : sessions) ids.push_back(id);
  return ids;
}

void Loop::Impl::drain() {
  drained = true;
  for (const auto id : everyone()) {
    const auto found = sessions.find(id);
    if (found == sessions.end()) continue;
    Session& session = *found->second;
    session.connection.drain(now);
    if (session.parked) unpark(session);
    pump(session);
  }
  ++front->drained;
}

void Loop::Impl::end() {
  for (const auto id : everyone()) {
    const auto found = sessions.find(id);
    if (found != sessions.end()) drop(*found->second, false);
  }
  graveyard.clear();
  bells.clear();
  listener.close();
  const std::lock_guard lock(mailbox_mutex);
  ended = true;
  mailbox.clear();
}

Loop::Loop(std::shared_ptr<Front> front, int index)
    : impl_(std::make_shared<Impl>(std::move(front), index)) {}

Loop::~Loop() = default;

Result<std::string> Loop::bind(const std::string& address, bool first) {
  try {
    const Poco::Net::SocketAddress wanted(address);
    // The first takes the address for itself, so that two servers never share a port by accident,
    // and only then opens it to its fellows.
    impl_->listener.bind(wanted, true, !first);
    if (first) impl_->listener.setReusePort(true);
    return impl_->listener.address().toString();
  } catch (const Poco::Exception& error) {
    return fail(Errc::io_error, "cannot listen on " + address + ": " + error.displayText());
  }
}

Status Loop::listen() {
  try {
    impl_->listener.listen(4096);
    impl_->listener.setBlocking(false);
    // Connections inherit these. Without the second the system would take megabytes of an answer
    // off our books for every client that does not read.
    const int fd = impl_->listener.impl()->sockfd();
    const int yes = 1;
    const int unsent = kMaxUnsent;
    ::setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
    ::setsockopt(fd, IPPROTO_TCP, TCP_NOTSENT_LOWAT, &unsent, sizeof unsent);
    return {};
  } catch (const Poco::Exception& error) {
    return fail(Errc::io_error, "cannot listen: " + error.displayText());
  }
}

void Loop::run() {
  impl_->run();
}

void Loop::wake() {
  impl_->wake();
}

Loop::Running Loop::running() const noexcept {
  const Impl& loop = *impl_;
  if (const Route* route = loop.handler_route)
    return {route, loop.handler_since, 2 * loop.handler_run + 1};
  return {nullptr, loop.turn_since, 2 * loop.turn_run};
}

}  // namespace ccp::http
