// The listener: sockets, threads, deadlines, overload and drain. It turns bytes into heads and
// bodies for a Pipeline and answers into bytes; no Poco type leaves server.cpp. A connection holds
// a thread while it is served (ADR 0008). Every wait has an end: a head, a body and an answer each
// have a total time, not one per read. Threads: start, beginDrain and stop from one thread; the
// rest is internal.
#pragma once

#include <memory>
#include <string>

#include "core/http/pipeline.hpp"

namespace ccp::http {

struct ServerOptions {
  std::string name = "public";  ///< in logs and metrics
  std::string listen;           ///< "127.0.0.1:8787", "[::1]:0"; port 0 = any free one
  int threads = 64;             ///< connections served at once
  int max_waiting = 256;  ///< accepted connections that wait for a thread; more get 503 at once
  HeadLimits head = {};
  Duration idle_timeout = seconds(2);    ///< between requests of one connection
  Duration head_timeout = seconds(10);   ///< first byte to the empty line, and for the first byte
  Duration body_timeout = seconds(30);   ///< whole body
  Duration write_timeout = seconds(30);  ///< whole answer
  int max_requests_per_connection = 1000;
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
  /// Listens and serves; binds first if that has not been done. `pipeline` must outlive the server.
  Status start(Pipeline& pipeline);
  /// From now on new requests get 503 `shutting_down` and their connections close.
  void beginDrain();
  /// Waits up to `timeout` for requests that are being answered, then cuts every connection and
  /// ends the threads. False when a handler still hangs a moment after that: its thread is left
  /// behind, and the process must leave with _exit.
  bool stop(Duration timeout);

 private:
  struct Impl;
  std::shared_ptr<Impl> impl_;  // shared with threads, which may outlive a stop() that gave up
};

}  // namespace ccp::http
