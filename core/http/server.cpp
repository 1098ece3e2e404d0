#include "core/http/server.hpp"

#include <sys/resource.h>

#include <algorithm>
#include <condition_variable>
#include <mutex>
#include <thread>
#include <vector>

#include "core/base/log.hpp"
#include "core/http/loop.hpp"
#include "core/http/watchdog.hpp"

namespace ccp::http {
namespace {

constexpr auto kPatienceWithHandlers = std::chrono::seconds(3);
constexpr int kMostLoops = 64;
constexpr rlim_t kOtherDescriptors = 512;  // files, databases, plugins

/// Threads that may have to be left behind: counted apart from their handles.
struct LoopThreads {
  std::mutex mutex;
  std::condition_variable changed;
  int running = 0;
};

int loopsOf(const ServerOptions& options) {
  if (options.loops > 0) return std::min(options.loops, kMostLoops);
  return std::clamp(static_cast<int>(std::thread::hardware_concurrency()), 1, kMostLoops);
}

/// A connection is a descriptor, and the usual soft limit is 1,024: takes what the hard limit
/// allows.
void allowDescriptors(const ServerOptions& options) {
  const auto needed = static_cast<rlim_t>(options.max_connections) + kOtherDescriptors;
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur >= needed) return;
  limit.rlim_cur = std::min(limit.rlim_max, needed);
  if (::setrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur == needed) return;
  log::warn("http.descriptors_short", {{"listener", options.name},
                                       {"max_connections", options.max_connections},
                                       {"needed", static_cast<std::int64_t>(needed)},
                                       {"limit", static_cast<std::int64_t>(limit.rlim_cur)}});
}

}  // namespace

ConnectionLimits ServerOptions::limits() const {
  ConnectionLimits out;
  out.head = head;
  out.idle_timeout = idle_timeout;
  out.head_timeout = head_timeout;
  out.body_timeout = body_timeout;
  out.write_timeout = write_timeout;
  out.min_rate = min_rate;
  out.max_requests = max_requests_per_connection;
  return out;
}

struct HttpServer::Impl {
  Impl(ServerOptions o, Metrics& metrics) : front(std::make_shared<Front>(std::move(o), metrics)) {}

  void wakeAll() const {
    for (const auto& loop : loops) loop->wake();
  }

  bool stop(Duration timeout) {
    front->draining = true;
    wakeAll();
    const auto until = std::chrono::steady_clock::now() + timeout;
    const auto all = static_cast<int>(loops.size());
    while ((front->drained < all || front->engaged > 0 || front->pool.busy() > 0) &&
           std::chrono::steady_clock::now() < until)
      std::this_thread::sleep_for(std::chrono::milliseconds(1));
    watchdog.reset();
    front->stopping = true;
    wakeAll();
    bool clean = true;
    {
      std::unique_lock lock(state->mutex);
      clean =
          state->changed.wait_for(lock, kPatienceWithHandlers, [&] { return state->running == 0; });
    }
    for (auto& thread : threads) {
      if (clean) {
        thread.join();
      } else {
        thread.detach();
      }
    }
    threads.clear();
    clean = front->pool.stop(kPatienceWithHandlers) && clean;
    if (!clean) log::error("http.handler_hangs", {{"listener", front->options.name}});
    return clean;
  }

  std::shared_ptr<Front> front;
  std::string address;  ///< once bound
  std::vector<std::shared_ptr<Loop>> loops;
  std::vector<std::thread> threads;
  std::shared_ptr<LoopThreads> state = std::make_shared<LoopThreads>();
  std::unique_ptr<Watchdog> watchdog;
};

HttpServer::HttpServer(ServerOptions options, Metrics& metrics)
    : impl_(std::make_unique<Impl>(std::move(options), metrics)) {}

HttpServer::~HttpServer() {
  stop(Duration(0));
}

Result<std::string> HttpServer::bind() {
  Impl& impl = *impl_;
  allowDescriptors(impl.front->options);
  std::vector<std::shared_ptr<Loop>> loops;
  std::string address = impl.front->options.listen;
  for (int i = 0; i < loopsOf(impl.front->options); ++i) {
    loops.push_back(std::make_shared<Loop>(impl.front, i));
    CCP_TRY(address, loops.back()->bind(address, i == 0));
  }
  impl.loops = std::move(loops);
  impl.address = address;
  return address;
}

Status HttpServer::start(Pipeline& pipeline, TransportFactory* tls) {
  Impl& impl = *impl_;
  if (impl.address.empty()) CCP_CHECK_OK(bind());
  impl.front->pipeline = &pipeline;
  impl.front->tls = tls;
  for (const auto& loop : impl.loops) CCP_CHECK_OK(loop->listen());
  impl.state->running = static_cast<int>(impl.loops.size());
  for (const auto& loop : impl.loops) {
    impl.threads.emplace_back([loop, state = impl.state] {
      loop->run();
      const std::lock_guard lock(state->mutex);
      --state->running;
      state->changed.notify_all();
    });
  }
  impl.watchdog = std::make_unique<Watchdog>(impl.front, impl.loops);
  return {};
}

void HttpServer::beginDrain() {
  impl_->front->draining = true;
  impl_->wakeAll();
}

bool HttpServer::stop(Duration timeout) {
  if (impl_->threads.empty()) return true;
  return impl_->stop(timeout);
}

}  // namespace ccp::http
