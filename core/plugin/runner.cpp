#include "core/plugin/runner.hpp"

#include <chrono>

namespace ccp::plugin {

std::vector<TimedOutcome> Runner::runEach(const Function& function, const CallContext& context,
                                          std::vector<std::string> inputs, const Clock& clock,
                                          int) {
  std::vector<TimedOutcome> out;
  out.reserve(inputs.size());
  for (std::string& input : inputs) {
    if (!out.empty() && context.deadline.expired(clock)) {
      out.push_back({tooLate(), {}});
      continue;
    }
    const auto began = std::chrono::steady_clock::now();
    CallOutcome outcome = run(function, context, std::move(input));
    out.push_back({std::move(outcome), std::chrono::duration_cast<Duration>(std::chrono::steady_clock::now() - began)});
  }
  return out;
}

CallOutcome Runner::tooLate() {
  CallOutcome out;
  out.code = Errc::deadline_exceeded;
  out.detail = "the deadline was over before its turn came";
  return out;
}

}  // namespace ccp::plugin
