#include "core/http/watchdog.hpp"

#include <algorithm>

#include "core/base/log.hpp"

namespace ccp::http {
namespace {

constexpr auto kLook = std::chrono::milliseconds(20);
constexpr int kLooksAtLoopsPerWorkers = 10;
constexpr int kTurnsAllowance = 5;

std::uint64_t elapsedMs(std::uint64_t since_ns) {
  const auto now = SystemClock().monotonicNs();
  return now > since_ns ? (now - since_ns) / 1'000'000 : 0;
}

}  // namespace

Watchdog::Watchdog(std::shared_ptr<Front> front, std::vector<std::shared_ptr<Loop>> loops)
    : front_(std::move(front)), loops_(std::move(loops)), named_(loops_.size(), 0) {
  thread_ = std::thread([this] { run(); });
}

Watchdog::~Watchdog() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  changed_.notify_all();
  thread_.join();
}

void Watchdog::run() {
  std::unique_lock lock(mutex_);
  for (int round = 1; !changed_.wait_for(lock, kLook, [&] { return stopping_; }); ++round) {
    lookAtLoops();
    if (round % kLooksAtLoopsPerWorkers == 0) lookAtWorkers();
  }
}

void Watchdog::lookAtLoops() {
  for (std::size_t i = 0; i < loops_.size(); ++i) {
    const auto running = loops_[i]->running();
    if (running.since_ns == 0 || running.run == named_[i]) continue;
    const auto ms = elapsedMs(running.since_ns);
    // A turn serves hundreds of connections; a handler is one.
    const auto allowed =
        front_->options.blocked_loop * (running.route != nullptr ? 1 : kTurnsAllowance);
    if (ms * 1000 < static_cast<std::uint64_t>(allowed.count())) continue;
    named_[i] = running.run;
    // Without a route it is the loop's own work, or a log that nobody reads.
    const std::string route = running.route != nullptr
                                  ? running.route->method + " " + running.route->pattern
                                  : std::string("-");
    log::error("http.loop_blocked", {{"listener", front_->options.name},
                                     {"loop", static_cast<std::int64_t>(i)},
                                     {"route", route},
                                     {"ms", static_cast<std::int64_t>(ms)}});
    front_->metrics
        .counter("ccp_http_loop_blocked_total", "Handlers that held an event loop for too long",
                 {{"listener", front_->options.name}, {"route", route}})
        .add();
  }
}

void Watchdog::lookAtWorkers() {
  std::unordered_set<std::uint64_t> still;
  front_->pool.each([&](const WorkerPool::Running& running) {
    const auto ms = elapsedMs(running.since_ns);
    const auto allowed =
        std::chrono::duration_cast<milliseconds>(running.route->options.timeout).count();
    if (ms < static_cast<std::uint64_t>(allowed)) return;
    still.insert(running.run);
    if (overdue_.contains(running.run)) return;
    const std::string route = running.route->method + " " + running.route->pattern;
    log::error("http.handler_overdue", {{"listener", front_->options.name},
                                        {"route", route},
                                        {"ms", static_cast<std::int64_t>(ms)},
                                        {"allowed_ms", static_cast<std::int64_t>(allowed)}});
    front_->metrics
        .counter("ccp_http_handler_overdue_total", "Handlers that ran beyond their route's time",
                 {{"listener", front_->options.name}, {"route", route}})
        .add();
  });
  overdue_ = std::move(still);
}

}  // namespace ccp::http
