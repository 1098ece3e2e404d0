// The start of the server as an ordered list of named steps, each with its way back. A step that
// fails names itself, and what came before is undone in reverse order; stopping is the same
// unwinding. One thread.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "core/base/error.hpp"

namespace ccp::app {

class Steps {
 public:
  using Start = std::function<Status()>;
  using Stop = std::function<void()>;

  void add(std::string name, Start start, Stop stop = {});
  /// Runs the steps in order. On failure everything is undone, and the error's detail begins with
  /// the step's name.
  Status start();
  /// Undoes what has been started, last first. Idempotent.
  void stop() noexcept;
  const std::string& failedStep() const noexcept { return failed_step_; }

 private:
  struct Step {
    std::string name;
    Start start;
    Stop stop;
  };
  std::vector<Step> steps_;
  std::size_t started_ = 0;
  std::string failed_step_;
};

}  // namespace ccp::app
