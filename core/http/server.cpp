#include "core/http/server.hpp"

#include <sys/socket.h>

#include <Poco/Exception.h>
#include <Poco/Net/NetException.h>
#include <Poco/Net/ServerSocket.h>
#include <Poco/Net/SocketAddress.h>
#include <Poco/Net/StreamSocket.h>
#include <Poco/Timespan.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <condition_variable>
#include <deque>
#include <list>
#include <mutex>
#include <thread>
#include <unordered_set>

#include "core/base/log.hpp"
#include "core/http/chunked.hpp"
#include "core/http/wire.hpp"

namespace ccp::http {
namespace {

using Poco::Net::Socket;
using Poco::Net::StreamSocket;
using Steady = std::chrono::steady_clock;

constexpr auto kLinger = std::chrono::milliseconds(1000);
constexpr std::size_t kMaxLingering = 1024;
constexpr std::size_t kLingerBytes = 256 * 1024;

Poco::Timespan span(Steady::duration d) {
  return Poco::Timespan(std::max<Poco::Timespan::TimeDiff>(
      0, std::chrono::duration_cast<std::chrono::microseconds>(d).count()));
}

/// Bytes of one connection with total deadlines: poll, then read what is there.
class Wire {
 public:
  enum class Got { data, timeout, closed };
  explicit Wire(StreamSocket& socket) : socket_(socket) {}

  /// Waits for bytes until `until`; appends them to the buffer.
  Got receive(Steady::time_point until) {
    try {
      if (!socket_.poll(span(until - Steady::now()), Socket::SELECT_READ)) return Got::timeout;
      std::array<char, 16384> chunk;
      const int n = socket_.receiveBytes(chunk.data(), static_cast<int>(chunk.size()));
      if (n == 0) return Got::closed;
      if (n < 0) return Steady::now() < until ? receiveAgain() : Got::timeout;
      buffer_.append(chunk.data(), static_cast<std::size_t>(n));
      return Got::data;
    } catch (const Poco::Exception&) {
      return Got::closed;
    }
  }

  bool send(std::string_view bytes, Steady::time_point until) {
    try {
      while (!bytes.empty()) {
        const int n = socket_.sendBytes(
            bytes.data(), static_cast<int>(std::min<std::size_t>(bytes.size(), 1 << 20)),
            MSG_NOSIGNAL);
        if (n > 0) {
          bytes.remove_prefix(static_cast<std::size_t>(n));
          continue;
        }
        if (Steady::now() >= until ||
            !socket_.poll(span(until - Steady::now()), Socket::SELECT_WRITE))
          return false;
      }
      return true;
    } catch (const Poco::Exception&) {
      return false;
    }
  }

  std::string& buffer() noexcept { return buffer_; }
  /// Set when the answer is out while the client may still be sending.
  bool lingers = false;

 private:
  Got receiveAgain() const noexcept { return Got::data; }  // a spurious wake-up: nothing was added
  StreamSocket& socket_;
  std::string buffer_;
};

/// The body of one request, read from the wire on demand.
class WireBody final : public BodySource {
 public:
  WireBody(Wire& wire, const Head& head, Duration timeout)
      : wire_(wire),
        framing_(head.framing),
        left_(head.content_length),
        expects_continue_(head.expects_continue),
        timeout_(timeout) {
    consumed_ = framing_ == Framing::none || (framing_ == Framing::length && left_ == 0);
  }

  Result<std::string> read(std::size_t max_bytes) override {
    if (framing_ == Framing::none) return std::string();
    if (framing_ == Framing::length && left_ > max_bytes)
      return fail(Errc::body_too_large, "the limit is " + std::to_string(max_bytes) + " bytes");
    const auto until = Steady::now() + timeout_;
    if (expects_continue_ && wire_.buffer().empty() && !consumed_)
      wire_.send("HTTP/1.1 100 Continue\r\n\r\n", until);
    return framing_ == Framing::length ? readLength(until) : readChunked(max_bytes, until);
  }

  /// False: bytes of this body may still come, so the connection cannot carry another request.
  bool consumed() const noexcept { return consumed_; }

 private:
  Status more(Steady::time_point until) {
    switch (Steady::now() < until ? wire_.receive(until) : Wire::Got::timeout) {
      case Wire::Got::data:
        return {};
      case Wire::Got::timeout:
        return fail(Errc::deadline_exceeded, "the body did not arrive in time");
      case Wire::Got::closed:
        break;
    }
    return fail(Errc::cancelled, "the connection closed before the body was complete");
  }

  Result<std::string> readLength(Steady::time_point until) {
    while (wire_.buffer().size() < left_) CCP_CHECK_OK(more(until));
    std::string body = wire_.buffer().substr(0, left_);
    wire_.buffer().erase(0, left_);
    consumed_ = true;
    return body;
  }

  Result<std::string> readChunked(std::size_t max_bytes, Steady::time_point until) {
    ChunkedDecoder decoder(max_bytes);
    for (;;) {
      std::string_view input = wire_.buffer();
      auto fed = decoder.feed(input);
      wire_.buffer().erase(0, wire_.buffer().size() - input.size());
      CCP_CHECK_OK(std::move(fed));
      if (decoder.done()) break;
      CCP_CHECK_OK(more(until));
    }
    consumed_ = true;
    return decoder.takeBody();
  }

  Wire& wire_;
  Framing framing_;
  std::uint64_t left_;
  bool expects_continue_;
  bool consumed_;
  Duration timeout_;
};

}  // namespace

// A socket has one owner at a time and is handed from thread to thread whole: Poco's sockets share
// their state by reference counts inside a library that race detectors cannot see into.
using SocketPtr = std::unique_ptr<StreamSocket>;

struct HttpServer::Impl : std::enable_shared_from_this<HttpServer::Impl> {
  Impl(ServerOptions o, Metrics& m)
      : options(std::move(o)),
        open(m.gauge("ccp_http_connections", "Open connections", {{"listener", options.name}})),
        refused(m.counter("ccp_http_refused_connections_total",
                          "Connections answered 503 because no thread was free",
                          {{"listener", options.name}})) {}

  struct Lingering {
    SocketPtr socket;
    Steady::time_point until;
    std::size_t drained = 0;
  };

  // --- accepting ---------------------------------------------------------------------------------

  void acceptLoop() {
    while (!stopping) {
      try {
        if (listener.poll(lingeringAny() ? Poco::Timespan(0, 20'000) : Poco::Timespan(0, 100'000),
                          Socket::SELECT_READ)) {
          // Two statements: the temporary socket must be gone before another thread has this one.
          auto socket = std::make_unique<StreamSocket>(listener.acceptConnection());
          admit(std::move(socket));
        }
      } catch (const Poco::Exception& error) {
        if (stopping) break;
        // Out of descriptors: those that are open must end first.
        log::warn("http.accept_failed",
                  {{"listener", options.name}, {"what", error.displayText()}});
        std::this_thread::sleep_for(std::chrono::milliseconds(50));
      }
      drainLingering();
    }
  }

  void admit(SocketPtr socket) {
    socket->setNoDelay(true);
    socket->setBlocking(false);
    std::unique_lock lock(mutex);
    if (static_cast<int>(active.size() + waiting.size()) >= options.threads + options.max_waiting) {
      lock.unlock();
      refuse(std::move(socket));
      return;
    }
    waiting.push_back(std::move(socket));
    if (idle_threads >= waiting.size()) {
      wake.notify_one();
    } else if (static_cast<int>(threads.size()) < options.threads) {
      threads.emplace_back([self = shared_from_this()] { self->workerLoop(); });
      ++running;
    }
  }

  void refuse(SocketPtr socket) {
    refused.add();
    Error error{Errc::overloaded, "more connections wait than this server will queue", {}, 2};
    const Response response = pipeline->reject(error, "-");
    Wire wire(*socket);
    wire.send(serializeResponse(response, false, false),
              Steady::now());  // what fits into the socket now
    shutdownQuietly(*socket);
    linger(std::move(socket));
  }

  /// Ends a connection on which the client may still be sending: closing at once would reset it and
  /// take the answer away. The accept thread reads on for a moment and then closes.
  void linger(SocketPtr socket) {
    const std::lock_guard lock(linger_mutex);
    if (lingering.size() < kMaxLingering)
      lingering.push_back(Lingering{std::move(socket), Steady::now() + kLinger});
  }

  bool lingeringAny() {
    const std::lock_guard lock(linger_mutex);
    return !lingering.empty();
  }

  void drainLingering() {
    const std::lock_guard lock(linger_mutex);
    const auto now = Steady::now();
    std::erase_if(lingering, [&](Lingering& item) {
      std::array<char, 16384> chunk;
      try {
        for (;;) {
          const int n = item.socket->receiveBytes(chunk.data(), static_cast<int>(chunk.size()));
          if (n == 0) return true;
          if (n < 0) return now >= item.until;
          item.drained += static_cast<std::size_t>(n);
          if (item.drained > kLingerBytes) return true;
        }
      } catch (const Poco::Exception&) {
        return true;
      }
    });
  }

  // --- serving -----------------------------------------------------------------------------------

  void workerLoop() {
    for (;;) {
      SocketPtr socket;
      {
        std::unique_lock lock(mutex);
        ++idle_threads;
        wake.wait(lock, [&] { return stopping || !waiting.empty(); });
        --idle_threads;
        if (waiting.empty()) {
          --running;
          ended.notify_all();
          return;
        }
        socket = std::move(waiting.front());
        waiting.pop_front();
        active.insert(socket.get());
      }
      open.add(1);
      Wire wire(*socket);
      try {
        serve(*socket, wire);
      } catch (const std::exception& error) {
        log::error("http.connection_failed", {{"listener", options.name}, {"what", error.what()}});
      }
      open.add(-1);
      {
        const std::lock_guard lock(mutex);
        active.erase(socket.get());
      }
      if (wire.lingers) linger(std::move(socket));
    }
  }

  /// Connections wait, and no thread is or can be made free for them.
  bool othersWait() {
    const std::lock_guard lock(mutex);
    return waiting.size() > idle_threads && static_cast<int>(threads.size()) >= options.threads;
  }

  /// The first byte of a request. A silent connection gives its thread up early when others wait.
  bool awaitFirstByte(Wire& wire, Duration patience) {
    const auto until = Steady::now() + patience;
    while (wire.buffer().empty()) {
      if (stopping) return false;
      const auto now = Steady::now();
      if (now >= until) return false;
      const auto step = std::min<Steady::duration>(until - now, std::chrono::milliseconds(100));
      if (wire.receive(now + step) == Wire::Got::closed) return false;
      if (wire.buffer().empty() &&
          (draining ||
           (othersWait() && Steady::now() > until - patience + std::chrono::milliseconds(200))))
        return false;
    }
    return true;
  }

  void serve(StreamSocket& socket, Wire& wire) {
    std::string peer;
    try {
      peer = socket.peerAddress().host().toString();
    } catch (const Poco::Exception&) {
      return;
    }
    for (int served = 0; served < options.max_requests_per_connection; ++served) {
      if (!awaitFirstByte(wire, served == 0 ? options.head_timeout : options.idle_timeout)) return;
      if (!serveOne(socket, wire, peer, served + 1 < options.max_requests_per_connection)) return;
    }
  }

  /// Length of the head including its empty line, 0 when it is not complete.
  static std::size_t headEnd(const std::string& buffer) {
    const auto end = buffer.find("\r\n\r\n");
    return end == std::string::npos ? 0 : end + 4;
  }

  Result<Head> readHead(Wire& wire) {
    const auto until = Steady::now() + options.head_timeout;
    // An empty line before the request line is tolerated (RFC 9112, 2.2).
    for (;;) {
      while (wire.buffer().starts_with("\r\n")) wire.buffer().erase(0, 2);
      if (const auto end = headEnd(wire.buffer()); end != 0) {
        auto head = parseHead(std::string_view(wire.buffer()).substr(0, end), options.head);
        wire.buffer().erase(0, end);
        return head;
      }
      if (wire.buffer().size() > options.head.max_bytes) {
        return wire.buffer().find("\r\n") == std::string::npos
                   ? fail(Errc::uri_too_long, "the request line is longer than " +
                                                  std::to_string(options.head.max_bytes) + " bytes")
                   : fail(Errc::headers_too_large, "the head is larger than " +
                                                       std::to_string(options.head.max_bytes) +
                                                       " bytes");
      }
      switch (Steady::now() < until ? wire.receive(until) : Wire::Got::timeout) {
        case Wire::Got::data:
          break;
        case Wire::Got::timeout:
          return fail(Errc::deadline_exceeded, "the request head did not arrive in time");
        case Wire::Got::closed:
          return fail(Errc::cancelled, "the connection closed");
      }
    }
  }

  /// True when the connection can carry another request.
  bool serveOne(StreamSocket& socket, Wire& wire, const std::string& peer, bool may_keep) {
    auto head = readHead(wire);
    if (!head) {
      if (head.error().code == Errc::cancelled) return false;
      return reply(socket, wire, pipeline->reject(head.error(), peer), false, false, false);
    }
    const bool is_head = head->request.method == "HEAD";
    WireBody body(wire, *head, options.body_timeout);
    if (draining) {
      Error error{Errc::shutting_down, "this server is going down", {}, 2};
      return reply(socket, wire, pipeline->reject(error, peer), is_head, false, body.consumed());
    }
    const bool keep = may_keep && head->keep_alive;
    {
      const std::lock_guard lock(mutex);
      ++in_flight;
    }
    const Response response = pipeline->handle(std::move(*head), peer, body);
    const bool keep_now = keep && body.consumed() && !draining && !othersWait();
    const bool kept = reply(socket, wire, response, is_head, keep_now, body.consumed());
    const std::lock_guard lock(mutex);
    if (--in_flight == 0) quiet.notify_all();
    return kept;
  }

  bool reply(StreamSocket& socket, Wire& wire, const Response& response, bool is_head, bool keep,
             bool consumed) {
    if (response.status == 499) return false;  // nobody is there to read it
    const bool sent = wire.send(serializeResponse(response, is_head, keep),
                                Steady::now() + options.write_timeout);
    if (sent && !keep) {
      wire.lingers = !consumed || !wire.buffer().empty();
      shutdownQuietly(socket);
    }
    return sent && keep;
  }

  static void shutdownQuietly(StreamSocket& socket) {
    try {
      socket.shutdownSend();
    } catch (const Poco::Exception&) {
      return;  // the client was faster
    }
  }

  // --- ending ------------------------------------------------------------------------------------

  bool stop(Duration timeout) {
    draining = true;
    {
      std::unique_lock lock(mutex);
      quiet.wait_for(lock, timeout, [&] { return in_flight == 0; });
      stopping = true;
      for (auto* socket : active) ::shutdown(socket->impl()->sockfd(), SHUT_RDWR);
    }
    wake.notify_all();
    if (accepter.joinable()) accepter.join();
    listener.close();
    std::unique_lock lock(mutex);
    waiting.clear();
    wake.notify_all();
    const bool clean = ended.wait_for(lock, std::chrono::seconds(3), [&] { return running == 0; });
    auto all = std::move(threads);
    threads.clear();
    lock.unlock();
    for (auto& thread : all) {
      if (clean)
        thread.join();
      else
        thread.detach();
    }
    if (!clean) log::error("http.handler_hangs", {{"listener", options.name}});
    const std::lock_guard linger_lock(linger_mutex);
    lingering.clear();
    return clean;
  }

  ServerOptions options;
  Pipeline* pipeline = nullptr;
  std::string address;  ///< once bound
  Gauge& open;
  Counter& refused;
  Poco::Net::ServerSocket listener;
  std::thread accepter;
  std::atomic<bool> stopping{false};
  std::atomic<bool> draining{false};

  std::mutex mutex;
  std::condition_variable wake, quiet, ended;
  std::deque<SocketPtr> waiting;
  std::unordered_set<StreamSocket*> active;
  std::vector<std::thread> threads;
  std::size_t idle_threads = 0;
  int running = 0;
  int in_flight = 0;

  std::mutex linger_mutex;
  std::list<Lingering> lingering;
};

HttpServer::HttpServer(ServerOptions options, Metrics& metrics)
    : impl_(std::make_shared<Impl>(std::move(options), metrics)) {}

HttpServer::~HttpServer() {
  if (impl_->accepter.joinable()) stop(Duration(0));
}

Result<std::string> HttpServer::bind() {
  try {
    const Poco::Net::SocketAddress wanted(impl_->options.listen);
    // Not with one argument: Poco would also set SO_REUSEPORT, and two servers would share the
    // port.
    impl_->listener.bind(wanted, true, false);
    impl_->address = impl_->listener.address().toString();
    return impl_->address;
  } catch (const Poco::Exception& error) {
    return fail(Errc::io_error,
                "cannot listen on " + impl_->options.listen + ": " + error.displayText());
  }
}

Status HttpServer::start(Pipeline& pipeline) {
  if (impl_->address.empty()) CCP_CHECK_OK(bind());
  try {
    impl_->pipeline = &pipeline;
    impl_->listener.listen(1024);
    impl_->accepter = std::thread([impl = impl_] { impl->acceptLoop(); });
    return {};
  } catch (const Poco::Exception& error) {
    return fail(Errc::io_error,
                "cannot listen on " + impl_->options.listen + ": " + error.displayText());
  }
}

void HttpServer::beginDrain() {
  impl_->draining = true;
}

bool HttpServer::stop(Duration timeout) {
  if (!impl_->accepter.joinable()) return true;
  return impl_->stop(timeout);
}

}  // namespace ccp::http
