// The listener: event loops (loop.hpp) for the sockets, workers for handlers, a watchdog, limits
// and drain. It turns bytes into heads and bodies for a Pipeline and answers into bytes.
// Connections cost no thread (ADR 0023). Every wait has an end: a head, a body and an answer each
// have a total time, not one per read. Threads: start, beginDrain and stop from one thread; the
// rest is internal.
#pragma once

#include <memory>
#include <string>

#include "core/http/connection.hpp"
#include "core/http/pipeline.hpp"
#include "core/http/transport.hpp"

namespace ccp::http {

struct ServerOptions {
  std::string name = "public";           ///< in logs and metrics
  std::string listen;                    ///< "127.0.0.1:8787", "[::1]:0"; port 0 = any free one
  int loops = 0;                         ///< threads for sockets; 0 = one per core
  int threads = 64;                      ///< handlers that run at once
  int max_queued = 4096;                 ///< requests that wait for a worker; more get 503 at once
  Duration queue_patience = seconds(5);  ///< what waited longer gets 503 instead of its handler
  int max_connections = 10'000;
  int max_connections_per_address = 1000;  ///< trusted proxies have no such limit
  int max_parked = 10'000;                 ///< requests that wait for a bell
  std::size_t body_budget = 256 << 20;    ///< bytes of request bodies at once, over all connections
  std::size_t answer_budget = 256 << 20;  ///< bytes of answers that clients have not taken yet
  HeadLimits head = {};
  Duration idle_timeout = seconds(60);   ///< between requests of one connection
  Duration head_timeout = seconds(10);   ///< first byte to the empty line, and for the first byte
  Duration body_timeout = seconds(30);   ///< whole body; longer ones come at `min_rate` at least
  Duration write_timeout = seconds(30);  ///< whole answer; likewise
  std::size_t min_rate = 4096;           ///< bytes a second; 0: the times hold for any length
  int max_requests_per_connection = 10'000;
  /// Without TLS: answers only this machine and the trusted proxies, and tells others so (403).
  bool clear_text_from_proxies_only = false;
  Duration blocked_loop =
      milliseconds(50);  ///< the watchdog names a handler that holds a loop longer

  ConnectionLimits limits() const;
};

class HttpServer {
 public:
  HttpServer(ServerOptions options, Metrics& metrics);
  ~HttpServer();  ///< stops at once if stop() was not called
  HttpServer(const HttpServer&) = delete;
  HttpServer& operator=(const HttpServer&) = delete;

  /// Takes the address, so that it is known before anything is built on it; nobody is answered yet.
  /// The real one ("127.0.0.1:41233"), or `io_error`.
  Result<std::string> bind();
  /// Listens and serves; binds first if that has not been done. With `tls` every connection begins
  /// with a handshake; without, in clear text. Both must outlive the server.
  Status start(Pipeline& pipeline, TransportFactory* tls = nullptr);
  /// From now on new requests get 503 `shutting_down` and their connections close; requests that
  /// wait for a bell get their answer.
  void beginDrain();
  /// Waits up to `timeout` for requests that are being answered, then cuts every connection and
  /// ends the threads. False when a handler still hangs a moment after that: its thread is left
  /// behind, and the process must leave with _exit.
  bool stop(Duration timeout);

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace ccp::http
