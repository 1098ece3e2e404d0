#include "core/app/steps.hpp"

#include <chrono>
#include <exception>

#include "core/base/log.hpp"

namespace ccp::app {
namespace {

using Steady = std::chrono::steady_clock;

double millisecondsSince(Steady::time_point start) {
  return static_cast<double>(
             std::chrono::duration_cast<std::chrono::microseconds>(Steady::now() - start).count()) /
         1000.0;
}

/// A step may use a library that throws; its failure is an Error like any other.
Status guarded(const Steps::Start& start) {
  try {
    return start();
  } catch (const std::exception& error) {
    return fail(Errc::internal, error.what());
  }
}

}  // namespace

void Steps::add(std::string name, Start start, Stop stop) {
  steps_.push_back({std::move(name), std::move(start), std::move(stop)});
}

Status Steps::start() {
  for (; started_ < steps_.size(); ++started_) {
    const Step& step = steps_[started_];
    const auto since = Steady::now();
    auto status = guarded(step.start);
    if (!status) {
      failed_step_ = step.name;
      log::error("start.failed", {{"step", step.name},
                                  {"code", status.error().name()},
                                  {"detail", status.error().detail}});
      stop();
      return status;
    }
    log::info("start.step", {{"step", step.name}, {"ms", millisecondsSince(since)}});
  }
  return {};
}

void Steps::stop() noexcept {
  while (started_ > 0) {
    const Step& step = steps_[--started_];
    if (!step.stop) continue;
    const auto since = Steady::now();
    try {
      step.stop();
      log::info("stop.step", {{"step", step.name}, {"ms", millisecondsSince(since)}});
    } catch (const std::exception& error) {
      log::error("stop.failed", {{"step", step.name}, {"what", error.what()}});
    }
  }
}

}  // namespace ccp::app
