#include "core/plugin/runner.hpp"

#include <chrono>

namespace ccp::plugin {

std::vector<TimedOutcome> Runner::runInOrder(const std::vector<Function>& functions, const CallContext& context, const std::string& input,
                                             const Clock& clock) {
  std::vector<TimedOutcome> out;
  for (const Function& function : functions) {
    if (!out.empty() && context.deadline.expired(clock)) {
      out.push_back({tooLate(), {}});
      break;
    }
    const auto began = std::chrono::steady_clock::now();
    CallOutcome outcome = run(function, context, input);
    const auto took = std::chrono::duration_cast<Duration>(std::chrono::steady_clock::now() - began);
    const bool ok = outcome.ok();
    out.push_back({std::move(outcome), took});
    if (!ok) break;
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
